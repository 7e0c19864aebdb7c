package podnet

import (
	"cmp"
	"errors"
	"fmt"
	"maps"

	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

// Pod is a container and the networks that it is to be attached to. ID and NetNS are
// needed, the rest is not.
type Pod struct {
	// ID is the container's ID; of a Kubernetes pod, its sandbox's.
	ID string
	// NetNS is the path of its network namespace, which must exist. On Linux Attach
	// looks before it begins, unless plugins are run by an Exec of the caller's.
	NetNS string

	// Name, Namespace and UID are those of a Kubernetes pod. If one of them is
	// set, plugins get them in CNI_ARGS as from any Kubernetes runtime.
	Name, Namespace, UID string
	// Args are more pairs for CNI_ARGS. They replace those of the same key.
	Args types.Args

	// Networks are attached in this order. Empty: the default network.
	Networks []Network
	// Capabilities are the capability arguments for all of the networks.
	Capabilities types.Capabilities
}

// Network is one network that a container is to be attached to.
type Network struct {
	// Name is the network's name. Empty: the default network.
	Name string
	// IfName is the name of the interface in the container. Empty: the first of
	// eth0, eth1, ... that is free, see [Options].IfPrefix.
	IfName string
	// Capabilities are capability arguments for this network. Each replaces the
	// pod's of the same name; the others stay.
	Capabilities types.Capabilities
}

// wish is one attachment that is to be made.
type wish struct {
	key
	list *libcni.NetworkConfigList
	args map[string]any // by capability
	made bool           // its ADD has succeeded
}

// wishes resolves what the pod asks for, with a configuration and what the container
// has.
func (m *Manager) wishes(c *Config, pod *Pod, has *standing) ([]*wish, error) {
	networks := pod.Networks
	if len(networks) == 0 {
		networks = []Network{{}}
	}
	forAll, err := pod.Capabilities.CapabilityArgs()
	if err != nil {
		return nil, fmt.Errorf("capability arguments: %w", err)
	}
	used := map[string]string{} // network by interface name
	had := map[string]bool{}
	for _, k := range has.taken {
		used[k.IfName] = k.Network
		had[k.Network] = true
	}
	for _, l := range has.stuck {
		used[l.IfName] = l.Network
	}
	for _, d := range has.damaged {
		used[d.IfName] = cmp.Or(d.Network, "of a damaged record")
	}
	if !m.opts.NoLoopback && used[loopbackName] == "" {
		used[loopbackName] = "loopback"
	}
	wishes := make([]*wish, len(networks))
	var declared []map[string]bool
	for i, n := range networks {
		w := &wish{args: maps.Clone(forAll)}
		wishes[i] = w
		file, err := c.Default(cmp.Or(n.Name, m.opts.DefaultNetwork))
		if err != nil {
			return nil, &Error{Op: "attach", ContainerID: pod.ID, Network: n.Name, Err: err}
		}
		w.list, w.Network, w.IfName = file.NetworkConfigList, file.Name, n.IfName
		fail := func(err error) error {
			return &Error{Op: "attach", ContainerID: pod.ID, Network: w.Network, IfName: n.IfName, Err: err}
		}
		if err := has.blocks(key{Network: w.Network, IfName: n.IfName}); err != nil {
			return nil, err
		}
		if n.IfName != "" {
			other := used[n.IfName]
			switch err := types.ValidateInterfaceName(n.IfName); {
			case err != nil:
				return nil, fail(err)
			case other == w.Network && had[w.Network]:
				return nil, fail(libcni.ErrAlreadyAttached)
			case other != "":
				return nil, fail(fmt.Errorf("%w, by network %s", ErrInterfaceInUse, other))
			}
			used[n.IfName] = w.Network
		} else if had[w.Network] {
			return nil, fail(libcni.ErrAlreadyAttached)
		}
		args, err := n.Capabilities.CapabilityArgs()
		if err != nil {
			return nil, fail(fmt.Errorf("capability arguments: %w", err))
		}
		if w.args == nil {
			w.args = args
		} else {
			maps.Copy(w.args, args)
		}
		own := capabilities(w.list)
		declared = append(declared, own...)
		m.undelivered(pod.ID, w.Network, n.Capabilities.Undelivered(own...))
	}
	m.undelivered(pod.ID, "", pod.Capabilities.Undelivered(declared...))
	return wishes, m.name(pod.ID, wishes, used)
}

// name gives interface names to those that have none.
func (m *Manager) name(id string, wishes []*wish, used map[string]string) error {
	next := 0
	for _, w := range wishes {
		for ; w.IfName == ""; next++ {
			if name := fmt.Sprint(m.opts.IfPrefix, next); used[name] == "" {
				w.IfName = name
				used[name] = w.Network
			}
		}
		if err := types.ValidateInterfaceName(w.IfName); err != nil {
			return &Error{Op: "attach", ContainerID: id, Network: w.Network, IfName: w.IfName, Err: err}
		}
	}
	return nil
}

func (m *Manager) undelivered(id, network string, names []string) {
	if len(names) == 0 {
		return
	}
	fields := []any{"containerID", id}
	if network != "" {
		fields = append(fields, "network", network)
	}
	m.opts.Logger.Warn("podnet: no plugin takes these capability arguments", append(fields, "capabilities", names)...)
}

func capabilities(n *libcni.NetworkConfigList) []map[string]bool {
	declared := make([]map[string]bool, len(n.Plugins))
	for i, p := range n.Plugins {
		declared[i] = p.Network.Capabilities
	}
	return declared
}

// cniArgs returns the pod's CNI_ARGS.
func (p *Pod) cniArgs() (types.Args, error) {
	var args types.Args
	if p.Name != "" || p.Namespace != "" || p.UID != "" {
		args = types.Pod{Namespace: p.Namespace, Name: p.Name, UID: p.UID, InfraContainerID: p.ID}.Args()
	}
	for _, pair := range p.Args {
		if err := args.Set(pair[0], pair[1]); err != nil {
			return nil, err
		}
	}
	return args, args.Validate()
}

// check refuses what no Attach can be made of.
func (p *Pod) check() error {
	if err := types.ValidateContainerID(p.ID); err != nil {
		return err
	}
	if p.NetNS == "" {
		return errors.New("no network namespace")
	}
	return nil
}
