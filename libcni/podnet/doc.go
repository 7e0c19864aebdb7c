// Package podnet attaches containers to several networks, as a container runtime
// does: the part that every runtime wrote again on top of libcni.
//
//	ctx := context.Background()
//	manager, err := podnet.Open(ctx, podnet.Options{}) // of /etc/cni/net.d and /opt/cni/bin
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer manager.Close()
//
//	web := types.Capabilities{PortMappings: []types.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}}}
//	attachments, err := manager.Attach(ctx, podnet.Pod{
//		ID: "web-1", NetNS: "/run/netns/web-1",
//		Networks: []podnet.Network{{Name: "frontend", IfName: "eth0", Capabilities: web}, {Name: "backend", IfName: "back0"}},
//	})
//	if err != nil { // and then it is attached to none of them
//		log.Fatalf("%+v", err)
//	}
//	for _, a := range attachments {
//		fmt.Println(a.Network, a.IfName, a.IPs(types.IPv4First))
//	}
//	if err := manager.Detach(ctx, "web-1"); err != nil { // also in another process
//		log.Fatalf("%+v", err)
//	}
//
// # Configuration
//
// A [Manager] loads a directory of network configurations and follows it, and the
// plugins' directories too. What cannot be read any more stays as it was when it
// was good; a directory that does not exist has no networks. Both are logged, and in
// [Config].Err. [Manager.Config] is an immutable snapshot.
//
// # Containers
//
// [Manager.Attach] attaches a container to networks in order, all or none: when one
// fails, those before it are detached again. [Manager.Detach] works from the
// records that libcni keeps, in reverse order of attaching, whether or not the
// configuration or the network namespace is still there. Both may be repeated.
//
// # Order
//
// Operations on one container run one after the other, in the order in which they
// were called; those on different containers run in parallel. [Manager.GC] runs
// beside none of them (SPEC.md, section 3, "Lifecycle & Ordering"). This holds
// between all processes that use podnet with the same cache directory, by means of
// file locks in it. [Manager.Status] waits for nobody, and nobody for it.
//
// # Crashes
//
// What was begun is on disk before it is done: libcni's intents, and a file for
// each operation that is under way. [Open] and [Manager.Recover] finish what a
// process that died has left: an Attach that never returned is undone, a Detach is
// completed.
//
// What cannot be finished because a plugin fails every DEL stays on record and is
// tried again by each operation on the container. It blocks its own network and
// interface name, no more ([ErrUnfinished]), and [Manager.Forget] gives it up.
//
// A plugin that the dead process had started to attach runs on, and on Unix keeps
// its attachment until it ends (package libcni, "Plugins that outlive their
// runtime"). Recover, Attach and Detach wait for it, for ten seconds at most, and log
// before they do; Open does not wait. After that Recover leaves it alone, Attach cannot
// have its network and its interface name, and Detach runs DEL beside it and fails;
// the error is [libcni.ErrAddRunning]. GC leaves it alone. Whatever comes after its end
// cleans up after it. A plugin that survives a Detach or a GC is not waited for.
//
// # Already gone
//
// Detaching succeeds where there is nothing left to detach. That is decided by
// state and codes, never by an error's text: a network namespace that does not
// exist is not passed to the plugins any more; a plugin's error code 3 (container
// unknown) is success; so is code 1 of a plugin that does not speak the version of an
// ADD that never succeeded ([libcni.CNIConfig.DelAttachment]).
//
// A plugin that has no executable any more cannot detach. That is an error as long as
// a configured network uses it, or the container's network namespace exists: what
// it made in there would be lost without a word. To get a container out of that,
// install the plugin again; or take it out of the configuration and remove the
// namespace; or call [Manager.Forget]. Once no network uses the plugin and the
// namespace is gone, detaching goes without it. Its interfaces and routes went with the
// namespace, what it had made elsewhere may be left, an address or a rule: that is
// logged at level Warn, and in [Leftover].GivenUp.
//
// # Errors
//
// What an error knows besides its text, the plugin's words and what to do, is printed by
// %+v and taken by log/slog. [errors.Join] and [fmt.Errorf] with %w keep what errors.Is
// and errors.As find, and lose this: print or log an error of a Manager before it is
// joined or wrapped, or else what errors.Unwrap, or of joined ones Unwrap() []error,
// returns. (Errors that a Manager joins itself lose nothing.)
//
// # Testing
//
// A program that uses a Manager is tested with an Exec in place of the plugins
// ([Options].Exec, package invoke/invoketest), directories of its own, and, unless the
// test is about it, NoLoopback. In a testing/synctest bubble set NoWatch as well, and
// close the manager in it: then a plugin that hangs takes its whole timeout, and the test
// no time.
package podnet
