package types_test

import (
	"errors"
	"math"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/types"
)

func TestCapabilitiesValidate(t *testing.T) {
	require.NoError(t, full().Validate())
	subnet, other := netip.MustParsePrefix("10.1.2.0/24"), netip.MustParsePrefix("fd00::/64")
	addr := netip.MustParseAddr
	ranges := func(r ...types.IPRange) types.Capabilities {
		return types.Capabilities{IPRanges: [][]types.IPRange{{{Subnet: subnet}}, r}}
	}
	for name, c := range map[string]struct {
		capabilities types.Capabilities
		want         string
	}{
		"container port": {types.Capabilities{PortMappings: []types.PortMapping{{HostPort: 1, Protocol: "tcp"}}},
			`portMappings[0].containerPort: is 0`},
		"no protocol": {types.Capabilities{PortMappings: []types.PortMapping{{HostPort: 1, ContainerPort: 1}}},
			`portMappings[0].protocol: is "", not tcp, udp or sctp`},
		"host address with zone": {types.Capabilities{PortMappings: []types.PortMapping{{1, 1, "sctp", addr("fe80::1%eth0")}}},
			`portMappings[0].hostIP: fe80::1%eth0 has a zone`},
		"rate alone": {types.Capabilities{Bandwidth: &types.Bandwidth{IngressRate: 1}},
			`bandwidth.ingressBurst: is missing beside ingressRate`},
		"burst alone": {types.Capabilities{Bandwidth: &types.Bandwidth{EgressBurst: 1}},
			`bandwidth.egressRate: is missing beside egressBurst`},
		"burst too large": {types.Capabilities{Bandwidth: &types.Bandwidth{EgressRate: 1, EgressBurst: types.MaxBurst + 1}},
			`bandwidth.egressBurst: is 4 GiB or more`},
		"no ranges":    {ranges(), `ipRanges[1]: has no range`},
		"no subnet":    {ranges(types.IPRange{Gateway: addr("10.1.2.1")}), `ipRanges[1][0].subnet: is missing`},
		"host bits":    {ranges(types.IPRange{Subnet: netip.MustParsePrefix("10.1.2.3/24")}), `ipRanges[1][0].subnet: 10.1.2.3/24 has host bits, the network is 10.1.2.0/24`},
		"mixed family": {ranges(types.IPRange{Subnet: subnet}, types.IPRange{Subnet: other}), `ipRanges[1][1].subnet: fd00::/64 is not of the family of 10.1.2.0/24`},
		"start outside": {ranges(types.IPRange{Subnet: subnet, RangeStart: addr("fd00::1")}),
			`ipRanges[1][0].rangeStart: fd00::1 is not in 10.1.2.0/24`},
		"end outside": {ranges(types.IPRange{Subnet: subnet, RangeEnd: addr("10.1.3.0")}),
			`ipRanges[1][0].rangeEnd: 10.1.3.0 is not in 10.1.2.0/24`},
		"end before start": {ranges(types.IPRange{Subnet: subnet, RangeStart: addr("10.1.2.9"), RangeEnd: addr("10.1.2.8")}),
			`ipRanges[1][0].rangeEnd: 10.1.2.8 is before 10.1.2.9`},
		"gateway": {ranges(types.IPRange{Subnet: subnet, Gateway: addr("fd00::1")}),
			`ipRanges[1][0].gateway: fd00::1 is not of the family of 10.1.2.0/24`},
		"server":      {types.Capabilities{DNS: &types.RuntimeDNS{Servers: []netip.Addr{addr("::1"), {}}}}, `dns.servers[1]: is missing`},
		"search":      {types.Capabilities{DNS: &types.RuntimeDNS{Searches: []string{""}}}, `dns.searches[0]: is empty`},
		"option":      {types.Capabilities{DNS: &types.RuntimeDNS{Options: []string{"\xff"}}}, `dns.options[0]: "\xff" is not valid UTF-8`},
		"no address":  {types.Capabilities{IPs: []netip.Prefix{{}}}, `ips[0]: is missing`},
		"short mac":   {types.Capabilities{MAC: net.HardwareAddr{1, 2}}, `mac: has 2 bytes, not 6, 8 or 20`},
		"group mac":   {types.Capabilities{MAC: net.HardwareAddr{1, 0, 0x5e, 0, 0, 1}}, `mac: 01:00:5e:00:00:01 is a group address`},
		"guid":        {types.Capabilities{InfinibandGUID: net.HardwareAddr{1, 2, 3, 4, 5, 6}}, `infinibandGUID: has 6 bytes, not 8`},
		"device":      {types.Capabilities{DeviceID: "\xff"}, `deviceID: "\xff" is not valid UTF-8`},
		"alias":       {types.Capabilities{Aliases: []string{"a", ""}}, `aliases[1]: is empty`},
		"cgroup":      {types.Capabilities{CgroupPath: "/\xff"}, `cgroupPath: "/\xff" is not valid UTF-8`},
		"annotation":  {types.Capabilities{PodAnnotations: map[string]string{"k": "\xff"}}, `io.kubernetes.cri.pod-annotations["k"]: "\xff" is not valid UTF-8`},
		"twice":       {types.Capabilities{Extra: map[string]any{"mac": "c2:11:22:33:44:55"}}, `mac: has a field of its own and cannot be in Extra`},
		"nameless":    {types.Capabilities{Extra: map[string]any{"": 1}}, `Extra: has a value without a name`},
		"name's text": {types.Capabilities{Extra: map[string]any{"\xff": 1}}, `Extra["\xff"]: "\xff" is not valid UTF-8`},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.capabilities.Validate()
			assert.EqualError(t, err, c.want)
			var capErr *types.CapabilityError
			require.ErrorAs(t, err, &capErr)
			assert.NotNil(t, errors.Unwrap(capErr))

			_, argsErr := c.capabilities.CapabilityArgs()
			assert.Equal(t, err, argsErr)
		})
	}
}

func TestWithBursts(t *testing.T) {
	const floor = 8 * 64 << 10
	for name, c := range map[string]struct{ given, want types.Bandwidth }{
		"unlimited stays unlimited": {},
		"one second":                {types.Bandwidth{IngressRate: 1e7}, types.Bandwidth{IngressRate: 1e7, IngressBurst: 1e7}},
		"at least a segment":        {types.Bandwidth{EgressRate: 1e4}, types.Bandwidth{EgressRate: 1e4, EgressBurst: floor}},
		"less than 270 seconds":     {types.Bandwidth{EgressRate: 1000}, types.Bandwidth{EgressRate: 1000, EgressBurst: 256_000}},
		"at most what is taken": {types.Bandwidth{EgressRate: math.MaxUint64},
			types.Bandwidth{EgressRate: math.MaxUint64, EgressBurst: types.MaxBurst}},
		"given bursts stay": {types.Bandwidth{1e6, 7, 1e6, 8}, types.Bandwidth{1e6, 7, 1e6, 8}},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.given.WithBursts()
			assert.Equal(t, c.want, got)
			assert.NoError(t, (&types.Capabilities{Bandwidth: &got}).Validate())
		})
	}
	// The condition of the bandwidth plugin.
	assert.Less(t, types.MaxBurst/8, uint64(math.MaxUint32))
	assert.Equal(t, (types.MaxBurst+1)/8, uint64(math.MaxUint32))
}
