package types

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	types020 "github.com/containernetworking/cni/pkg/types/020"
	types040 "github.com/containernetworking/cni/pkg/types/040"
	types100 "github.com/containernetworking/cni/pkg/types/100"
)

// ViewResult returns the view of a result. The result is not changed and not
// kept. A result of a type that is not one of containernetworking/cni's is asked
// for its newest version first.
//
// A result that contradicts itself is an error, never a panic, which names the
// place: a null entry, an index that is out of range, an address or a destination
// that is missing or no address.
func ViewResult(result Result) (*ResultView, error) {
	r, err := newest(result)
	if err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	v, err := view(r)
	if err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	return v, nil
}

var errNull = errors.New("is null")

// newest returns the result in the newest type. It does this by hand: the
// conversions of the types dereference null entries, change the result that they
// convert and refuse versions between the released ones.
func newest(result Result) (*types100.Result, error) {
	switch r := result.(type) {
	case nil:
		return nil, errNull
	case *types100.Result:
		return r, nonNil(r)
	case *types040.Result:
		if r == nil {
			return nil, errNull
		}
		return from040(r)
	case *types020.Result:
		if r == nil {
			return nil, errNull
		}
		return from020(r), nil
	}
	converted, err := result.GetAsVersion(types100.ImplementedSpecVersion)
	if err != nil {
		return nil, err
	}
	r, ok := converted.(*types100.Result)
	if !ok {
		return nil, fmt.Errorf("is a %T in version %s", converted, types100.ImplementedSpecVersion)
	}
	return r, nonNil(r)
}

func nonNil(r *types100.Result) error {
	if r == nil {
		return errNull
	}
	return nil
}

func from040(r *types040.Result) (*types100.Result, error) {
	to := &types100.Result{Routes: r.Routes, DNS: r.DNS}
	for i, from := range r.Interfaces {
		if from == nil {
			return nil, fmt.Errorf("interfaces[%d] %w", i, errNull)
		}
		to.Interfaces = append(to.Interfaces, &types100.Interface{Name: from.Name, Mac: from.Mac, Sandbox: from.Sandbox})
	}
	for i, from := range r.IPs {
		if from == nil {
			return nil, fmt.Errorf("ips[%d] %w", i, errNull)
		}
		to.IPs = append(to.IPs, &types100.IPConfig{Interface: from.Interface, Address: from.Address, Gateway: from.Gateway})
	}
	return to, nil
}

func from020(r *types020.Result) *types100.Result {
	to := &types100.Result{DNS: r.DNS}
	for _, from := range []*types020.IPConfig{r.IP4, r.IP6} {
		if from == nil {
			continue
		}
		to.IPs = append(to.IPs, &types100.IPConfig{Address: from.IP, Gateway: from.Gateway})
		for i := range from.Routes {
			to.Routes = append(to.Routes, &from.Routes[i])
		}
	}
	return to
}

// view reads a result of the newest type. Slices of a view are never nil, so
// that they are lists in JSON.
func view(r *types100.Result) (*ResultView, error) {
	v := &ResultView{Interfaces: []InterfaceView{}, Addresses: []AddressView{}, Routes: []RouteView{}, DNS: *r.DNS.Copy()}
	for i, from := range r.Interfaces {
		if from == nil {
			return nil, fmt.Errorf("interfaces[%d] %w", i, errNull)
		}
		v.Interfaces = append(v.Interfaces, InterfaceView{
			Name: from.Name, MAC: from.Mac, MTU: from.Mtu, Sandbox: from.Sandbox,
			SocketPath: from.SocketPath, PciID: from.PciID, Addresses: []AddressView{},
		})
	}
	for i, from := range r.IPs {
		if from == nil {
			return nil, fmt.Errorf("ips[%d] %w", i, errNull)
		}
		a, err := viewAddress(from, len(v.Interfaces))
		if err != nil {
			return nil, fmt.Errorf("ips[%d].%w", i, err)
		}
		v.Addresses = append(v.Addresses, a)
		if a.Interface >= 0 {
			owner := &v.Interfaces[a.Interface]
			owner.Addresses = append(owner.Addresses, a)
		}
	}
	for i, from := range r.Routes {
		if from == nil {
			return nil, fmt.Errorf("routes[%d] %w", i, errNull)
		}
		route, err := viewRoute(from)
		if err != nil {
			return nil, fmt.Errorf("routes[%d].%w", i, err)
		}
		v.Routes = append(v.Routes, route)
	}
	return v, nil
}

func viewAddress(from *types100.IPConfig, interfaces int) (a AddressView, err error) {
	if a.Prefix, err = prefix(from.Address); err != nil {
		return a, fmt.Errorf("address %w", err)
	}
	if a.Gateway, err = gateway(from.Gateway); err != nil {
		return a, fmt.Errorf("gateway %w", err)
	}
	a.Interface = -1
	if from.Interface != nil {
		if a.Interface = *from.Interface; a.Interface < 0 || a.Interface >= interfaces {
			return a, fmt.Errorf("interface is %d, there are %d interfaces", a.Interface, interfaces)
		}
	}
	return a, nil
}

func viewRoute(from *Route) (r RouteView, err error) {
	if r.Dst, err = prefix(from.Dst); err != nil {
		return r, fmt.Errorf("dst %w", err)
	}
	if r.GW, err = gateway(from.GW); err != nil {
		return r, fmt.Errorf("gw %w", err)
	}
	r.MTU, r.AdvMSS, r.Priority = from.MTU, from.AdvMSS, from.Priority
	r.Table, r.Scope = clonePointer(from.Table), clonePointer(from.Scope)
	return r, nil
}

func clonePointer(p *int) *int {
	if p == nil {
		return nil
	}
	n := *p
	return &n
}

// prefix converts an address with mask. An IPv4 address may have 16 bytes, and
// its mask as well.
func prefix(n net.IPNet) (netip.Prefix, error) {
	if len(n.IP) == 0 && len(n.Mask) == 0 {
		return netip.Prefix{}, errors.New("is missing")
	}
	addr, ok := netip.AddrFromSlice(n.IP)
	if !ok {
		return netip.Prefix{}, fmt.Errorf("has %d bytes", len(n.IP))
	}
	addr = addr.Unmap()
	ones, bits := n.Mask.Size()
	if addr.Is4() && bits == 128 {
		ones, bits = ones-96, 32
	}
	if bits != addr.BitLen() || ones < 0 {
		return netip.Prefix{}, fmt.Errorf("%s does not go with mask %s", addr, n.Mask)
	}
	return netip.PrefixFrom(addr, ones), nil
}

func gateway(ip net.IP) (netip.Addr, error) {
	if len(ip) == 0 {
		return netip.Addr{}, nil
	}
	addr, ok := netip.AddrFromSlice(ip)
	if !ok {
		return netip.Addr{}, fmt.Errorf("has %d bytes", len(ip))
	}
	return addr.Unmap(), nil
}
