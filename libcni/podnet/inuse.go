package podnet

import (
	"fmt"
	"slices"

	"github.com/cnikit/cnikit/internal/shell"
	"github.com/cnikit/cnikit/libcni"
)

// namesFree returns an error if there is an interface in the container's network
// namespace already that has the name of one that is to be made. No record says that it
// is this container's, so it is somebody else's. A plugin that finds it must fail
// (SPEC.md, section 2, "ADD"), and the DEL after that would remove it.
//
// A namespace that cannot be looked into is left to the plugins, and so is every one
// where the plugins are run by an Exec of the caller's, see netnsThere.
func (m *Manager) namesFree(pod *Pod, wishes []*wish) error {
	if !namespacesAreFiles || m.opts.Exec != nil {
		return nil
	}
	var wanted []string
	for _, w := range wishes {
		if makesInterface(w.list, w.IfName) {
			wanted = append(wanted, w.IfName)
		}
	}
	if wanted == nil {
		return nil
	}
	there, err := interfacesIn(pod.NetNS, wanted)
	if err != nil {
		return nil
	}
	var errs []error
	for _, w := range wishes {
		if slices.Contains(there, w.IfName) {
			errs = append(errs, &Error{Op: "attach", ContainerID: pod.ID, Network: w.Network, IfName: w.IfName, Err: m.inUse(pod, w)})
		}
	}
	return join(errs...)
}

// makesInterface reports whether a network makes the interface. The loopback interface
// is there from the beginning.
func makesInterface(n *libcni.NetworkConfigList, ifname string) bool {
	return ifname != loopbackName && len(n.Plugins) > 0 && n.Plugins[0].Network.Type != loopbackType
}

func (m *Manager) inUse(pod *Pod, w *wish) error {
	return fmt.Errorf("%w: it is in network namespace %s, made by somebody else or left by an attachment whose record is lost; no plugin ran, it is as it was; "+
		"to do: give another name (IfName), or remove it: what somebody else has made, nsenter --net=%s ip link del %s; what an attachment has left, %s",
		ErrInterfaceInUse, pod.NetNS, shell.Word(pod.NetNS), w.IfName, m.delCommand(w.of(pod.ID), pod.NetNS))
}
