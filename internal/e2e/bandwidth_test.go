//go:build linux

package e2e

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/cnikit/cnikit/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const shapedList = `{
	"cniVersion": "1.1.0",
	"name": "shaped",
	"plugins": [
		{
			"type": "bridge", "bridge": "shaped0", "isGateway": true,
			"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.43.0.0/24"}]]}
		},
		{"type": "bandwidth", "capabilities": {"bandwidth": true}}
	]
}`

// TestTypedBandwidth: what tc shows is what was asked for, in its units: bytes.
func TestTypedBandwidth(t *testing.T) {
	alone(t, rootless, func(t *testing.T) {
		needLinkKind(t, "bridge")
		needLinkKind(t, "ifb")
		const kbit, mbit, gbit = 1e3, 1e6, 1e9
		for _, c := range []struct {
			name            string
			bandwidth       *types.Bandwidth
			ingress, egress *shaping
		}{
			{"both directions", &types.Bandwidth{IngressRate: 80 * mbit, IngressBurst: 8 * mbit, EgressRate: 16 * mbit, EgressBurst: 4 * mbit},
				&shaping{10 * 1e6, 1e6}, &shaping{2 * 1e6, 5e5}},
			{"no capability", nil, nil, nil},
			{"unlimited", &types.Bandwidth{}, nil, nil},
			{"unlimited egress", &types.Bandwidth{IngressRate: 8 * mbit, IngressBurst: 8 * mbit}, &shaping{1e6, 1e6}, nil},
			{"unlimited ingress", &types.Bandwidth{EgressRate: 8 * mbit, EgressBurst: 8 * mbit}, nil, &shaping{1e6, 1e6}},
			{"rates only", bursts(80*mbit, 8*mbit), &shaping{1e7, 1e7}, &shaping{1e6, 1e6}},
			{"the lowest rate of Kubernetes", bursts(kbit, kbit), &shaping{125, 32_000}, &shaping{125, 32_000}},
			{"a slow line", bursts(64*kbit, 4*kbit), &shaping{8000, 64 << 10}, &shaping{500, 64 << 10}},
			{"a fast one", bursts(10*gbit, 100*gbit), &shaping{1.25e9, 1.25e9}, &shaping{12.5e9, float64(types.MaxBurst) / 8}},
			// With 64 KiB, which last for 275 seconds here, it would be a burst of 115 bytes.
			{"a slower one", bursts(1904, 1904), &shaping{238, 256 * 238}, &shaping{238, 256 * 238}},
		} {
			t.Run(c.name, func(t *testing.T) {
				g := attach(t, shapedList, "guest", types.Capabilities{Bandwidth: c.bandwidth}, nil)
				var veth, ifb string
				for _, i := range g.view.Host() {
					switch {
					case strings.HasPrefix(i.Name, "veth"):
						veth = i.Name
					case i.Name != "shaped0":
						ifb = i.Name
					}
				}
				assertShaped(t, veth, c.ingress)
				if c.egress == nil {
					assert.Empty(t, ifb)
				} else {
					assertShaped(t, ifb, c.egress)
				}
				g.serve(t, 80)
				assertReaches(t, nil, netip.AddrPortFrom(g.address(t, false), 80).String(), g.name)
				g.detach(t)
			})
		}
	})
}

// bursts is the bandwidth of a runtime that knows rates only.
func bursts(ingress, egress uint64) *types.Bandwidth {
	b := types.Bandwidth{IngressRate: ingress, EgressRate: egress}.WithBursts()
	return &b
}

// shaping is how an interface's traffic is shaped, in bytes.
type shaping struct{ rate, burst float64 }

// assertShaped asserts that the traffic that leaves the interface is shaped, or is not if
// want is nil.
func assertShaped(t *testing.T, dev string, want *shaping) {
	t.Helper()
	text := host(t, "tc -json qdisc show dev "+dev)
	var all []struct {
		Kind    string `json:"kind"`
		Options struct {
			Rate  float64 `json:"rate"`
			Burst float64 `json:"burst"`
		} `json:"options"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &all))
	var got *shaping
	for _, q := range all {
		if q.Kind == "tbf" {
			got = &shaping{q.Options.Rate, q.Options.Burst}
		}
	}
	if want == nil {
		assert.Nil(t, got, "%s is shaped", dev)
		return
	}
	require.NotNil(t, got, "%s is not shaped: %s", dev, text)
	assert.InEpsilon(t, want.rate, got.rate, 0.001, "the rate of %s", dev)
	assert.InEpsilon(t, want.burst, got.burst, 0.001, "the burst of %s", dev)
}
