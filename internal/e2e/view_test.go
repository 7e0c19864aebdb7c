//go:build linux

package e2e

import (
	"fmt"
	"testing"

	"github.com/cnikit/cnikit/types"
	"github.com/stretchr/testify/assert"
)

// TestViewOfRealResults: what bridge and ptp return in every version of the specification,
// as cnikit views it, against what iproute2 shows of the container; see guest.assertView.
func TestViewOfRealResults(t *testing.T) {
	alone(t, rootless, func(t *testing.T) {
		needLinkKind(t, "bridge")
		const rest = `"ipam": {
			"type": "host-local",
			"ranges": [[{"subnet": "10.41.0.0/24"}], [{"subnet": "fd00:41::/64"}]],
			"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}, {"dst": "192.0.2.0/24", "gw": "10.41.0.1"}]
		}, "dns": {"nameservers": ["10.41.0.53"], "search": ["example.org"]}`
		for _, c := range []struct {
			name, version, plugin string
			onHost                int // interfaces
		}{
			{"bridge 0.1.0", "0.1.0", `"type": "bridge", "bridge": "views0", "isGateway": true`, 0},
			{"bridge 0.2.0", "0.2.0", `"type": "bridge", "bridge": "views0", "isGateway": true`, 0},
			{"bridge 0.3.0", "0.3.0", `"type": "bridge", "bridge": "views0", "isGateway": true`, 2},
			{"bridge 0.3.1", "0.3.1", `"type": "bridge", "bridge": "views0", "isGateway": true`, 2},
			{"bridge 0.4.0", "0.4.0", `"type": "bridge", "bridge": "views0", "isGateway": true`, 2},
			{"bridge 1.0.0", "1.0.0", `"type": "bridge", "bridge": "views0", "isGateway": true`, 2},
			{"bridge 1.1.0", "1.1.0", `"type": "bridge", "bridge": "views0", "isGateway": true, "mtu": 1400`, 2},
			{"ptp 0.4.0", "0.4.0", `"type": "ptp"`, 1},
			{"ptp 1.1.0", "1.1.0", `"type": "ptp", "mtu": 1400`, 1},
		} {
			t.Run(c.name, func(t *testing.T) {
				list := fmt.Sprintf(`{"cniVersion": %q, "name": "views", "plugins": [{%s, %s}]}`, c.version, c.plugin, rest)
				g := attach(t, list, "guest", types.Capabilities{}, nil)
				assert.Len(t, g.view.Addresses, 2)
				assert.Len(t, g.view.Primary(types.IPv4First), 2)
				assert.Len(t, g.view.Host(), c.onHost)
				assert.Len(t, g.view.Routes, 3)
				assert.Equal(t, types.DNS{Nameservers: []string{"10.41.0.53"}, Search: []string{"example.org"}}, g.view.DNS)
				g.detach(t)
				assert.NotContains(t, g.ip(t, "-br link show"), "eth0")
			})
		}
	})
}
