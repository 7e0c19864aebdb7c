package invoke_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"runtime"
	"sync"
	"syscall"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
)

// A runtime decides what to do about a failed plugin by what the error is, never
// by its text, and shows the text to the operator.
func ExamplePluginError() {
	call := &invoke.Call{
		Plugin: "bridge", Path: "/opt/cni/bin/bridge",
		Network: "backend", ContainerID: "c1", IfName: "eth0",
	}
	run := func(verb string, fails error) {
		call.Command = verb
		_, err := call.Run(context.Background(), &fakeExec{err: fails})

		var failed *invoke.PluginError
		switch {
		case err == nil:
			fmt.Println("done")
		case errors.As(err, &failed) && failed.Retryable():
			fmt.Println(verb, "again later:", err)
		case verb == "DEL" && errors.As(err, &failed) && failed.Code == types.ErrUnknownContainer:
			fmt.Println(verb, "nothing to do, it is gone already:", err)
		case errors.Is(err, invoke.ErrPluginNotFound):
			fmt.Println(verb, "cannot work on this node:", err)
		case errors.Is(err, context.DeadlineExceeded):
			fmt.Println(verb, "took too long: DEL now, then ADD again")
		default:
			fmt.Printf("%s gave up: %+v\n", verb, err)
		}
	}
	run("ADD", nil)
	run("ADD", types.NewError(types.ErrTryAgainLater, "the bridge is being set up", ""))
	run("DEL", types.NewError(types.ErrUnknownContainer, "no such container", ""))
	run("ADD", &invoke.NotFoundError{Plugin: "bridge", Dirs: []string{"/opt/cni/bin"}})
	run("ADD", &invoke.PluginError{
		Msg: "netplugin failed with no error message: signal: terminated", ExitCode: -1, Signal: syscall.SIGTERM,
		Cause: context.DeadlineExceeded,
	})
	run("CHECK", &invoke.PluginError{
		Code: 100, Msg: "no route to 10.1.0.1", ExitCode: 1,
		Stderr: "looking for cni0\ncni0 is down\n",
	})
	// Output:
	// done
	// ADD again later: the bridge is being set up
	// DEL nothing to do, it is gone already: no such container
	// ADD cannot work on this node: failed to find plugin "bridge" in path [/opt/cni/bin]
	// ADD took too long: DEL now, then ADD again
	// CHECK gave up: no route to 10.1.0.1
	//     network:   backend
	//     plugin:    bridge
	//     path:      /opt/cni/bin/bridge
	//     verb:      CHECK
	//     container: c1
	//     interface: eth0
	//     code:      100
	//     exit:      status 1
	//     stderr:    looking for cni0
	//                cni0 is down
}

// What a plugin printed becomes the next plugin's prevResult without losing a byte.
func ExampleCheckResult() {
	for _, reply := range []string{
		`{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.2/24"}],"vendor":{"id":12345678901234567890}}`,
		`{"ips":[{"address":"10.1.0.2/24"}]}`,
		`{"cniVersion":"0.2.0","ip4":{"ip":"10.1.0.2/24"}}`,
		`{"cniVersion":"1.0.0","ips":[null]}`,
	} {
		result, err := invoke.CheckResult([]byte(reply), "1.0.0")
		if err != nil {
			fmt.Println("error:", err)
			continue
		}
		fmt.Printf("%s\n", result)
	}
	// Output:
	// {"cniVersion":"1.0.0","ips":[{"address":"10.1.0.2/24"}],"vendor":{"id":12345678901234567890}}
	// {"cniVersion":"1.0.0","ips":[{"address":"10.1.0.2/24"}]}
	// {"cniVersion":"1.0.0","ips":[{"address":"10.1.0.2/24"}]}
	// error: /ips/0: JSON value is null, not an object
}

// Plugins see what they need of this process's environment and nothing else.
func ExampleEnvPolicy_Environ() {
	for _, name := range []string{"EXAMPLE_PASSWORD", "EXAMPLE_REGION"} {
		os.Setenv(name, "north")
		defer os.Unsetenv(name)
	}
	policy := invoke.EnvPolicy{Allow: []string{"EXAMPLE_REGION"}, Set: []string{"PATH=/usr/sbin:/usr/bin"}}

	for _, variable := range policy.Environ(&invoke.Args{
		Command: "ADD", ContainerID: "c1", NetNS: "/run/netns/c1", IfName: "eth0",
		PluginArgs: [][2]string{{"IgnoreUnknown", "1"}}, Path: "/opt/cni/bin",
	}) {
		fmt.Println(variable)
	}
	// Output:
	// CNI_ARGS=IgnoreUnknown=1
	// CNI_COMMAND=ADD
	// CNI_CONTAINERID=c1
	// CNI_IFNAME=eth0
	// CNI_NETNS=/run/netns/c1
	// CNI_PATH=/opt/cni/bin
	// EXAMPLE_REGION=north
	// PATH=/usr/sbin:/usr/bin
}

// A span, or a metric, for each run of a plugin.
func ExampleObserver() {
	type span struct{ name string }
	observer := &invoke.Observer{
		Start: func(ctx context.Context, call *invoke.Call) context.Context {
			return context.WithValue(ctx, span{}, &span{call.Command + " " + call.Plugin})
		},
		End: func(ctx context.Context, _ *invoke.Call, outcome *invoke.Outcome) {
			fmt.Println(ctx.Value(span{}).(*span).name, "ended:", outcome.Err)
		},
	}
	call := &invoke.Call{Plugin: "bridge", Path: "/opt/cni/bin/bridge", Command: "ADD", Observer: observer}
	_, _ = call.Run(context.Background(), &fakeExec{err: types.NewError(types.ErrTryAgainLater, "busy", "")})
	// Output:
	// ADD bridge ended: busy
}

// However many attachments are made at a time, two plugins run.
func ExampleLimit() {
	var mu sync.Mutex
	running, most := 0, 0
	count := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		running += n
		most = max(most, running)
	}
	plugin := func(context.Context, *invoke.Request) error {
		count(+1)
		runtime.Gosched()
		count(-1)
		return nil
	}
	exec := invoke.Limit(&invoke.InProcess{Plugins: map[string]*invoke.Plugin{"bridge": {Del: plugin}}}, 2)
	path, err := exec.FindInPath("bridge", nil)
	if err != nil {
		log.Fatal(err)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			call := &invoke.Call{
				Plugin: "bridge", Path: path, Command: "DEL", Stdin: []byte(`{"cniVersion":"1.1.0","name":"backend","type":"bridge"}`),
				Environ: []string{"CNI_COMMAND=DEL", "CNI_CONTAINERID=c1", "CNI_IFNAME=eth0", "CNI_PATH=/opt/cni/bin"},
			}
			if _, err := call.Run(context.Background(), exec); err != nil {
				log.Fatal(err)
			}
		})
	}
	all.Wait()
	fmt.Println(most <= 2)
	// Output:
	// true
}

// The error says where was looked; what to do about it is in %+v.
func ExampleFindInPath() {
	_, err := invoke.FindInPath("brigde", []string{"/nonexistent/bin"})
	var missing *invoke.NotFoundError
	fmt.Println(errors.Is(err, invoke.ErrPluginNotFound), errors.As(err, &missing), missing.Plugin)
	_, err = invoke.FindInPath("../bridge", []string{"/nonexistent/bin"})
	fmt.Println(err)
	// Output:
	// true true brigde
	// invalid plugin name: ../bridge
}

// A plugin leaves its addresses to another one, which it finds in CNI_PATH and gives
// its own environment. Here that one is a function; with a nil Exec it is a program.
func ExampleDelegateAdd() {
	for name, value := range map[string]string{
		"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c1", "CNI_NETNS": "/run/netns/c1", "CNI_IFNAME": "eth0", "CNI_PATH": "/opt/cni/bin",
	} {
		os.Setenv(name, value)
		defer os.Unsetenv(name)
	}
	exec := &invoke.InProcess{Plugins: map[string]*invoke.Plugin{"pool": {
		Add: func(_ context.Context, r *invoke.Request) (types.Result, error) {
			fmt.Println(r.Command, r.ContainerID, r.IfName, r.Conf.IPAM.Type)
			return invoke.DecodeResult([]byte(`{"cniVersion":"1.1.0","ips":[{"address":"10.1.0.2/24"}]}`))
		},
		Del: func(_ context.Context, r *invoke.Request) error {
			fmt.Println(r.Command, r.ContainerID, r.IfName, r.Conf.IPAM.Type)
			return nil
		},
	}}}
	conf := []byte(`{"cniVersion":"1.0.0","name":"backend","type":"bridge","ipam":{"type":"pool"}}`)

	result, err := invoke.DelegateAdd(context.Background(), "pool", conf, exec)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("version", result.Version())
	fmt.Println(invoke.DelegateDel(context.Background(), "pool", conf, exec))
	// Output:
	// ADD c1 eth0 pool
	// version 1.0.0
	// DEL c1 eth0 pool
	// <nil>
}

// An older plugin's result for a newer configuration, and back: what a version has no
// place for is lost.
func ExampleConvertResult() {
	result := []byte(`{"cniVersion":"0.2.0","ip4":{"ip":"10.1.0.2/24","gateway":"10.1.0.1"}}`)
	for _, version := range []string{"1.0.0", "0.2.0", "7.0.0"} {
		converted, err := invoke.ConvertResult(result, version)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%s\n", converted)
	}
	// Output:
	// {"cniVersion":"1.0.0","ips":[{"address":"10.1.0.2/24","gateway":"10.1.0.1"}]}
	// {"cniVersion":"0.2.0","ip4":{"ip":"10.1.0.2/24","gateway":"10.1.0.1"}}
	// unsupported CNI result version "7.0.0"
}

// The trace that a request belongs to, as whatever keeps it says, goes on in the plugins.
func ExampleTraceContext() {
	observer := &invoke.Observer{TraceContext: func(context.Context, *invoke.Call) invoke.TraceContext {
		return invoke.TraceContext{TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", TraceState: "vendor=1"}
	}}
	fake := &fakeExec{}
	ctx := invoke.WithObserver(context.Background(), observer) // or Call.Observer, or libcni.Options.Observer
	call := &invoke.Call{Plugin: "bridge", Path: "/opt/cni/bin/bridge", Command: "DEL", Environ: []string{"CNI_COMMAND=DEL"}}
	if _, err := call.Run(ctx, fake); err != nil {
		log.Fatal(err)
	}
	for _, variable := range fake.environ {
		fmt.Println(variable)
	}
	fmt.Println(invoke.TraceContext{TraceParent: "00-1-2-3"}.Validate())
	// Output:
	// CNI_COMMAND=DEL
	// TRACEPARENT=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
	// TRACESTATE=vendor=1
	// TRACEPARENT: "00-1-2-3" is not of the form version-trace-span-flags
}
