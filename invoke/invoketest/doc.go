// Package invoketest is for testing programs that use libcni or invoke: without
// plugins, without root, without processes if you like.
//
// # Script what the plugins say
//
// An [Exec] takes the place of the plugins. Tell it which runs to expect, and give
// it to the code under test:
//
//	fake := invoketest.NewExec(t,
//		invoketest.Run{Command: "ADD", Plugin: "bridge", Reply: `{"cniVersion":"1.0.0"}`},
//		invoketest.Run{Command: "ADD", Plugin: "portmap", Err: types.NewError(types.ErrTryAgainLater, "busy", "")},
//		invoketest.Run{Command: "DEL", Plugin: "portmap"},
//		invoketest.Run{Command: "DEL", Plugin: "bridge"},
//	)
//	cni := libcni.New([]string{"/opt/cni/bin"}, libcni.Options{Exec: fake, CacheDir: t.TempDir()})
//
// The test fails on a run that is not the next one, and at its end for those that
// have not happened. What a Run does not name it does not look at: start with verb
// and plugin, add what the test is about. [Run.Stdin] is JSON that the request must
// contain, [Run.Env] what the environment must have:
//
//	invoketest.Run{
//		Command: "ADD", Plugin: "portmap", ContainerID: "con1",
//		Stdin: `{"runtimeConfig":{"portMappings":[{"hostPort":8080}]}, "ipMasq":null}`,
//		Env:   []string{"CNI_IFNAME=eth0", "!HTTP_PROXY"},
//	}
//
// Arrays are compared element by element, so the one above wants a single mapping;
// null wants no ipMasq. What is different is reported place by place:
//
//	invoketest: run 2: ADD portmap container=con1 ifname=eth0: not as expected
//	  stdin /runtimeConfig/portMappings/0/hostPort: got 80, want 8080
//
// A plugin can also fail without an error object (ExitCode, Stderr), take its time
// (Delay), not come back before the context ends (Hang), or be a function (Do). Time
// passes at once in a testing/synctest bubble; there podnet needs its Options.NoWatch,
// since nobody's time passes while files are watched. A caller that runs plugins at the
// same time needs [Exec.AnyOrder], one whose runs the test is not about a Run with
// [AnyTimes]; [Exec.Calls] has what happened, to be looked at afterwards.
//
// # Let plugins do something
//
// [Plugins] has three small plugins that keep their state in a directory: links
// that cannot be made twice, addresses that run out. What is left in the directory is
// what has leaked. They run in the process:
//
//	exec := &invoke.InProcess{Plugins: invoketest.Plugins()}
//
// An invoke.Plugin of your own is as good, and a zero one does nothing.
//
// # Run real processes
//
// The test's program itself can be the plugins. Call [Main] from TestMain, and make
// a plugin directory with [Dir]:
//
//	func TestMain(m *testing.M) {
//		invoketest.Main(m, map[string]*invoke.Plugin{"bridge": {Add: addBridge}})
//	}
//
//	func TestAttach(t *testing.T) {
//		cni := libcni.New([]string{invoketest.Dir(t)}, libcni.Options{CacheDir: t.TempDir()})
//		...
//	}
//
// # Write an Exec
//
// [TestExec] holds an Exec of your own against everything that this library relies
// on: that results, requests and environments travel unharmed, that errors keep
// their codes, that the end of a context ends the call.
package invoketest
