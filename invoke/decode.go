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
// it is 0.1.0. It fails for an unknown version and for what the specification's data
// types cannot hold, and passes null entries, which [CheckResult] refuses: use it
// on what has been checked.
func DecodeResult(result []byte) (types.Result, error) {
	// The usual result takes a decoder of its own: 90 allocations fewer, a fifth
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
	d, r := &decoder{}, &types100.Result{}
	for _, m := range o {
		switch string(m.Quoted) {
		case `"cniVersion"`:
			d.text(&r.CNIVersion, m)
		case `"interfaces"`:
			decodeList(d, &r.Interfaces, m, (*decoder).netInterface)
		case `"ips"`:
			decodeList(d, &r.IPs, m, (*decoder).ip)
		case `"routes"`:
			decodeList(d, &r.Routes, m, (*decoder).route)
		case `"dns"`:
			d.dns(&r.DNS, m)
		default:
			d.unknown(m, "cniVersion", "interfaces", "ips", "routes", "dns")
		}
	}
	return r, !d.odd && (r.CNIVersion == "1.1.0" || r.CNIVersion == "1.0.0")
}

// decoder notes whether it met something odd. What it has read then is not used.
//
// The strings of a result are slices of one text, its addresses and its numbers of
// one array each: 15 allocations in place of 52 (BenchmarkDecodeResult). When one of
// them grows, what has been handed out stays where it is.
type decoder struct {
	odd       bool
	strings   rawjson.Strings
	addresses []byte
	indices   []int
}

func (d *decoder) netInterface(i *types100.Interface, value []byte) {
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
}

func (d *decoder) ip(c *types100.IPConfig, value []byte) {
	d.object(value, func(m rawjson.Member) {
		switch string(m.Quoted) {
		case `"interface"`:
			d.pointer(&c.Interface, m)
		case `"address"`:
			d.network(&c.Address, m)
		case `"gateway"`:
			d.address(&c.Gateway, m)
		default:
			d.unknown(m, "interface", "address", "gateway")
		}
	})
}

func (d *decoder) route(r *types.Route, value []byte) {
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
			d.pointer(&r.Table, m)
		case `"scope"`:
			d.pointer(&r.Scope, m)
		default:
			d.unknown(m, "dst", "gw", "mtu", "advmss", "priority", "table", "scope")
		}
	})
}

func (d *decoder) dns(to *types.DNS, m rawjson.Member) {
	d.object(m.Value, func(m rawjson.Member) {
		switch string(m.Quoted) {
		case `"nameservers"`:
			d.list(&to.Nameservers, m)
		case `"domain"`:
			d.text(&to.Domain, m)
		case `"search"`:
			d.list(&to.Search, m)
		case `"options"`:
			d.list(&to.Options, m)
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

// decodeList decodes a list of objects, which are elements of one array.
func decodeList[T any](d *decoder, to *[]*T, m rawjson.Member, read func(*decoder, *T, []byte)) {
	if *to != nil {
		d.odd = true // encoding/json would mix the elements of both
		return
	}
	all := make([]T, 0, 4)
	d.elements(m, func(value []byte) {
		all = append(all, *new(T))
		read(d, &all[len(all)-1], value)
	})
	*to = make([]*T, len(all))
	for i := range all {
		(*to)[i] = &all[i]
	}
}

// list decodes a list of strings.
func (d *decoder) list(to *[]string, m rawjson.Member) {
	if *to != nil {
		d.odd = true // see decodeList
		return
	}
	*to = make([]string, 0, 2)
	d.elements(m, func(value []byte) { *to = append(*to, d.string(value)) })
}

func (d *decoder) elements(m rawjson.Member, element func(value []byte)) {
	err := rawjson.EachElement(m.Value, func(e rawjson.Element) bool {
		element(e.Value)
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
	s, ok := d.strings.String(value)
	d.odd = d.odd || !ok
	return s
}

func (d *decoder) text(to *string, m rawjson.Member) { *to = d.string(m.Value) }

func (d *decoder) number(to *int, m rawjson.Member) {
	n, err := strconv.Atoi(string(m.Value))
	d.odd = d.odd || err != nil
	*to = n
}

func (d *decoder) pointer(to **int, m rawjson.Member) {
	if d.indices == nil {
		d.indices = make([]int, 0, 4)
	}
	d.indices = append(d.indices, 0)
	*to = &d.indices[len(d.indices)-1]
	d.number(*to, m)
}

// network and address make what package net does of the same text: IPv4 in 16
// bytes, its mask in 4.

func (d *decoder) network(to *net.IPNet, m rawjson.Member) {
	prefix, err := netip.ParsePrefix(d.string(m.Value))
	if err != nil || prefix.Addr().Is4In6() {
		d.odd = true
		return
	}
	to.IP = d.ip16(prefix.Addr())
	mask := d.bytes(prefix.Addr().BitLen() / 8)
	for i := range mask {
		mask[i] = ^byte(0xff >> min(max(prefix.Bits()-8*i, 0), 8))
	}
	to.Mask = mask
}

func (d *decoder) address(to *net.IP, m rawjson.Member) {
	addr, err := netip.ParseAddr(d.string(m.Value))
	if err != nil || addr.Zone() != "" {
		d.odd = true // or empty
		return
	}
	*to = d.ip16(addr)
}

func (d *decoder) ip16(addr netip.Addr) net.IP {
	ip, bytes := d.bytes(16), addr.As16()
	copy(ip, bytes[:])
	return ip
}

// bytes returns n bytes of those for addresses.
func (d *decoder) bytes(n int) []byte {
	if cap(d.addresses)-len(d.addresses) < n {
		d.addresses = make([]byte, 0, 128)
	}
	from := len(d.addresses)
	d.addresses = d.addresses[:from+n]
	return d.addresses[from : from+n : from+n]
}
