package invoke

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/cnikit/cnikit/internal/rawjson"
)

// shape is what a value of a result has to look like to be read by the
// specification's data types, and to be read without a nil pointer.
type shape struct {
	kind   kind
	fields []field // of an object
	elem   *shape  // of a list
}

type field struct {
	name     string
	shape    *shape
	required bool
}

type kind byte

const (
	text    kind = iota
	integer      // fits an int
	address      // an IP address, may be empty
	network      // an address with a prefix length
	list         // of objects or strings; an object in it must not be null
	object
)

var (
	shapeText    = &shape{kind: text}
	shapeInteger = &shape{kind: integer}
	shapeAddress = &shape{kind: address}
	shapeNetwork = &shape{kind: network}
	shapeTexts   = &shape{kind: list, elem: shapeText}

	shapeDNS = &shape{kind: object, fields: []field{
		{name: "nameservers", shape: shapeTexts},
		{name: "domain", shape: shapeText},
		{name: "search", shape: shapeTexts},
		{name: "options", shape: shapeTexts},
	}}
	shapeRoutes = &shape{kind: list, elem: &shape{kind: object, fields: []field{
		{name: "dst", shape: shapeNetwork, required: true},
		{name: "gw", shape: shapeAddress},
		{name: "mtu", shape: shapeInteger},
		{name: "advmss", shape: shapeInteger},
		{name: "priority", shape: shapeInteger},
		{name: "table", shape: shapeInteger},
		{name: "scope", shape: shapeInteger},
	}}}
	shapeInterfaces = &shape{kind: list, elem: &shape{kind: object, fields: []field{
		{name: "name", shape: shapeText},
		{name: "mac", shape: shapeText},
		{name: "mtu", shape: shapeInteger},
		{name: "sandbox", shape: shapeText},
		{name: "socketPath", shape: shapeText},
		{name: "pciID", shape: shapeText},
	}}}

	// Before 1.0.0 an interface had three fields; others were the plugin's own.
	shapeInterfaces04 = &shape{kind: list, elem: &shape{kind: object, fields: []field{
		{name: "name", shape: shapeText},
		{name: "mac", shape: shapeText},
		{name: "sandbox", shape: shapeText},
	}}}

	// shape02 is a result of 0.1.0 and 0.2.0.
	shapeIP02 = &shape{kind: object, fields: []field{
		{name: "ip", shape: shapeNetwork, required: true},
		{name: "gateway", shape: shapeAddress},
		{name: "routes", shape: shapeRoutes},
	}}
	shape02 = []field{
		{name: "ip4", shape: shapeIP02},
		{name: "ip6", shape: shapeIP02},
		{name: "dns", shape: shapeDNS},
	}

	// shape04 is a result of 0.3.0 to 0.4.0.
	shape04 = []field{
		{name: "interfaces", shape: shapeInterfaces04},
		{name: "ips", shape: &shape{kind: list, elem: &shape{kind: object, fields: []field{
			{name: "version", shape: shapeText},
			{name: "interface", shape: shapeInteger},
			{name: "address", shape: shapeNetwork, required: true},
			{name: "gateway", shape: shapeAddress},
		}}}},
		{name: "routes", shape: shapeRoutes},
		{name: "dns", shape: shapeDNS},
	}

	// shape10 is a result of 1.0.0 and later.
	shape10 = []field{
		{name: "interfaces", shape: shapeInterfaces},
		{name: "ips", shape: &shape{kind: list, elem: &shape{kind: object, fields: []field{
			{name: "interface", shape: shapeInteger},
			{name: "address", shape: shapeNetwork, required: true},
			{name: "gateway", shape: shapeAddress},
		}}}},
		{name: "routes", shape: shapeRoutes},
		{name: "dns", shape: shapeDNS},
	}
)

// checkShape checks a result of a known version.
func checkShape(o rawjson.Object, version string) error {
	fields := shape10
	switch version {
	case "0.1.0", "0.2.0":
		fields = shape02
	case "0.3.0", "0.3.1", "0.4.0":
		fields = shape04
	}
	found := uint32(0)
	for _, m := range o {
		if err := checkField(m, fields, &found); err != nil {
			return err
		}
	}
	if err := missing(fields, found); err != nil {
		return err
	}
	return nil
}

// The functions below return a plain *ResultError, whose pointer grows on its way
// up: places are named only when something is wrong with them.

func wrong(format string, args ...any) *ResultError {
	return &ResultError{Reason: fmt.Sprintf(format, args...)}
}

func (e *ResultError) under(name string) *ResultError {
	e.Pointer = "/" + name + e.Pointer
	return e
}

// checkField checks a member that has a meaning, every spelling and every
// duplicate of it, and notes in found that it is there.
func checkField(m rawjson.Member, fields []field, found *uint32) *ResultError {
	for i := range fields {
		f := &fields[i]
		if !m.Folds(f.name) {
			continue
		}
		if !f.required && rawjson.TypeOf(m.Value) == rawjson.Null {
			return nil
		}
		*found |= 1 << i
		if err := checkValue(m.Value, f.shape); err != nil {
			return err.under(f.name)
		}
		return nil
	}
	return nil
}

func missing(fields []field, found uint32) *ResultError {
	for i := range fields {
		if fields[i].required && found&(1<<i) == 0 {
			return wrong("missing").under(fields[i].name)
		}
	}
	return nil
}

// checkValue checks a value that is known to be JSON.
func checkValue(value []byte, s *shape) *ResultError {
	switch s.kind {
	case object:
		var bad *ResultError
		found := uint32(0)
		err := rawjson.EachMember(value, func(m rawjson.Member) bool {
			bad = checkField(m, s.fields, &found)
			return bad == nil
		})
		if err != nil {
			return wrong("%v", err)
		}
		if bad != nil {
			return bad
		}
		return missing(s.fields, found)
	case list:
		var bad *ResultError
		n := 0
		err := rawjson.EachElement(value, func(e rawjson.Element) bool {
			if s.elem.kind != text || rawjson.TypeOf(e.Value) != rawjson.Null {
				if bad = checkValue(e.Value, s.elem); bad != nil {
					bad.under(strconv.Itoa(n))
				}
			}
			n++
			return bad == nil
		})
		if err != nil {
			return wrong("%v", err)
		}
		return bad
	case integer:
		if _, err := strconv.Atoi(string(value)); err != nil {
			return wrong("%s is not an integer of this machine", clip(string(value), head))
		}
		return nil
	}
	if rawjson.TypeOf(value) != rawjson.Text {
		return wrong("%s is not a string", clip(string(value), head))
	}
	if s.kind == text {
		return nil
	}
	str, _ := rawjson.String(value)
	switch {
	case s.kind == address && str != "" && !isAddress(str):
		return wrong("%s is not an IP address", quote([]byte(str), maxQuote, head))
	case s.kind == network && !isNetwork(str):
		return wrong("%s is not an address with a prefix length", quote([]byte(str), maxQuote, head))
	}
	return nil
}

// The data types read addresses with package net, which takes a little more than
// netip and allocates.

func isAddress(s string) bool {
	addr, err := netip.ParseAddr(s)
	return err == nil && addr.Zone() == "" || net.ParseIP(s) != nil
}

func isNetwork(s string) bool {
	if _, err := netip.ParsePrefix(s); err == nil {
		return true
	}
	_, _, err := net.ParseCIDR(s)
	return err == nil
}
