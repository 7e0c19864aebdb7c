package types

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
)

// Capabilities are the capability arguments of an attachment: what a runtime
// tells those plugins that declare the capability, in the JSON of the CNI
// conventions. The zero value has none; a field that is empty is not passed on.
//
// [Capabilities.CapabilityArgs] makes the map that libcni's RuntimeConf takes,
// [ParseCapabilities] reads one. As JSON, Capabilities are that map.
type Capabilities struct {
	// PortMappings is the capability "portMappings", for portmap.
	PortMappings []PortMapping

	// Bandwidth is the capability "bandwidth", for bandwidth.
	Bandwidth *Bandwidth

	// IPRanges is the capability "ipRanges", for host-local: for each address that
	// is to be allocated the ranges that it may be from.
	IPRanges [][]IPRange

	// DNS is the capability "dns", for plugins on Windows.
	DNS *RuntimeDNS

	// IPs is the capability "ips", for static and host-local: the addresses to
	// assign. netip.PrefixFrom(addr, -1) is one without a prefix length; host-local
	// ignores the length, static needs it.
	IPs []netip.Prefix

	// MAC is the capability "mac", for tuning, bridge, macvlan and tap.
	MAC net.HardwareAddr

	// InfinibandGUID is the capability "infinibandGUID", 8 bytes, for ib-sriov.
	InfinibandGUID net.HardwareAddr

	// DeviceID is the capability "deviceID", such as a PCI address, for host-device.
	DeviceID string

	// Aliases is the capability "aliases": names for the addresses of the interface.
	Aliases []string

	// CgroupPath is the capability "cgroupPath": the pod's cgroup.
	CgroupPath string

	// PodAnnotations is the capability "io.kubernetes.cri.pod-annotations".
	PodAnnotations map[string]string

	// Extra are capabilities of other names, with anything that encoding/json can
	// write. What is read from JSON is kept as json.RawMessage.
	Extra map[string]any
}

// PortMapping passes a port of the host on to the container.
type PortMapping struct {
	HostPort      uint16     `json:"hostPort"`
	ContainerPort uint16     `json:"containerPort"`
	Protocol      string     `json:"protocol"`        // tcp, udp or sctp
	HostIP        netip.Addr `json:"hostIP,omitzero"` // the zero Addr: all addresses
}

// IPRange is a part of a subnet, from RangeStart to RangeEnd inclusive. All but
// the subnet may be the zero Addr, and the plugin chooses.
type IPRange struct {
	Subnet     netip.Prefix `json:"subnet"`
	RangeStart netip.Addr   `json:"rangeStart,omitzero"`
	RangeEnd   netip.Addr   `json:"rangeEnd,omitzero"`
	Gateway    netip.Addr   `json:"gateway,omitzero"`
}

// RuntimeDNS is the resolver's configuration that a runtime asks for. Note that
// the one of a result, [DNS], has other names in JSON.
type RuntimeDNS struct {
	Servers  []netip.Addr `json:"servers,omitempty"`
	Searches []string     `json:"searches,omitempty"`
	Options  []string     `json:"options,omitempty"`
}

// CapabilityArgs returns the arguments by capability, for RuntimeConf: values
// that encoding/json writes as the conventions want them. They share no memory
// with c except for the values of Extra. It returns nil if there are none, and the
// errors of [Capabilities.Validate].
func (c *Capabilities) CapabilityArgs() (map[string]any, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	args := map[string]any{}
	for _, f := range c.fields() {
		if f.value != nil {
			args[f.name] = f.value
		}
	}
	maps.Copy(args, c.Extra)
	if len(args) == 0 {
		return nil, nil
	}
	return args, nil
}

// Undelivered returns the names of those arguments that no plugin declares and
// that will therefore reach none, sorted. declared are the plugins' capabilities, as in
// [PluginConf].
func (c *Capabilities) Undelivered(declared ...map[string]bool) []string {
	var names []string
	check := func(name string) {
		if !slices.ContainsFunc(declared, func(d map[string]bool) bool { return d[name] }) {
			names = append(names, name)
		}
	}
	for _, f := range c.fields() {
		if f.value != nil {
			check(f.name)
		}
	}
	for name := range c.Extra {
		check(name)
	}
	slices.Sort(names)
	return names
}

// CapabilityError says what is wrong with one value of the capability arguments.
type CapabilityError struct {
	Field string // where it is, in the names of the conventions: portMappings[1].hostPort
	Err   error  // what is wrong
}

// Error returns both.
func (e *CapabilityError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Err) }

// Unwrap returns Err.
func (e *CapabilityError) Unwrap() error { return e.Err }
