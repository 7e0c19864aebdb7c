//go:build linux

package e2e

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestPTP: a pair of interfaces and no bridge; the host routes between the containers.
func TestPTP(t *testing.T) {
	(&story{
		privilege: rootless,
		network:   "pairs",
		conflist: `{
			"cniVersion": "1.1.0",
			"name": "pairs",
			"plugins": [{
				"type": "ptp", "ipMasq": true, "mtu": 1400,
				"ipam": {
					"type": "host-local",
					"ranges": [[{"subnet": "10.25.0.0/24"}], [{"subnet": "fd00:25::/64"}]],
					"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
				},
				"dns": {"nameservers": ["10.25.0.1"]}
			}]
		}`,
		prepare: func(t *testing.T) {
			newUplink(t).serve(t, 7)
		},
		connected: func(t *testing.T, first, second *scene) {
			assert.Contains(t, first.ip(t, "link show dev eth0"), "mtu 1400")
			assert.Equal(t, []string{"10.25.0.1"}, first.result.DNS.Nameservers)
			first.serve(t, 80)
			for _, v6 := range []bool{false, true} {
				assertReaches(t, second.container, first.port(t, v6, 80), "first")
				assertReaches(t, nil, first.port(t, v6, 80), "first")
				assertMasqueraded(t, first.container, v6)
			}
		},
		faults: []fault{
			reservationLost("pairs"),
			addressRemoved("10.25.0.1", "default via 10.25.0.1", "fd00:25::1", "default via fd00:25::1"),
		},
		forgets: []*regexp.Regexp{masquerading},
	}).tell(t)
}
