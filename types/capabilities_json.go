package types

import (
	"encoding/json"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// capability is one of the well-known ones.
type capability struct {
	name  string
	value any // what it is passed on as; nil: not at all
	to    any // what json.Unmarshal reads it into
}

// fields is the table of the well-known capabilities.
func (c *Capabilities) fields() []capability {
	ips, mac, guid := (*ipTexts)(&c.IPs), (*macText)(&c.MAC), (*macText)(&c.InfinibandGUID)
	return []capability{
		{"portMappings", list(c.PortMappings), &c.PortMappings},
		{"bandwidth", pointed(c.Bandwidth), &c.Bandwidth},
		{"ipRanges", rangeSets(c.IPRanges), &c.IPRanges},
		{"dns", c.DNS.clone(), &c.DNS},
		{"ips", list(ips.texts()), ips},
		{"mac", text(net.HardwareAddr(*mac).String()), mac},
		{"infinibandGUID", text(net.HardwareAddr(*guid).String()), guid},
		{"deviceID", text(c.DeviceID), &c.DeviceID},
		{"aliases", list(c.Aliases), &c.Aliases},
		{"cgroupPath", text(c.CgroupPath), &c.CgroupPath},
		{"io.kubernetes.cri.pod-annotations", annotations(c.PodAnnotations), &c.PodAnnotations},
	}
}

// ParseCapabilities is the inverse of [Capabilities.CapabilityArgs]. Values may
// be anything that encoding/json writes as the conventions want them; null is
// none. Names that it does not know go to Extra as they are, members that it does
// not know are left out. For a value of another shape the error is a
// *[CapabilityError] with the capability's name. It does not validate: that
// [Capabilities.Validate] does.
func ParseCapabilities(args map[string]any) (*Capabilities, error) {
	c := &Capabilities{Extra: maps.Clone(args)}
	for _, f := range c.fields() {
		arg, ok := args[f.name]
		if !ok {
			continue
		}
		delete(c.Extra, f.name)
		raw, err := json.Marshal(arg)
		if err == nil {
			err = json.Unmarshal(raw, f.to)
		}
		if err != nil {
			return nil, &CapabilityError{Field: f.name, Err: err}
		}
	}
	if len(c.Extra) == 0 {
		c.Extra = nil
	}
	return c, nil
}

// MarshalJSON implements json.Marshaler: the object of
// [Capabilities.CapabilityArgs].
func (c Capabilities) MarshalJSON() ([]byte, error) {
	args, err := c.CapabilityArgs()
	switch {
	case err != nil:
		return nil, err
	case args == nil:
		return []byte("{}"), nil
	}
	return json.Marshal(args)
}

// UnmarshalJSON implements json.Unmarshaler with [ParseCapabilities].
func (c *Capabilities) UnmarshalJSON(data []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	args := make(map[string]any, len(members))
	for name, raw := range members {
		args[name] = raw
	}
	parsed, err := ParseCapabilities(args)
	if err != nil {
		return err
	}
	*c = *parsed
	return nil
}

// ipTexts are addresses with or without prefix length, a list of texts in JSON.
type ipTexts []netip.Prefix

func (ips ipTexts) texts() []string {
	texts := make([]string, len(ips))
	for i, p := range ips {
		if texts[i] = p.String(); p.Bits() < 0 {
			texts[i] = p.Addr().String()
		}
	}
	return texts
}

// UnmarshalJSON implements json.Unmarshaler.
func (ips *ipTexts) UnmarshalJSON(data []byte) error {
	var texts []string
	if err := json.Unmarshal(data, &texts); err != nil {
		return err
	}
	*ips = nil
	for _, s := range texts {
		p, err := parseIP(s)
		if err != nil {
			return err
		}
		*ips = append(*ips, p)
	}
	return nil
}

func parseIP(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		return netip.ParsePrefix(s)
	}
	addr, err := netip.ParseAddr(s)
	return netip.PrefixFrom(addr, -1), err
}

// macText is a hardware address that is a text in JSON.
type macText net.HardwareAddr

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *macText) UnmarshalText(data []byte) error {
	if len(data) == 0 {
		*m = nil
		return nil
	}
	parsed, err := net.ParseMAC(string(data))
	*m = macText(parsed)
	return err
}

// The functions below return what a capability is passed on as, or a nil
// interface for an empty one.

func list[T any](s []T) any {
	if len(s) == 0 {
		return nil
	}
	return slices.Clone(s)
}

func pointed[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func annotations(m map[string]string) any {
	if len(m) == 0 {
		return nil
	}
	return maps.Clone(m)
}

func rangeSets(sets [][]IPRange) any {
	if len(sets) == 0 {
		return nil
	}
	cloned := make([][]IPRange, len(sets))
	for i, set := range sets {
		cloned[i] = slices.Clone(set)
	}
	return cloned
}

func (d *RuntimeDNS) clone() any {
	if d == nil {
		return nil
	}
	return RuntimeDNS{Servers: slices.Clone(d.Servers), Searches: slices.Clone(d.Searches), Options: slices.Clone(d.Options)}
}
