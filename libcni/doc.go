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
// [ConfError] says where in which file something is wrong. Loading runs nothing.
//
// # Verbs
//
// [CNIConfig.AddNetworkList] runs the plugins in order and hands each the result
// of the one before; [CNIConfig.CheckNetworkList] and [CNIConfig.DelNetworkList]
// give them the recorded result, DEL in reverse order. [CNIConfig.GCNetworkList]
// removes what is left of attachments that are no longer valid,
// [CNIConfig.GetStatusNetworkList] asks whether a network is ready. What plugins
// and vendors write, in configurations and results, travels byte for byte.
//
// # Records
//
// ADD leaves a record in the cache directory, and DEL removes it. It holds what
// DEL needs: the effective configuration, the arguments and the result. Before
// the first plugin of an ADD runs, an intent is on disk, so that whatever a
// crash or a failure leaves behind can still be found and removed. Files and
// names are those of github.com/containernetworking/cni, in both directions.
//
// # Errors
//
// Decide with errors.Is and errors.As, never by text: [invoke.PluginError] for
// what a plugin did, [RequestError] for what the caller asked, [ConfError] for a
// configuration, [RecordError] for a record. Printed with %+v they give all that
// is known, on several lines.
//
// # Order
//
// The methods of [CNIConfig] may be called from many goroutines; they serialise
// nothing. One operation at a time for one container, and none beside GC, is the
// runtime's duty (SPEC.md, section 3, "Lifecycle & Ordering").
package libcni
