//go:build linux

package e2e

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBridgeDualStack: both families, masqueraded, with address ranges, addresses and a
// hardware address that come as capability arguments.
func TestBridgeDualStack(t *testing.T) {
	ranges := []any{
		[]any{map[string]any{"subnet": "10.23.0.0/24"}},
		[]any{map[string]any{"subnet": "fd00:23::/64"}},
	}
	var outside *container
	(&story{
		privilege: rootless,
		needs:     []string{"bridge"},
		network:   "dual",
		conflist: `{
			"cniVersion": "1.0.0",
			"name": "dual",
			"plugins": [{
				"type": "bridge", "bridge": "cni1", "isDefaultGateway": true, "ipMasq": true,
				"capabilities": {"ipRanges": true, "ips": true, "mac": true},
				"ipam": {"type": "host-local"}
			}]
		}`,
		first: attachment{Capabilities: map[string]any{
			"ipRanges": ranges,
			"ips":      []string{"10.23.0.77", "fd00:23::77"},
			"mac":      "02:00:00:00:00:77",
		}},
		second: attachment{Capabilities: map[string]any{"ipRanges": ranges}},
		prepare: func(t *testing.T) {
			outside = newUplink(t)
			outside.serve(t, 7)
		},
		connected: func(t *testing.T, first, second *scene) {
			assert.Equal(t, "02:00:00:00:00:77", first.mac(t))
			require.Equal(t, "10.23.0.77", first.address(t, false).String())
			require.Equal(t, "fd00:23::77", first.address(t, true).String())
			first.serve(t, 80)
			assertReaches(t, second.container, "10.23.0.77:80", "first")
			assertReaches(t, second.container, "[fd00:23::77]:80", "first")
			for _, s := range []*scene{first, second} {
				assertMasqueraded(t, s.container, false)
				assertMasqueraded(t, s.container, true)
			}
		},
		faults: []fault{
			reservationLost("dual"),
			routeRemoved("default via 10.23.0.1"),
			routeRemoved("default via fd00:23::1"),
			macChanged(),
			unplugged("cni1"),
			addressRemoved("default via 10.23.0.1", "default via fd00:23::1"),
		},
		forgets: []*regexp.Regexp{masquerading},
	}).tell(t)
}

// TestStatic: addresses that the caller names, by a capability argument or by CNI_ARGS.
func TestStatic(t *testing.T) {
	(&story{
		privilege: rootless,
		needs:     []string{"bridge"},
		network:   "static",
		conflist: `{
			"cniVersion": "1.1.0",
			"name": "static",
			"plugins": [{
				"type": "bridge", "bridge": "cni2", "isGateway": true,
				"capabilities": {"ips": true},
				"ipam": {
					"type": "static",
					"routes": [{"dst": "192.0.2.0/24", "gw": "10.24.0.1"}],
					"dns": {"nameservers": ["10.24.0.53"], "search": ["example.org"]}
				}
			}]
		}`,
		first:  attachment{Capabilities: map[string]any{"ips": []string{"10.24.0.5/24", "fd00:24::5/64"}}},
		second: attachment{Args: [][2]string{{"IgnoreUnknown", "1"}, {"IP", "10.24.0.6/24"}, {"GATEWAY", "10.24.0.1"}}},
		prepare: func(t *testing.T) {
			newUplink(t)
		},
		connected: func(t *testing.T, first, second *scene) {
			assert.Equal(t, "10.24.0.6", second.address(t, false).String())
			assert.Equal(t, []string{"10.24.0.53"}, first.result.DNS.Nameservers)
			first.serve(t, 80)
			assertReaches(t, second.container, "10.24.0.5:80", "first")
			assertReaches(t, nil, "10.24.0.5:80", "first")
		},
		faults: []fault{
			routeRemoved("192.0.2.0/24 via 10.24.0.1"),
			addressRemoved("192.0.2.0/24 via 10.24.0.1"),
		},
	}).tell(t)
}
