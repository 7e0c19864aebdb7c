package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// bridgeConfig is what the bridge of the demonstration reads of what flannel
// delegates to it.
type bridgeConfig struct {
	Files string // a directory: a file is an address that is taken, its content by whom
	IPAM  struct{ Subnet netip.Prefix }
}

func readBridge(r *invoke.Request) (c bridgeConfig, err error) {
	err = json.Unmarshal(r.StdinData, &c)
	return c, err
}

// addBridge takes the first address of the subnet that is free, the gateway's left
// out. It is the place of bridge and of host-local.
func addBridge(_ context.Context, r *invoke.Request) (types.Result, error) {
	c, err := readBridge(r)
	if err != nil {
		return nil, err
	}
	gateway := c.IPAM.Subnet.Addr().Next()
	for a := gateway.Next(); c.IPAM.Subnet.Contains(a.Next()); a = a.Next() {
		f, err := os.OpenFile(filepath.Join(c.Files, a.String()), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if _, err = f.WriteString(r.ContainerID); errors.Join(err, f.Close()) != nil {
			return nil, err
		}
		return version.NewResult("1.0.0", fmt.Appendf(nil,
			`{"cniVersion":"1.0.0","interfaces":[{"name":%q,"sandbox":%q}],"ips":[{"address":"%s/%d","gateway":"%s","interface":0}]}`,
			r.IfName, r.Netns, a, c.IPAM.Subnet.Bits(), gateway))
	}
	return nil, types.NewError(types.ErrTryAgainLater, "no address is free in "+c.IPAM.Subnet.String(), "")
}

func delBridge(_ context.Context, r *invoke.Request) error {
	c, err := readBridge(r)
	if err != nil {
		return err
	}
	taken, err := filepath.Glob(filepath.Join(c.Files, "*"))
	for _, file := range taken {
		if owner, _ := os.ReadFile(file); string(owner) == r.ContainerID {
			err = errors.Join(err, os.Remove(file))
		}
	}
	return err
}
