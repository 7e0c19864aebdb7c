package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/cnikit/cnikit/examples/internal/sandbox"
	"github.com/cnikit/cnikit/libcni/podnet"
)

// A container is a network namespace in which somebody answers.
type container struct {
	name, netns string
	addresses   map[string]netip.Addr // by network
}

const port = 80

// start makes a container without network, and a server in it.
func start(dir, name string) (*container, error) {
	c := &container{name: name, netns: filepath.Join(dir, name), addresses: map[string]netip.Addr{}}
	if err := sandbox.NewNetns(c.netns); err != nil {
		return nil, err
	}
	return c, sandbox.In(c.netns, func() error {
		listener, err := net.Listen("tcp4", fmt.Sprintf(":%d", port))
		if err != nil {
			return err
		}
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				fmt.Fprint(conn, name)
				_ = conn.Close()
			}
		}()
		return nil
	})
}

// ask says whether the container reaches another one at its address of a network.
func (c *container) ask(other *container, network string) {
	address := netip.AddrPortFrom(other.addresses[network], port).String()
	var answer []byte
	err := sandbox.In(c.netns, func() error {
		conn, err := net.DialTimeout("tcp", address, time.Second/2)
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		answer, err = io.ReadAll(conn)
		return err
	})
	if err != nil {
		fmt.Printf("%s -> %s at %s: no\n", c.name, other.name, address)
		return
	}
	fmt.Printf("%s -> %s at %s: yes, %s answers\n", c.name, other.name, address, answer)
}

func (c *container) stop(ctx context.Context, manager *podnet.Manager) error {
	if err := manager.Detach(ctx, c.name); err != nil {
		return err
	}
	return sandbox.RemoveNetns(c.netns)
}
