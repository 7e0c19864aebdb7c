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
	if err := checkFields(nil, o, fields); err != nil {
		return err
	}
	return nil
}

// place is where a value stands; it becomes a JSON pointer only in an error.
type place struct {
	in    *place
	name  string
	index int // of an element of a list, which has no name
}

func (p *place) pointer() string {
	switch {
	case p == nil:
		return ""
	case p.name == "":
		return p.in.pointer() + "/" + strconv.Itoa(p.index)
	}
	return p.in.pointer() + "/" + p.name
}

func (p *place) errorf(format string, args ...any) *ResultError {
	return &ResultError{p.pointer(), fmt.Sprintf(format, args...)}
}

func checkFields(at *place, o rawjson.Object, fields []field) *ResultError {
	for i := range fields {
		f := &fields[i]
		found := false
		for _, m := range o {
			if !m.Folds(f.name) || !f.required && rawjson.TypeOf(m.Value) == rawjson.Null {
				continue
			}
			found = true
			if err := checkValue(&place{in: at, name: f.name}, m.Value, f.shape); err != nil {
				return err
			}
		}
		if f.required && !found {
			return (&place{in: at, name: f.name}).errorf("missing")
		}
	}
	return nil
}

func checkValue(at *place, value []byte, s *shape) *ResultError {
	switch s.kind {
	case object:
		o, err := rawjson.ParseObject(value)
		if err != nil {
			return at.errorf("%v", err)
		}
		return checkFields(at, o, s.fields)
	case list:
		elems, err := rawjson.ParseArray(value)
		if err != nil {
			return at.errorf("%v", err)
		}
		for i, e := range elems {
			if s.elem.kind == text && rawjson.TypeOf(e.Value) == rawjson.Null {
				continue
			}
			if err := checkValue(&place{in: at, index: i}, e.Value, s.elem); err != nil {
				return err
			}
		}
		return nil
	case integer:
		if _, err := strconv.Atoi(string(value)); err != nil {
			return at.errorf("%s is not an integer of this machine", clip(string(value), head))
		}
		return nil
	}
	if rawjson.TypeOf(value) != rawjson.Text {
		return at.errorf("%s is not a string", clip(string(value), head))
	}
	if s.kind == text {
		return nil
	}
	str, _ := rawjson.String(value)
	switch {
	case s.kind == address && str != "" && !isAddress(str):
		return at.errorf("%s is not an IP address", quote([]byte(str), maxQuote, head))
	case s.kind == network && !isNetwork(str):
		return at.errorf("%s is not an address with a prefix length", quote([]byte(str), maxQuote, head))
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
