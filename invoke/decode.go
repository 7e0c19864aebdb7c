package invoke

import (
	"net"
	"net/netip"
	"strconv"

	"github.com/cnikit/cnikit/internal/rawjson"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
	types100 "github.com/containernetworking/cni/pkg/types/100"
)

// DecodeResult decodes a result by the version that it says it has; without one
// it is 0.1.0.
func DecodeResult(result []byte) (types.Result, error) {
	// The usual result takes a decoder of its own: 80 allocations fewer, a fifth
	// of an ADD's time without plugins (BenchmarkDecodeResult). encoding/json copies
	// each object several times, since the types call it again from UnmarshalJSON.
	if o, err := rawjson.ParseObject(result); err == nil {
		if r, ok := decode100(o); ok {
			return r, nil
		}
	}
	return decodeAny(result)
}

func decodeAny(result []byte) (types.Result, error) {
	v, err := new(version.ConfigDecoder).Decode(result)
	if err != nil {
		return nil, err
	}
	return version.NewResult(v, result)
}

// decode100 decodes a result of 1.0.0 or later. It reports false for all that
// asks for a second thought: a known key in an odd spelling, null, a duplicate
// list, a value of another type. FuzzDecodeResult compares it with decodeAny.
func decode100(o rawjson.Object) (*types100.Result, bool) {
	d, r := decoder{}, &types100.Result{}
	for _, m := range o {
		switch string(m.Quoted) {
		case `"cniVersion"`:
			d.text(&r.CNIVersion, m)
		case `"interfaces"`:
			decodeList(&d, &r.Interfaces, m, (*decoder).netInterface)
		case `"ips"`:
			decodeList(&d, &r.IPs, m, (*decoder).ip)
		case `"routes"`:
			decodeList(&d, &r.Routes, m, (*decoder).route)
		case `"dns"`:
			d.dns(&r.DNS, m)
		default:
			d.unknown(m, "cniVersion", "interfaces", "ips", "routes", "dns")
		}
	}
	return r, !d.odd && (r.CNIVersion == "1.1.0" || r.CNIVersion == "1.0.0")
}

// decoder notes whether it met something odd. What it has read then is not used.
type decoder struct{ odd bool }

func (d *decoder) netInterface(value []byte) *types100.Interface {
	i := &types100.Interface{}
	d.object(value, func(m rawjson.Member) {
		switch string(m.Quoted) {
		case `"name"`:
			d.text(&i.Name, m)
		case `"mac"`:
			d.text(&i.Mac, m)
		case `"mtu"`:
			d.number(&i.Mtu, m)
		case `"sandbox"`:
			d.text(&i.Sandbox, m)
		case `"socketPath"`:
			d.text(&i.SocketPath, m)
		case `"pciID"`:
			d.text(&i.PciID, m)
		default:
			d.unknown(m, "name", "mac", "mtu", "sandbox", "socketPath", "pciID")
		}
	})
	return i
}

func (d *decoder) ip(value []byte) *types100.IPConfig {
	c := &types100.IPConfig{}
	d.object(value, func(m rawjson.Member) {
		switch string(m.Quoted) {
		case `"interface"`:
			c.Interface = new(int)
			d.number(c.Interface, m)
		case `"address"`:
			d.network(&c.Address, m)
		case `"gateway"`:
			d.address(&c.Gateway, m)
		default:
			d.unknown(m, "interface", "address", "gateway")
		}
	})
	return c
}

func (d *decoder) route(value []byte) *types.Route {
	r := &types.Route{}
	d.object(value, func(m rawjson.Member) {
		switch string(m.Quoted) {
		case `"dst"`:
			d.network(&r.Dst, m)
		case `"gw"`:
			d.address(&r.GW, m)
		case `"mtu"`:
			d.number(&r.MTU, m)
		case `"advmss"`:
			d.number(&r.AdvMSS, m)
		case `"priority"`:
			d.number(&r.Priority, m)
		case `"table"`:
			r.Table = new(int)
			d.number(r.Table, m)
		case `"scope"`:
			r.Scope = new(int)
			d.number(r.Scope, m)
		default:
			d.unknown(m, "dst", "gw", "mtu", "advmss", "priority", "table", "scope")
		}
	})
	return r
}

func (d *decoder) dns(to *types.DNS, m rawjson.Member) {
	d.object(m.Value, func(m rawjson.Member) {
		switch string(m.Quoted) {
		case `"nameservers"`:
			decodeList(d, &to.Nameservers, m, (*decoder).string)
		case `"domain"`:
			d.text(&to.Domain, m)
		case `"search"`:
			decodeList(d, &to.Search, m, (*decoder).string)
		case `"options"`:
			decodeList(d, &to.Options, m, (*decoder).string)
		default:
			d.unknown(m, "nameservers", "domain", "search", "options")
		}
	})
}

func (d *decoder) object(value []byte, member func(rawjson.Member)) {
	err := rawjson.EachMember(value, func(m rawjson.Member) bool {
		member(m)
		return !d.odd
	})
	d.odd = d.odd || err != nil
}

func decodeList[T any](d *decoder, to *[]T, m rawjson.Member, read func(*decoder, []byte) T) {
	if *to != nil {
		d.odd = true // encoding/json would mix the elements of both
		return
	}
	*to = make([]T, 0, 2)
	err := rawjson.EachElement(m.Value, func(e rawjson.Element) bool {
		*to = append(*to, read(d, e.Value))
		return !d.odd
	})
	d.odd = d.odd || err != nil
}

// unknown passes over a member, unless it is one of the known ones in another
// spelling.
func (d *decoder) unknown(m rawjson.Member, known ...string) {
	for _, name := range known {
		d.odd = d.odd || m.Folds(name)
	}
}

func (d *decoder) string(value []byte) string {
	s, ok := rawjson.String(value)
	d.odd = d.odd || !ok
	return s
}

func (d *decoder) text(to *string, m rawjson.Member) { *to = d.string(m.Value) }

func (d *decoder) number(to *int, m rawjson.Member) {
	n, err := strconv.Atoi(string(m.Value))
	d.odd = d.odd || err != nil
	*to = n
}

// network and address make what package net does of the same text: IPv4 in 16
// bytes, its mask in 4.

func (d *decoder) network(to *net.IPNet, m rawjson.Member) {
	prefix, err := netip.ParsePrefix(d.string(m.Value))
	if err != nil || prefix.Addr().Is4In6() {
		d.odd = true
		return
	}
	to.IP = ip16(prefix.Addr())
	to.Mask = net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())
}

func (d *decoder) address(to *net.IP, m rawjson.Member) {
	addr, err := netip.ParseAddr(d.string(m.Value))
	if err != nil || addr.Zone() != "" {
		d.odd = true // or empty
		return
	}
	*to = ip16(addr)
}

func ip16(addr netip.Addr) net.IP {
	bytes := addr.As16()
	return bytes[:]
}
