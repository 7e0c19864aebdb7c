// Package fakeexec is a piece of a container runtime, and the unit test of it that
// this example is about: no plugin is installed, no process is run, nobody is
// root, and a second of waiting takes no time.
//
//	go test -v ./examples/fakeexec
//
// The code under test takes a libcni.CNI; the test gives it a real one that runs
// a scripted invoketest.Exec in place of plugins. So the test sees what plugins
// would see, and not only which methods were called.
package fakeexec

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

// A Publisher attaches containers to a network, each with a port of the host.
type Publisher struct {
	CNI     libcni.CNI
	Network *libcni.NetworkConfigList
}

// Publish attaches a container and leads a port of the host to its port 80. A
// plugin that asks for another try gets up to three, a second apart. When it fails
// nothing of the attachment is left.
func (p *Publisher) Publish(ctx context.Context, id, netns string, port uint16) (netip.Addr, error) {
	capabilities := types.Capabilities{PortMappings: []types.PortMapping{
		{HostPort: port, ContainerPort: 80, Protocol: "tcp"},
	}}
	args, err := capabilities.CapabilityArgs()
	if err != nil {
		return netip.Addr{}, err
	}
	rt := &libcni.RuntimeConf{ContainerID: id, NetNS: netns, IfName: "eth0", CapabilityArgs: args}
	for try := 1; ; try++ {
		address, err := p.attach(ctx, rt)
		if err == nil {
			return address, nil
		}
		// The caller may have no time left; cleaning up has its own.
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		err = errors.Join(err, p.CNI.DelNetworkList(cleanup, p.Network, rt))
		cancel()

		var plugin *invoke.PluginError
		if !errors.As(err, &plugin) || !plugin.Retryable() || try == 3 {
			return netip.Addr{}, err
		}
		select {
		case <-ctx.Done():
			return netip.Addr{}, errors.Join(err, ctx.Err())
		case <-time.After(time.Second):
		}
	}
}

func (p *Publisher) attach(ctx context.Context, rt *libcni.RuntimeConf) (netip.Addr, error) {
	result, err := p.CNI.AddNetworkList(ctx, p.Network, rt)
	if err != nil {
		return netip.Addr{}, err
	}
	view, err := types.ViewResult(result)
	if err != nil {
		return netip.Addr{}, err
	}
	addresses := view.IPs(types.IPv4First)
	if len(addresses) == 0 {
		return netip.Addr{}, errors.New("the network gave no address")
	}
	return addresses[0], nil
}
