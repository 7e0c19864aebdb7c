package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/cnikit/cnikit/examples/internal/sandbox"
	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/types"
)

// A Runtime starts and stops containers, as far as their network goes.
type Runtime struct {
	Net *podnet.Manager
	Dir string // of the network namespaces
}

// A Container is one that runs.
type Container struct {
	ID, NetNS string
	Address   netip.Addr
}

// Start makes a network namespace and attaches it to the default network.
func (r *Runtime) Start(ctx context.Context, id string) (*Container, error) {
	c := &Container{ID: id, NetNS: filepath.Join(r.Dir, id)}
	if err := sandbox.NewNetns(c.NetNS); err != nil {
		return nil, err
	}
	attached, err := r.Net.Attach(ctx, podnet.Pod{ID: id, NetNS: c.NetNS})
	if err != nil { // and what was done of it is undone
		return nil, errors.Join(err, sandbox.RemoveNetns(c.NetNS))
	}
	if addresses := attached[0].IPs(types.IPv4First); len(addresses) > 0 {
		c.Address = addresses[0]
	}
	return c, nil
}

// Stop detaches the container and removes its network namespace. If it fails it may
// be called again.
func (r *Runtime) Stop(ctx context.Context, c *Container) error {
	if err := r.Net.Detach(ctx, c.ID); err != nil {
		return err
	}
	return sandbox.RemoveNetns(c.NetNS)
}

const port = 80

// Serve answers whoever connects to the container, for as long as the program runs.
func (c *Container) Serve() error {
	return sandbox.In(c.NetNS, func() error {
		listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			return err
		}
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				fmt.Fprintf(conn, "this is %s", c.ID)
				_ = conn.Close()
			}
		}()
		return nil
	})
}

// Ask connects from the container to another one and returns what it says.
func (c *Container) Ask(address netip.Addr) (answer string, err error) {
	err = sandbox.In(c.NetNS, func() error {
		conn, err := net.DialTimeout("tcp", netip.AddrPortFrom(address, port).String(), time.Second)
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		text, err := io.ReadAll(conn)
		answer = string(text)
		return err
	})
	return answer, err
}
