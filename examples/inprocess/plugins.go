package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// A pool is the addresses that the runtime itself gives away.
type pool struct {
	mu    sync.Mutex
	taken map[string]string // container by address
}

func (p *pool) plugin() *invoke.Plugin {
	return &invoke.Plugin{Add: p.add, Check: p.check, Del: p.del, Status: p.status}
}

// free returns the first address that nobody has.
func (p *pool) free(r *invoke.Request) (netip.Prefix, error) {
	var conf struct{ Subnet netip.Prefix }
	if err := json.Unmarshal(r.StdinData, &conf); err != nil {
		return netip.Prefix{}, types.NewError(types.ErrInvalidNetworkConfig, "subnet", err.Error())
	}
	for a := conf.Subnet.Addr().Next(); conf.Subnet.Contains(a.Next()); a = a.Next() {
		if p.taken[a.String()] == "" {
			return netip.PrefixFrom(a, conf.Subnet.Bits()), nil
		}
	}
	return netip.Prefix{}, types.NewError(types.ErrTryAgainLater, "all addresses are taken", "")
}

func (p *pool) add(_ context.Context, r *invoke.Request) (types.Result, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	address, err := p.free(r)
	if err != nil {
		return nil, err
	}
	p.taken[address.Addr().String()] = r.ContainerID
	return version.NewResult("1.1.0", fmt.Appendf(nil, `{"cniVersion":"1.1.0","ips":[{"address":%q}]}`, address))
}

func (p *pool) check(_ context.Context, r *invoke.Request) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(slices.Collect(maps.Values(p.taken)), r.ContainerID) {
		return types.NewError(100, r.ContainerID+" has no address", "")
	}
	return nil
}

func (p *pool) del(_ context.Context, r *invoke.Request) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.taken, func(_, container string) bool { return container == r.ContainerID })
	return nil
}

func (p *pool) status(_ context.Context, r *invoke.Request) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.free(r); err != nil {
		return types.NewError(types.ErrPluginNotAvailable, "no address is free", "")
	}
	return nil
}

func (p *pool) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprint(p.taken)
}

// policy lets in who says, in CNI_ARGS, what the configuration wants to hear. It
// passes on the result that it gets.
func policy(_ context.Context, r *invoke.Request) (types.Result, error) {
	var conf struct{ Needs string }
	if err := json.Unmarshal(r.StdinData, &conf); err != nil {
		return nil, err
	}
	args, err := types.ParseArgs(r.Args)
	if err != nil {
		return nil, types.NewError(types.ErrInvalidEnvironmentVariables, "CNI_ARGS", err.Error())
	}
	if value, _ := args.Get(conf.Needs); strings.TrimSpace(value) == "" {
		return nil, types.NewError(101, conf.Needs+" is missing", "")
	}
	return nil, nil
}
