package invoke

import (
	"fmt"
	"net"
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
	switch version {
	case "0.1.0", "0.2.0":
		return checkFields("", o, shape02)
	case "0.3.0", "0.3.1", "0.4.0":
		return checkFields("", o, shape04)
	}
	return checkFields("", o, shape10)
}

func checkFields(at string, o rawjson.Object, fields []field) error {
	for _, f := range fields {
		found := false
		for _, m := range o {
			if !m.Folds(f.name) {
				continue
			}
			if rawjson.TypeOf(m.Value) != rawjson.Null {
				found = true
			} else if !f.required {
				continue
			}
			if err := checkValue(at+"/"+f.name, m.Value, f.shape); err != nil {
				return err
			}
		}
		if f.required && !found {
			return &ResultError{at + "/" + f.name, "missing"}
		}
	}
	return nil
}

func checkValue(at string, value []byte, s *shape) error {
	switch s.kind {
	case object:
		o, err := rawjson.ParseObject(value)
		if err != nil {
			return &ResultError{at, err.Error()}
		}
		return checkFields(at, o, s.fields)
	case list:
		elems, err := rawjson.ParseArray(value)
		if err != nil {
			return &ResultError{at, err.Error()}
		}
		for i, e := range elems {
			if s.elem.kind == text && rawjson.TypeOf(e.Value) == rawjson.Null {
				continue
			}
			if err := checkValue(at+"/"+strconv.Itoa(i), e.Value, s.elem); err != nil {
				return err
			}
		}
		return nil
	case integer:
		if _, err := strconv.Atoi(string(value)); err != nil {
			return &ResultError{at, fmt.Sprintf("%s is not an integer of this machine", clip(string(value), head))}
		}
		return nil
	}
	str, ok := rawjson.String(value)
	switch {
	case !ok:
		return &ResultError{at, fmt.Sprintf("%s is not a string", clip(string(value), head))}
	case s.kind == address && str != "" && net.ParseIP(str) == nil:
		return &ResultError{at, fmt.Sprintf("%s is not an IP address", quote([]byte(str), maxQuote, head))}
	case s.kind == network:
		if _, _, err := net.ParseCIDR(str); err != nil {
			return &ResultError{at, fmt.Sprintf("%s is not an address with a prefix length", quote([]byte(str), maxQuote, head))}
		}
	}
	return nil
}
