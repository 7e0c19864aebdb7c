//go:build linux

package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/cnikit/cnikit/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bridged returns a list of one bridge, with an IPAM plugin and more members.
func bridged(name, capabilities, ipam string) string {
	return fmt.Sprintf(`{
		"cniVersion": "1.1.0",
		"name": %[1]q,
		"plugins": [{"type": "bridge", "bridge": %[1]q, "isGateway": true, "capabilities": {%[2]s}, "ipam": {%[3]s}}]
	}`, name, capabilities, ipam)
}

// TestTypedIPRanges: host-local, which the configuration tells nothing, takes an address
// from each set, and from the ranges of a set in order.
func TestTypedIPRanges(t *testing.T) {
	alone(t, rootless, func(t *testing.T) {
		list := `{
			"cniVersion": "1.1.0",
			"name": "ranged",
			"plugins": [{"type": "ptp", "capabilities": {"ipRanges": true}, "ipam": {"type": "host-local"}}]
		}`
		ranges := types.Capabilities{IPRanges: [][]types.IPRange{
			{
				{
					Subnet:     netip.MustParsePrefix("10.44.0.0/24"),
					RangeStart: netip.MustParseAddr("10.44.0.10"), RangeEnd: netip.MustParseAddr("10.44.0.10"),
				},
				{
					Subnet:     netip.MustParsePrefix("10.44.1.0/25"),
					RangeStart: netip.MustParseAddr("10.44.1.20"), RangeEnd: netip.MustParseAddr("10.44.1.20"),
					Gateway: netip.MustParseAddr("10.44.1.126"),
				},
			},
			{{Subnet: netip.MustParsePrefix("fd00:44::/64"), RangeStart: netip.MustParseAddr("fd00:44::a")}},
		}}

		first, second := attach(t, list, "first", ranges, nil), attach(t, list, "second", ranges, nil)
		assert.Equal(t, []types.AddressView{
			{Prefix: netip.MustParsePrefix("10.44.0.10/24"), Gateway: netip.MustParseAddr("10.44.0.1"), Interface: 1},
			{Prefix: netip.MustParsePrefix("fd00:44::a/64"), Gateway: netip.MustParseAddr("fd00:44::1"), Interface: 1},
		}, first.view.Addresses)
		assert.Equal(t, []types.AddressView{
			{Prefix: netip.MustParsePrefix("10.44.1.20/25"), Gateway: netip.MustParseAddr("10.44.1.126"), Interface: 1},
			{Prefix: netip.MustParsePrefix("fd00:44::b/64"), Gateway: netip.MustParseAddr("fd00:44::1"), Interface: 1},
		}, second.view.Addresses)

		third := newGuest(t, list, "third", ranges, nil)
		_, err := third.cni.AddNetworkList(t.Context(), third.list, third.rt)
		require.ErrorContains(t, err, "no IP addresses available")
		third.detach(t)

		first.detach(t)
		third.add(t)
		assert.Equal(t, "10.44.0.10", third.address(t, false).String(), "what is free again")
	})
}

// TestTypedIPs: addresses by name, with the length of the prefix, which static needs, and
// without, which is enough for host-local.
func TestTypedIPs(t *testing.T) {
	alone(t, rootless, func(t *testing.T) {
		needLinkKind(t, "bridge")
		bare := func(s string) netip.Prefix { return netip.PrefixFrom(netip.MustParseAddr(s), -1) }
		whole := netip.MustParsePrefix
		hostLocal := bridged("named", `"ips": true`, `"type": "host-local", "ranges": [[{"subnet": "10.45.0.0/24"}], [{"subnet": "fd00:45::/64"}]]`)
		static := bridged("stated", `"ips": true`, `"type": "static"`)
		for _, c := range []struct {
			name, list string
			ips, want  []netip.Prefix
		}{
			{"host-local", hostLocal, []netip.Prefix{bare("10.45.0.77"), bare("fd00:45::77")}, []netip.Prefix{whole("10.45.0.77/24"), whole("fd00:45::77/64")}},
			{"host-local ignores the length", hostLocal, []netip.Prefix{whole("10.45.0.77/30"), whole("fd00:45::77/128")}, []netip.Prefix{whole("10.45.0.77/24"), whole("fd00:45::77/64")}},
			{"static", static, []netip.Prefix{whole("10.46.0.5/28"), whole("fd00:46::5/112")}, []netip.Prefix{whole("10.46.0.5/28"), whole("fd00:46::5/112")}},
			{"static, IPv6 first", static, []netip.Prefix{whole("fd00:46::5/112"), whole("10.46.0.5/28")}, []netip.Prefix{whole("fd00:46::5/112"), whole("10.46.0.5/28")}},
		} {
			t.Run(c.name, func(t *testing.T) {
				g := attach(t, c.list, "guest", types.Capabilities{IPs: c.ips}, nil)
				var got []netip.Prefix
				for _, a := range g.view.Addresses {
					got = append(got, a.Prefix)
				}
				assert.Equal(t, c.want, got)
				assert.Equal(t, c.want[0].Addr(), g.view.IPs(types.AsGiven)[0])
				g.detach(t)
			})
		}
		t.Run("static without a length", func(t *testing.T) {
			g := newGuest(t, static, "guest", types.Capabilities{IPs: []netip.Prefix{bare("10.46.0.5")}}, nil)
			_, err := g.cni.AddNetworkList(t.Context(), g.list, g.rt)
			require.ErrorContains(t, err, "10.46.0.5")
			require.ErrorContains(t, err, "CIDR")
		})
	})
}

// TestTypedMAC: the interface has the hardware address asked for, be it of the plugin that
// makes it or of tuning after it.
func TestTypedMAC(t *testing.T) {
	const ipam = `"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.47.0.0/24"}]]}`
	lists := map[string]string{
		"bridge": `{"type": "bridge", "bridge": "mac0", "isGateway": true, "capabilities": {"mac": true}, ` + ipam + `}`,
		"tuning": `{"type": "bridge", "bridge": "mac0", "isGateway": true, ` + ipam + `}, {"type": "tuning", "capabilities": {"mac": true}}`,
		"both":   `{"type": "bridge", "bridge": "mac0", "isGateway": true, "capabilities": {"mac": true}, ` + ipam + `}, {"type": "tuning", "capabilities": {"mac": true}}`,
	}
	alone(t, rootless, func(t *testing.T) {
		needLinkKind(t, "bridge")
		mac := net.HardwareAddr{2, 0, 0, 0, 0xab, 0xcd}
		for name, plugins := range lists {
			t.Run(name, func(t *testing.T) {
				list := `{"cniVersion": "1.1.0", "name": "addressed", "plugins": [` + plugins + `]}`
				g := attach(t, list, "guest", types.Capabilities{MAC: mac}, nil)
				assert.Equal(t, mac.String(), linkOf(t, g.ip(t, "-json link show dev eth0")).MAC)
				assert.Equal(t, mac.String(), g.view.Container()[0].MAC)
				g.detach(t)
			})
		}
	})
}

// TestTypedMACOnOtherLinks: the same with the kinds of link that take root to make.
func TestTypedMACOnOtherLinks(t *testing.T) {
	alone(t, privileged, func(t *testing.T) {
		newUplink(t)
		needMacvlan(t)
		needTap(t)
		mac := net.HardwareAddr{2, 0, 0, 0, 0xab, 0xce}
		for name, plugin := range map[string]string{
			"macvlan": `"type": "macvlan", "master": "uplink"`,
			"tap":     `"type": "tap"`,
		} {
			t.Run(name, func(t *testing.T) {
				g := attach(t, fmt.Sprintf(`{
					"cniVersion": "1.1.0",
					"name": "addressed",
					"plugins": [{%s, "capabilities": {"mac": true, "ips": true}, "ipam": {"type": "static"}}]
				}`, plugin), "guest", types.Capabilities{MAC: mac, IPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.77/24")}}, nil)
				assert.Equal(t, mac.String(), linkOf(t, g.ip(t, "-json link show dev eth0")).MAC)
				assert.Equal(t, []netip.Addr{netip.MustParseAddr("192.0.2.77")}, g.view.IPs(types.AsGiven))
				g.detach(t)
			})
		}
	})
}
