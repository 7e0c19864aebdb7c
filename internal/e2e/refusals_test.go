//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/cnikit/cnikit/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestValidateAgreesWithPlugins: what Capabilities.Validate refuses, the plugin that it is for
// refuses too, and what is just within the bounds both take. (The exception is a hostIP that
// is no address: portmap succeeds, and maps nothing.)
func TestValidateAgreesWithPlugins(t *testing.T) {
	const ranges = `{"type": "ptp", "capabilities": {"ipRanges": true}, "ipam": {"type": "host-local"}}`
	const after = `{"type": "ptp", "ipam": {"type": "static", "addresses": [{"address": "10.55.0.2/24", "gateway": "10.55.0.1"}]}}, `
	const ports = after + `{"type": "portmap", "capabilities": {"portMappings": true}}`
	const shape = after + `{"type": "bandwidth", "capabilities": {"bandwidth": true}}`
	const mac = after + `{"type": "tuning", "capabilities": {"mac": true}}`
	const ips = `{"type": "ptp", "capabilities": {"ips": true}, "ipam": {"type": "static"}}`
	cases := []struct {
		name, plugins, args string
		taken               bool // by both
	}{
		{"a port", ports, `{"portMappings": [{"hostPort": 65535, "containerPort": 65535, "protocol": "tcp"}]}`, true},
		{"sctp", ports, `{"portMappings": [{"hostPort": 1, "containerPort": 1, "protocol": "sctp"}]}`, true},
		{"host port 0", ports, `{"portMappings": [{"hostPort": 0, "containerPort": 80, "protocol": "tcp"}]}`, false},
		{"container port 0", ports, `{"portMappings": [{"hostPort": 80, "containerPort": 0, "protocol": "tcp"}]}`, false},
		{"port 65536", ports, `{"portMappings": [{"hostPort": 65536, "containerPort": 80, "protocol": "tcp"}]}`, false},
		{"another protocol", ports, `{"portMappings": [{"hostPort": 80, "containerPort": 80, "protocol": "icmp"}]}`, false},

		{"largest burst", shape, `{"bandwidth": {"ingressRate": 1000000000, "ingressBurst": 34359738359}}`, true},
		{"larger burst", shape, `{"bandwidth": {"ingressRate": 1000000000, "ingressBurst": 34359738360}}`, false},
		{"rate alone", shape, `{"bandwidth": {"ingressRate": 1000000}}`, false},
		{"burst alone", shape, `{"bandwidth": {"egressBurst": 1000000}}`, false},
		{"negative", shape, `{"bandwidth": {"egressRate": -1, "egressBurst": -1}}`, false},

		{"a range of one", ranges, `{"ipRanges": [[{"subnet": "10.56.0.0/30", "rangeStart": "10.56.0.2", "rangeEnd": "10.56.0.2"}]]}`, true},
		{"two ranges", ranges, `{"ipRanges": [[{"subnet": "10.56.0.0/30"}, {"subnet": "10.56.1.0/30"}]]}`, true},
		{"a gateway elsewhere", ranges, `{"ipRanges": [[{"subnet": "10.56.0.0/24", "gateway": "10.56.1.1"}]]}`, true},
		{"an empty set", ranges, `{"ipRanges": [[]]}`, false},
		{"no subnet", ranges, `{"ipRanges": [[{"rangeStart": "10.56.0.2"}]]}`, false},
		{"host bits", ranges, `{"ipRanges": [[{"subnet": "10.56.0.1/24"}]]}`, false},
		{"two families", ranges, `{"ipRanges": [[{"subnet": "10.56.0.0/24"}, {"subnet": "fd00:56::/64"}]]}`, false},
		{"a start outside", ranges, `{"ipRanges": [[{"subnet": "10.56.0.0/24", "rangeStart": "10.56.1.2"}]]}`, false},
		{"an end outside", ranges, `{"ipRanges": [[{"subnet": "10.56.0.0/24", "rangeEnd": "10.56.1.2"}]]}`, false},
		{"an end before the start", ranges, `{"ipRanges": [[{"subnet": "10.56.0.0/24", "rangeStart": "10.56.0.9", "rangeEnd": "10.56.0.8"}]]}`, false},
		{"a gateway of another family", ranges, `{"ipRanges": [[{"subnet": "10.56.0.0/24", "gateway": "fd00:56::1"}]]}`, false},

		{"a group's mac", mac, `{"mac": "01:00:5e:00:00:01"}`, false},
		{"a short mac", mac, `{"mac": "02:00:00"}`, false},
		{"no ip", ips, `{"ips": ["ten"]}`, false},
	}
	alone(t, rootless, func(t *testing.T) {
		needLinkKind(t, "ifb")
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				var raw map[string]json.RawMessage
				require.NoError(t, json.Unmarshal([]byte(c.args), &raw))
				args := map[string]any{}
				for name, value := range raw {
					args[name] = value
				}
				capabilities, here := types.ParseCapabilities(args)
				if here == nil {
					here = capabilities.Validate()
				}
				// The plugin gets them as they are.
				list := fmt.Sprintf(`{"cniVersion": "1.1.0", "name": "refusing", "plugins": [%s]}`, c.plugins)
				g := newGuest(t, list, "guest", types.Capabilities{}, nil)
				g.rt.CapabilityArgs = args
				_, there := g.cni.AddNetworkList(t.Context(), g.list, g.rt)
				assert.Equal(t, c.taken, here == nil, "Validate: %v", here)
				assert.Equal(t, c.taken, there == nil, "the plugin: %v", there)
				if del := g.cni.DelNetworkList(t.Context(), g.list, g.rt); c.taken {
					require.NoError(t, del)
				}
			})
		}
	})
}
