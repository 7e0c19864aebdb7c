package types

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"unicode/utf8"
)

// Validate returns what is wrong with the arguments, nil if nothing is: each
// fault is a *[CapabilityError] with the place, all of them joined. It knows what
// the conventions and the plugins that they name agree on: what passes can still
// be refused by a plugin.
func (c *Capabilities) Validate() error {
	var errs []error
	at := func(format string, args ...any) *check {
		return &check{field: fmt.Sprintf(format, args...), errs: &errs}
	}
	for i, m := range c.PortMappings {
		m.validate(at("portMappings[%d]", i))
	}
	if c.Bandwidth != nil {
		c.Bandwidth.validate(at("bandwidth"))
	}
	for i, set := range c.IPRanges {
		validateRanges(set, at("ipRanges[%d]", i))
	}
	if c.DNS != nil {
		c.DNS.validate(at("dns"))
	}
	for i, p := range c.IPs {
		at("ips[%d]", i).addr("", p.Addr())
	}
	validateMAC(c.MAC, at("mac"))
	if n := len(c.InfinibandGUID); n != 0 && n != 8 {
		at("infinibandGUID").fail("", fmt.Errorf("has %d bytes, not 8", n))
	}
	at("deviceID").text("", c.DeviceID)
	for i, alias := range c.Aliases {
		at("aliases[%d]", i).required("", alias)
	}
	at("cgroupPath").text("", c.CgroupPath)
	for _, key := range slices.Sorted(maps.Keys(c.PodAnnotations)) {
		annotation := at("io.kubernetes.cri.pod-annotations[%q]", key)
		annotation.text("", key)
		annotation.text("", c.PodAnnotations[key])
	}
	known := c.fields()
	for _, name := range slices.Sorted(maps.Keys(c.Extra)) {
		switch {
		case slices.ContainsFunc(known, func(f capability) bool { return f.name == name }):
			at("%s", name).fail("", errors.New("has a field of its own and cannot be in Extra"))
		case name == "":
			at("Extra").fail("", errors.New("has a value without a name"))
		}
		at("Extra[%q]", name).text("", name)
	}
	return errors.Join(errs...)
}

func (m *PortMapping) validate(c *check) {
	if m.HostPort == 0 {
		c.fail(".hostPort", errors.New("is 0"))
	}
	if m.ContainerPort == 0 {
		c.fail(".containerPort", errors.New("is 0"))
	}
	if !slices.Contains([]string{"tcp", "udp", "sctp"}, m.Protocol) {
		c.fail(".protocol", fmt.Errorf("is %q, not tcp, udp or sctp", m.Protocol))
	}
	if m.HostIP.IsValid() {
		c.addr(".hostIP", m.HostIP)
	}
}

// validateRanges checks the ranges that one address may be from.
func validateRanges(set []IPRange, c *check) {
	if len(set) == 0 {
		c.fail("", errors.New("has no range"))
	}
	for i, r := range set {
		at := &check{field: fmt.Sprintf("%s[%d]", c.field, i), errs: c.errs}
		switch {
		case !r.Subnet.IsValid():
			at.fail(".subnet", errors.New("is missing"))
			continue
		case r.Subnet != r.Subnet.Masked():
			at.fail(".subnet", fmt.Errorf("%s has host bits, the network is %s", r.Subnet, r.Subnet.Masked()))
		case set[0].Subnet.IsValid() && r.Subnet.Addr().Is4() != set[0].Subnet.Addr().Is4():
			at.fail(".subnet", fmt.Errorf("%s is not of the family of %s", r.Subnet, set[0].Subnet))
		}
		for _, end := range [...]struct {
			name string
			addr netip.Addr
		}{{".rangeStart", r.RangeStart}, {".rangeEnd", r.RangeEnd}} {
			if end.addr.IsValid() && !r.Subnet.Contains(end.addr) {
				at.fail(end.name, fmt.Errorf("%s is not in %s", end.addr, r.Subnet))
			}
		}
		if r.RangeStart.IsValid() && r.RangeEnd.IsValid() && r.RangeEnd.Less(r.RangeStart) {
			at.fail(".rangeEnd", fmt.Errorf("%s is before %s", r.RangeEnd, r.RangeStart))
		}
		if r.Gateway.IsValid() && r.Gateway.Is4() != r.Subnet.Addr().Is4() {
			at.fail(".gateway", fmt.Errorf("%s is not of the family of %s", r.Gateway, r.Subnet))
		}
	}
}

func (d *RuntimeDNS) validate(c *check) {
	for i, server := range d.Servers {
		if !server.IsValid() { // a zone is right here
			c.fail(fmt.Sprintf(".servers[%d]", i), errors.New("is missing"))
		}
	}
	for i, search := range d.Searches {
		c.required(fmt.Sprintf(".searches[%d]", i), search)
	}
	for i, option := range d.Options {
		c.required(fmt.Sprintf(".options[%d]", i), option)
	}
}

func validateMAC(mac net.HardwareAddr, c *check) {
	switch n := len(mac); {
	case n == 0:
	case n != 6 && n != 8 && n != 20:
		c.fail("", fmt.Errorf("has %d bytes, not 6, 8 or 20", n))
	case n == 6 && mac[0]&1 != 0:
		c.fail("", fmt.Errorf("%s is a group address", mac))
	}
}

// check collects the faults of one value.
type check struct {
	field string
	errs  *[]error
}

func (c *check) fail(member string, err error) {
	*c.errs = append(*c.errs, &CapabilityError{Field: c.field + member, Err: err})
}

// addr wants an address that names no interface of this host.
func (c *check) addr(member string, addr netip.Addr) {
	switch {
	case !addr.IsValid():
		c.fail(member, errors.New("is missing"))
	case addr.Zone() != "":
		c.fail(member, fmt.Errorf("%s has a zone", addr))
	}
}

func (c *check) required(member, s string) {
	if s == "" {
		c.fail(member, errors.New("is empty"))
	}
	c.text(member, s)
}

// text wants what JSON can carry.
func (c *check) text(member, s string) {
	if !utf8.ValidString(s) {
		c.fail(member, fmt.Errorf("%q is not valid UTF-8", s))
	}
}
