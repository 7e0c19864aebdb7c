// Package types has the data that runtimes and plugins of the Container Network
// Interface exchange.
//
//	capabilities := types.Capabilities{
//		PortMappings: []types.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}},
//	}
//	rt.CapabilityArgs, err = capabilities.CapabilityArgs()
//	...
//	view, err := types.ViewResult(result) // of any version
//	fmt.Println(view.Primary(types.IPv4First))
//
// The data types of the specification are containernetworking/cni's own, by
// alias: a [Result], an [Error] or a [PluginConf] from here goes into any code
// that takes that package's, and back. Every identifier that it exports is here.
//
// The rest is what runtimes need around libcni:
//
//   - [Capabilities] are the capability arguments, in the JSON of the CNI
//     conventions.
//   - [Args] are the pairs of CNI_ARGS, in order; [Pod] makes those of a
//     Kubernetes pod.
//   - [ViewResult] makes of a result what a runtime shows: interfaces, addresses,
//     routes, with every index checked.
//   - [ValidateContainerID], [ValidateNetworkName] and [ValidateInterfaceName]
//     hold names against the specification, sections 1 and 2.
//
// All of it is data: nothing is run, and no file is touched; [PrintResult] alone
// writes, to standard output. Many goroutines may read a value that none changes.
package types
