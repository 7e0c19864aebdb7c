package types_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/types"
)

// full has every capability, conventional their JSON as the conventions write it.
func full() *types.Capabilities {
	return &types.Capabilities{
		PortMappings: []types.PortMapping{
			{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"},
			{HostPort: 8000, ContainerPort: 8001, Protocol: "udp", HostIP: netip.MustParseAddr("127.0.0.1")},
		},
		Bandwidth: &types.Bandwidth{IngressRate: 2048, IngressBurst: 1600, EgressRate: 4096, EgressBurst: 1600},
		IPRanges: [][]types.IPRange{{{
			Subnet:     netip.MustParsePrefix("10.1.2.0/24"),
			RangeStart: netip.MustParseAddr("10.1.2.3"), RangeEnd: netip.MustParseAddr("10.1.2.99"),
			Gateway: netip.MustParseAddr("10.1.2.254"),
		}}, {{Subnet: netip.MustParsePrefix("fd00::/64")}}},
		DNS: &types.RuntimeDNS{
			Servers:  []netip.Addr{netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("10.0.0.10")},
			Searches: []string{"internal.yoyodyne.net", "corp.tyrell.net"}, Options: []string{"ndots:5"},
		},
		IPs: []netip.Prefix{
			netip.PrefixFrom(netip.MustParseAddr("192.168.0.1"), -1), netip.MustParsePrefix("10.10.0.1/24"),
			netip.PrefixFrom(netip.MustParseAddr("3ffe:ffff:0:1ff::2"), -1), netip.MustParsePrefix("3ffe:ffff:0:1ff::1/64"),
		},
		MAC:            net.HardwareAddr{0xc2, 0x11, 0x22, 0x33, 0x44, 0x55},
		InfinibandGUID: net.HardwareAddr{0xc2, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77},
		DeviceID:       "0000:04:00.5",
		Aliases:        []string{"my-container", "primary-db"},
		CgroupPath:     "/kubelet.slice/kubelet-kubepods.slice",
		PodAnnotations: map[string]string{"example.com/zone": "a"},
		Extra:          map[string]any{"example.com/vendor": json.RawMessage(`{"big":9223372036854775807}`)},
	}
}

const conventional = `{
	"portMappings": [
		{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"},
		{"hostPort": 8000, "containerPort": 8001, "protocol": "udp", "hostIP": "127.0.0.1"}],
	"bandwidth": {"ingressRate": 2048, "ingressBurst": 1600, "egressRate": 4096, "egressBurst": 1600},
	"ipRanges": [
		[{"subnet": "10.1.2.0/24", "rangeStart": "10.1.2.3", "rangeEnd": "10.1.2.99", "gateway": "10.1.2.254"}],
		[{"subnet": "fd00::/64"}]],
	"dns": {"servers": ["8.8.8.8", "10.0.0.10"], "searches": ["internal.yoyodyne.net", "corp.tyrell.net"], "options": ["ndots:5"]},
	"ips": ["192.168.0.1", "10.10.0.1/24", "3ffe:ffff:0:1ff::2", "3ffe:ffff:0:1ff::1/64"],
	"mac": "c2:11:22:33:44:55",
	"infinibandGUID": "c2:11:22:33:44:55:66:77",
	"deviceID": "0000:04:00.5",
	"aliases": ["my-container", "primary-db"],
	"cgroupPath": "/kubelet.slice/kubelet-kubepods.slice",
	"io.kubernetes.cri.pod-annotations": {"example.com/zone": "a"},
	"example.com/vendor": {"big": 9223372036854775807}
}`

func TestCapabilitiesJSON(t *testing.T) {
	args, err := full().CapabilityArgs()
	require.NoError(t, err)
	raw, err := json.Marshal(args)
	require.NoError(t, err)
	assert.JSONEq(t, conventional, string(raw))
	assert.Contains(t, string(raw), "9223372036854775807")

	direct, err := json.Marshal(full())
	require.NoError(t, err)
	assert.Equal(t, string(raw), string(direct))

	parsed, err := types.ParseCapabilities(args)
	require.NoError(t, err)
	assert.Equal(t, full(), parsed)

	var decoded types.Capabilities
	require.NoError(t, json.Unmarshal(raw, &decoded))
	assert.Equal(t, full(), &decoded)
}

func TestCapabilitiesEmpty(t *testing.T) {
	for name, c := range map[string]*types.Capabilities{
		"zero": {},
		"empty": {
			PortMappings: []types.PortMapping{}, IPRanges: [][]types.IPRange{}, IPs: []netip.Prefix{}, MAC: net.HardwareAddr{},
			Aliases: []string{}, PodAnnotations: map[string]string{}, Extra: map[string]any{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			args, err := c.CapabilityArgs()
			require.NoError(t, err)
			assert.Nil(t, args)
			assert.Empty(t, c.Undelivered())
			raw, err := json.Marshal(c)
			require.NoError(t, err)
			assert.Equal(t, `{}`, string(raw))
		})
	}
	for _, args := range []map[string]any{nil, {}, {"portMappings": nil, "ips": nil, "mac": nil, "bandwidth": nil, "dns": nil}} {
		c, err := types.ParseCapabilities(args)
		require.NoError(t, err)
		assert.Equal(t, &types.Capabilities{}, c)
	}
}

// TestCapabilitiesOfOtherRuntimes: the values that runtimes build by hand, and
// what is read from a record, where every number is a float64.
func TestCapabilitiesOfOtherRuntimes(t *testing.T) {
	var recorded map[string]any
	require.NoError(t, json.Unmarshal([]byte(conventional), &recorded))
	recorded["portMappings"] = []struct { // without tags
		HostPort, ContainerPort int32
		Protocol, HostIP        string
	}{{8080, 80, "tcp", ""}}
	recorded["bandwidth"] = map[string]uint64{"ingressRate": math.MaxUint32, "ingressBurst": math.MaxUint32}

	c, err := types.ParseCapabilities(recorded)
	require.NoError(t, err)
	assert.Equal(t, full().PortMappings[:1], c.PortMappings)
	assert.Equal(t, &types.Bandwidth{IngressRate: math.MaxUint32, IngressBurst: math.MaxUint32}, c.Bandwidth)
	assert.Equal(t, full().IPRanges, c.IPRanges)
	assert.NoError(t, c.Validate())
}

func TestCapabilityArgsAreACopy(t *testing.T) {
	c := full()
	args, err := c.CapabilityArgs()
	require.NoError(t, err)
	c.PortMappings[0].HostPort, c.IPRanges[0][0].Gateway, c.MAC[0], c.DNS.Options[0], c.Bandwidth.IngressRate = 1, netip.Addr{}, 0, "", 1
	c.PodAnnotations["x"] = "y"
	raw, err := json.Marshal(args)
	require.NoError(t, err)
	assert.JSONEq(t, conventional, string(raw))
}

func TestParseCapabilitiesRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"portMappings": {[]any{map[string]any{"hostPort": 70000}}, "portMappings: json: cannot unmarshal number 70000"},
		"ipRanges":     {[]any{map[string]any{"subnet": "10.0.0.0/8"}}, "ipRanges: json: cannot unmarshal object"},
		"bandwidth":    {map[string]any{"ingressRate": -1}, "bandwidth: json: cannot unmarshal number -1"},
		"ips":          {[]string{"10.0.0.1/33"}, "ips: netip.ParsePrefix"},
		"mac":          {"c2:11", "mac: address c2:11: invalid MAC address"},
		"dns":          {map[string]any{"servers": []string{"ns.example.com"}}, "dns: ParseAddr"},
		"aliases":      {func() {}, "aliases: json: unsupported type"},
	} {
		_, err := types.ParseCapabilities(map[string]any{name: c.value})
		var capErr *types.CapabilityError
		require.ErrorAs(t, err, &capErr)
		assert.Equal(t, name, capErr.Field)
		assert.True(t, strings.HasPrefix(err.Error(), c.want), "%s", err)
	}
	var c types.Capabilities
	assert.Error(t, json.Unmarshal([]byte(`[]`), &c))
	assert.Error(t, json.Unmarshal([]byte(`{"mac":7}`), &c))
}

func TestUndelivered(t *testing.T) {
	c := full()
	portmap, ipam := map[string]bool{"portMappings": true, "mac": false}, map[string]bool{"ips": true, "ipRanges": true}
	assert.Equal(t, []string{
		"aliases", "bandwidth", "cgroupPath", "deviceID", "dns", "example.com/vendor", "infinibandGUID",
		"io.kubernetes.cri.pod-annotations", "mac",
	}, c.Undelivered(portmap, nil, ipam))
	assert.Empty(t, (&types.Capabilities{DeviceID: "d"}).Undelivered(map[string]bool{"deviceID": true}))
}

// FuzzCapabilities: what is read and valid is written and read again as the same.
func FuzzCapabilities(f *testing.F) {
	f.Add([]byte(conventional))
	f.Add([]byte(`{"ips":["::ffff:1.2.3.4/120","1.2.3.4"],"mac":"","portMappings":[{"HostPort":1,"containerPort":2,"protocol":"sctp","hostIP":"::1"}]}`))
	f.Add([]byte(`{"dns":{"servers":["fe80::1%eth0"]},"bandwidth":{},"x":[1e400]}`))
	f.Add([]byte(`{"ipRanges":[[]],"io.kubernetes.cri.pod-annotations":{"\ud800":""}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c types.Capabilities
		if json.Unmarshal(data, &c) != nil || c.Validate() != nil {
			return
		}
		first, err := json.Marshal(&c)
		require.NoError(t, err)
		var again types.Capabilities
		require.NoError(t, json.Unmarshal(first, &again), "%s", first)
		require.NoError(t, again.Validate(), "%s", first)
		second, err := json.Marshal(&again)
		require.NoError(t, err)
		require.Equal(t, string(first), string(second))
	})
}

func ExampleCapabilities() {
	bandwidth := types.Bandwidth{IngressRate: 10_000_000}.WithBursts()
	capabilities := types.Capabilities{
		PortMappings: []types.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}},
		Bandwidth:    &bandwidth,
		IPs:          []netip.Prefix{netip.MustParsePrefix("10.1.2.9/24")},
	}
	args, err := capabilities.CapabilityArgs() // for RuntimeConf.CapabilityArgs
	if err != nil {
		fmt.Println(err)
	}
	raw, _ := json.Marshal(args)
	fmt.Println(string(raw))
	fmt.Println("no plugin takes", capabilities.Undelivered(map[string]bool{"portMappings": true, "ips": true}))
	// Output:
	// {"bandwidth":{"ingressRate":10000000,"ingressBurst":10000000,"egressRate":0,"egressBurst":0},"ips":["10.1.2.9/24"],"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]}
	// no plugin takes [bandwidth]
}

// Arguments that came as JSON, from an API or out of a record.
func ExampleParseCapabilities() {
	capabilities, err := types.ParseCapabilities(map[string]any{
		"portMappings": []any{map[string]any{"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": "127.0.0.1"}},
		"vendor":       map[string]any{"lane": 3},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(capabilities.PortMappings[0].HostIP, capabilities.Extra["vendor"])
	_, err = types.ParseCapabilities(map[string]any{"portMappings": []any{map[string]any{"hostPort": 80800}}})
	var wrong *types.CapabilityError
	fmt.Println(errors.As(err, &wrong), wrong.Field)
	// Output:
	// 127.0.0.1 map[lane:3]
	// true portMappings
}

func ExampleCapabilities_Validate() {
	capabilities := types.Capabilities{
		PortMappings: []types.PortMapping{
			{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"},
			{ContainerPort: 53, Protocol: "UDP"},
		},
		IPRanges: [][]types.IPRange{{{Subnet: netip.MustParsePrefix("10.1.2.0/24"), RangeStart: netip.MustParseAddr("10.1.3.1")}}},
	}
	fmt.Println(capabilities.Validate())
	// Output:
	// portMappings[1].hostPort: is 0
	// portMappings[1].protocol: is "UDP", not tcp, udp or sctp
	// ipRanges[0][0].rangeStart: 10.1.3.1 is not in 10.1.2.0/24
}
