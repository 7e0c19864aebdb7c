package types

import (
	"net/netip"
	"slices"
)

// ResultView is what a result of any version of the specification says, with
// every index resolved and every address parsed: see [ViewResult]. It is a value
// of its own: it shares nothing with the result, and its JSON does not depend on
// the result's version.
type ResultView struct {
	// Interfaces are in the order of the result. Versions before 0.3.0 have none.
	Interfaces []InterfaceView `json:"interfaces"`

	// Addresses are all addresses in the order of the result, those that belong to
	// an interface included.
	Addresses []AddressView `json:"addresses"`

	// Routes are in the order of the result.
	Routes []RouteView `json:"routes"`

	// DNS is the resolver's configuration, with the specification's names in JSON.
	DNS DNS `json:"dns"`
}

// InterfaceView is one interface of a result.
type InterfaceView struct {
	Name       string `json:"name"`
	MAC        string `json:"mac,omitempty"`     // as the plugin wrote it
	MTU        int    `json:"mtu,omitempty"`     // bytes; 0: not said
	Sandbox    string `json:"sandbox,omitempty"` // the network namespace; empty on the host's side
	SocketPath string `json:"socketPath,omitempty"`
	PciID      string `json:"pciID,omitempty"`

	// Addresses are those that the result gives to this interface, in order.
	Addresses []AddressView `json:"addresses"`
}

// AddressView is one address of a result.
type AddressView struct {
	Prefix  netip.Prefix `json:"prefix"`           // the address and the length of its subnet
	Gateway netip.Addr   `json:"gateway,omitzero"` // the zero Addr: none

	// Interface is the place of the interface in the view's Interfaces, or -1 if the
	// result does not say.
	Interface int `json:"interface"`
}

// RouteView is one route of a result. A number that the result leaves out is 0,
// or nil where 0 means something. MTU and AdvMSS are bytes.
type RouteView struct {
	Dst      netip.Prefix `json:"dst"`
	GW       netip.Addr   `json:"gw,omitzero"` // the zero Addr: none
	MTU      int          `json:"mtu,omitempty"`
	AdvMSS   int          `json:"advmss,omitempty"`
	Priority int          `json:"priority,omitempty"`
	Table    *int         `json:"table,omitempty"`
	Scope    *int         `json:"scope,omitempty"`
}

// Container returns the interfaces on the container's side: those in a sandbox.
func (v *ResultView) Container() []InterfaceView {
	return v.side(func(i *InterfaceView) bool { return i.Sandbox != "" })
}

// Host returns the interfaces on the host's side: those in no sandbox.
func (v *ResultView) Host() []InterfaceView {
	return v.side(func(i *InterfaceView) bool { return i.Sandbox == "" })
}

func (v *ResultView) side(is func(*InterfaceView) bool) []InterfaceView {
	var side []InterfaceView
	for i := range v.Interfaces {
		if is(&v.Interfaces[i]) {
			side = append(side, v.Interfaces[i])
		}
	}
	return side
}

// AddressOrder says which family of addresses comes first.
type AddressOrder uint8

const (
	AsGiven   AddressOrder = iota // the order of the result
	IPv4First                     // IPv4, then IPv6, each in the order of the result
	IPv6First                     // IPv6, then IPv4, each in the order of the result
)

// IPs returns the container's addresses in the given order; the first is the one
// to show where there is room for one. These are the addresses that are not on an
// interface of the host's side. If there is none of those, they are all
// addresses: some plugins leave out the sandbox.
func (v *ResultView) IPs(order AddressOrder) []netip.Addr {
	var ips, all []netip.Addr
	for _, a := range v.Addresses {
		all = append(all, a.Prefix.Addr())
		if a.Interface < 0 || a.Interface < len(v.Interfaces) && v.Interfaces[a.Interface].Sandbox != "" {
			ips = append(ips, a.Prefix.Addr())
		}
	}
	if len(ips) == 0 {
		ips = all
	}
	if order != AsGiven {
		slices.SortStableFunc(ips, func(a, b netip.Addr) int {
			switch {
			case a.Is4() == b.Is4():
				return 0
			case a.Is4() == (order == IPv4First):
				return -1
			}
			return 1
		})
	}
	return ips
}

// Primary returns the first of [ResultView.IPs] of each family: at most two, in
// the given order. That is what a Kubernetes pod reports.
func (v *ResultView) Primary(order AddressOrder) []netip.Addr {
	var primary []netip.Addr
	for _, ip := range v.IPs(order) {
		if !slices.ContainsFunc(primary, func(p netip.Addr) bool { return p.Is4() == ip.Is4() }) {
			primary = append(primary, ip)
		}
	}
	return primary
}
