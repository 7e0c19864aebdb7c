package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
)

// The errors of these plugins. The specification keeps the codes below 100 for
// itself.
const (
	errNoAddress uint = 100 + iota
	errNotReserved
	errPortTaken
	errNotForwarded
	errNoInterface
)

var plugins = map[string]plugin{
	"demo-nic":     {add: nicAdd, check: nicCheck, del: nicDel},
	"demo-ipam":    {add: ipamAdd, check: ipamCheck, del: ipamDel},
	"demo-portmap": {add: portmapAdd, check: portmapCheck, del: portmapDel},
}

// demo-nic gives the container an interface: a file in the directory that
// stands for its network namespace. It delegates the choice of the address to
// the plugin that "ipam" names.

func nicAdd(c *call) (*current.Result, error) {
	ctx := context.Background()
	r, err := invoke.DelegateAdd(ctx, c.conf.IPAM.Type, c.stdin, c.delegates())
	if err != nil {
		return nil, err
	}
	result, err := current.NewResultFromResult(r)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256([]byte(c.owner()))
	nic := &current.Interface{Name: c.ifName, Mac: net.HardwareAddr(append([]byte{0x02}, hash[:5]...)).String(), Sandbox: c.netns}
	result.Interfaces = []*current.Interface{nic}
	for _, ip := range result.IPs {
		ip.Interface = current.Int(0)
	}
	if err := os.WriteFile(filepath.Join(c.netns, c.ifName), []byte(nic.Mac+"\n"), 0o644); err != nil {
		release := invoke.DelegateDel(ctx, c.conf.IPAM.Type, c.stdin, c.delegates())
		return nil, types.NewError(types.ErrInvalidNetNS, "creating the interface", errors.Join(err, release).Error())
	}
	return result, nil
}

func nicCheck(c *call) error {
	mac, err := os.ReadFile(filepath.Join(c.netns, c.ifName))
	if err != nil {
		return types.NewError(errNoInterface, fmt.Sprintf("%s is missing in the container", c.ifName), err.Error())
	}
	for _, nic := range c.prev.Interfaces {
		if nic.Name == c.ifName && nic.Mac != strings.TrimSpace(string(mac)) {
			return types.NewError(errNoInterface, fmt.Sprintf("%s is another interface than before", c.ifName), "")
		}
	}
	return invoke.DelegateCheck(context.Background(), c.conf.IPAM.Type, c.stdin, c.delegates())
}

func nicDel(c *call) error {
	if c.netns != "" { // the runtime says nothing when the namespace is gone, and all interfaces in it
		err := os.Remove(filepath.Join(c.netns, c.ifName))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return invoke.DelegateDel(context.Background(), c.conf.IPAM.Type, c.stdin, c.delegates())
}

// demo-ipam hands out the addresses of a subnet. A file in dataDir is an
// address that is taken.

func ipamAdd(c *call) (*current.Result, error) {
	subnet, err := netip.ParsePrefix(c.conf.IPAM.Subnet)
	if err != nil {
		return nil, types.NewError(types.ErrInvalidNetworkConfig, "ipam.subnet", err.Error())
	}
	gateway := subnet.Masked().Addr().Next()
	for a := gateway.Next(); subnet.Contains(a.Next()); a = a.Next() { // the last one is the broadcast address
		err := claims(c.conf.IPAM.DataDir).take(a.String(), c.owner())
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		address := net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(subnet.Bits(), a.BitLen())}
		return &current.Result{IPs: []*current.IPConfig{{Address: address, Gateway: gateway.AsSlice()}}}, nil
	}
	return nil, types.NewError(errNoAddress, "no address is free in "+subnet.String(), "")
}

func ipamCheck(c *call) error {
	for _, ip := range c.prev.IPs {
		address := ip.Address.IP.String()
		if claims(c.conf.IPAM.DataDir).owner(address) != c.owner() {
			return types.NewError(errNotReserved, address+" is not reserved for "+c.owner(), "")
		}
	}
	return nil
}

func ipamDel(c *call) error { return claims(c.conf.IPAM.DataDir).release(c.owner()) }

// demo-portmap leads ports of the host to the container's address, which it
// reads from the result of the plugins before it. A file in dataDir is a port
// that is taken. Which ports, the runtime says when it attaches a container:
// the configuration only declares the capability.

func portmapAdd(c *call) (*current.Result, error) {
	if c.prev == nil || len(c.prev.IPs) == 0 {
		return nil, types.NewError(types.ErrInvalidNetworkConfig, "demo-portmap comes after a plugin that gives an address", "")
	}
	for _, m := range c.conf.RuntimeConfig.PortMappings {
		port := hostPort(m)
		target := fmt.Sprintf("%s:%d", c.prev.IPs[0].Address.IP, m.ContainerPort)
		err := claims(c.conf.DataDir).take(port, c.owner()+" "+target)
		if errors.Is(err, fs.ErrExist) {
			return nil, types.NewError(errPortTaken, port+" of the host is taken", "")
		}
		if err != nil {
			return nil, err
		}
	}
	return c.prev, nil
}

func portmapCheck(c *call) error {
	for _, m := range c.conf.RuntimeConfig.PortMappings {
		port := hostPort(m)
		if claims(c.conf.DataDir).owner(port) != c.owner() {
			return types.NewError(errNotForwarded, port+" of the host does not lead to "+c.owner(), "")
		}
	}
	return nil
}

func portmapDel(c *call) error { return claims(c.conf.DataDir).release(c.owner()) }

// hostPort names a port of the host, as in tcp-8080.
func hostPort(m types.PortMapping) string { return fmt.Sprintf("%s-%d", m.Protocol, m.HostPort) }

// claims is a directory with one file for each thing that is taken. The file's
// content begins with the owner, so DEL finds what to release without being
// told, also when ADD failed half-way.
type claims string

// take claims name. It fails with fs.ErrExist when somebody has it.
func (dir claims) take(name, owner string) error {
	f, err := os.OpenFile(filepath.Join(string(dir), name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, owner)
	return errors.Join(err, f.Close())
}

// owner returns who has name: "" when nobody has.
func (dir claims) owner(name string) string {
	data, _ := os.ReadFile(filepath.Join(string(dir), name))
	owner, _, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	return owner
}

// release gives back everything that owner has.
func (dir claims) release(owner string) error {
	entries, err := os.ReadDir(string(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if dir.owner(e.Name()) == owner {
			if err := os.Remove(filepath.Join(string(dir), e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
