// Package libcni attaches containers to networks, by running the plugins of the
// Container Network Interface (CNI, specification 1.1.0) as a runtime does.
//
// A runtime loads a network, names an attachment, and runs a verb:
//
//	list, err := libcni.LoadNetworkConf("/etc/cni/net.d", "mynet")
//	cni := libcni.New([]string{"/opt/cni/bin"}, libcni.Options{})
//	rt := &libcni.RuntimeConf{ContainerID: id, NetNS: "/run/netns/" + id, IfName: "eth0"}
//	result, err := cni.AddNetworkList(ctx, list, rt)
//	...
//	err = cni.DelNetworkList(ctx, list, rt)
//
// # Networks
//
// A network is an ordered list of plugin configurations, in a file *.conflist,
// completed by a drop-in folder of the network's name. [LoadNetworkConf] finds
// one by name, [NetworkConfFromFile] and [NetworkConfFromBytes] parse one. A
// [ConfError] says where in which file something is wrong. [LoadDir] takes a whole
// directory and tells good files from bad ones. Loading runs nothing.
//
// # Verbs
//
// [CNIConfig.AddNetworkList] runs the plugins in order and hands each the result
// of the one before; [CNIConfig.CheckNetworkList] and [CNIConfig.DelNetworkList]
// give them the recorded result, DEL in reverse order. [CNIConfig.GCNetworkList]
// removes what is left of attachments that are no longer valid,
// [CNIConfig.GetStatusNetworkList] asks whether a network is ready.
// [CNIConfig.Plan] shows what plugins would get, and runs none. What plugins
// and vendors write, in configurations and results, travels byte for byte.
//
// None of them brings up a container's loopback interface: that is a network of
// its own, with the plugin loopback or [invoke.Loopback].
//
// # Time
//
// Without a deadline in its context a verb waits for a plugin for ever. When the
// context ends, the plugin's process group gets SIGTERM, after
// [invoke.RawExec].Grace SIGKILL, and the verb returns. A DEL that cleans up after
// an ADD that ran out of time needs a context of its own.
//
// # Records
//
// ADD leaves a record in the cache directory, and DEL removes it. It holds what
// DEL needs: the effective configuration, the arguments and the result. Before
// the first plugin of an ADD runs, an intent is on disk, so that whatever a
// crash or a failure leaves behind can still be found and removed. The files,
// below [Options].CacheDir or [CacheDir]:
//
//	results/NETWORK-ID-IFNAME      a record; upstream's name and format, both ways
//	results/NETWORK-ID-IFNAME#...  a record whose first name is another attachment's
//	pending/NETWORK+ID+IFNAME+...  an intent: an ADD under way, failed or cut off
//	*/.tmp-...                     unfinished; GC, DelContainer and listings remove it
//	                               when it is a minute old and nobody's
//
// Nothing is cleaned up by itself. A runtime that starts again asks
// [CNIConfig.Pending] what was cut off and calls [CNIConfig.DelContainer] or
// [CNIConfig.DelAttachment], which need no configuration files, or lets
// [CNIConfig.GCNetworkList] do it with the list of what is valid.
//
// # Plugins that outlive their runtime
//
// A plugin that was running when its runtime was killed goes on. On Unix it has
// inherited the lock of its ADD's intent ([invoke.RawExec]), and so has what it
// started: until the last of them has ended, the ADD counts as under way. GC leaves
// it alone; DEL waits for it, but not for ever ([Options].WaitForAdd); and the
// intent stays until somebody has cleaned up after its end. ADD waits for nobody: a
// DEL comes before another one. All this is not so on Windows, for plugins that an
// [Options].Exec starts by other means than RawExec, and for a program that closes
// the descriptors it does not know: what such a plugin makes after a DEL is on no
// record.
//
// Only ADD's plugins are kept track of. A CHECK that survives changes nothing, and a
// DEL that survives beside another one does no harm; but a DEL or GC that survives
// may take from the next ADD of the same container and interface, or of the same
// network, what it makes: give each container an ID of its own, and have the system
// end a runtime's children with it (systemd: KillMode=control-group).
//
// # Errors
//
// Decide with errors.Is and errors.As, never by text: [invoke.PluginError] for
// what a plugin did, [RequestError] for what the caller asked, [ConfError] for a
// configuration, [RecordError] for a record. What a method returned, printed with
// %+v or given to log/slog, tells all that is known. An error of yours around it
// prints its text only: take the inner one with errors.As.
//
// # Order
//
// The methods of [CNIConfig] may be called from many goroutines; they serialise
// nothing. One operation at a time for one container, and none beside GC, is the
// runtime's duty (SPEC.md, section 3, "Lifecycle & Ordering"). Package
// [github.com/cnikit/cnikit/libcni/podnet] takes it on.
//
// SPEC.md and CONVENTIONS.md are those of github.com/containernetworking/cni.
package libcni
