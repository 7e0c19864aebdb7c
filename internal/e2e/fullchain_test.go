//go:build linux

package e2e

import (
	"maps"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFullChainIPTables and TestFullChainNFTables: what a node's own conflist holds in the
// field: an interface, its addresses, and all that is chained after it.
func TestFullChainIPTables(t *testing.T) {
	fullChain(t, "iptables", masquerading, rulesRemoved("iptables -t nat", "CNI-HOSTPORT-DNAT"))
}

func TestFullChainNFTables(t *testing.T) {
	fullChain(t, "nftables", masqueradingByNFTables, tableFlushed("ip cni_hostport"))
}

func fullChain(t *testing.T, backend string, forgotten *regexp.Regexp, portRemoved fault) {
	conflist := strings.ReplaceAll(`{
		"cniVersion": "1.1.0",
		"name": "node",
		"plugins": [
			{
				"type": "bridge", "bridge": "cni3", "isGateway": true, "hairpinMode": true,
				"ipMasq": true, "ipMasqBackend": "BACKEND",
				"ipam": {
					"type": "host-local",
					"ranges": [[{"subnet": "10.26.0.0/24", "rangeStart": "10.26.0.10", "rangeEnd": "10.26.0.20"}]],
					"routes": [{"dst": "0.0.0.0/0"}]
				}
			},
			{"type": "firewall"},
			{"type": "tuning", "capabilities": {"mac": true}, "sysctl": {"net.core.somaxconn": "500"}, "mtu": 1380},
			{"type": "bandwidth", "capabilities": {"bandwidth": true}},
			{"type": "portmap", "backend": "BACKEND", "capabilities": {"portMappings": true}}
		]
	}`, "BACKEND", backend)
	first := hostPort(8080, 80)
	maps.Copy(first, map[string]any{
		"mac": "02:00:00:00:00:26",
		"bandwidth": map[string]any{
			"ingressRate": 80_000_000, "ingressBurst": 8_000_000, "egressRate": 80_000_000, "egressBurst": 8_000_000,
		},
	})
	(&story{
		privilege: rootless,
		needs:     []string{"bridge", "ifb"},
		network:   "node",
		conflist:  conflist,
		first:     attachment{Capabilities: first},
		second:    attachment{Capabilities: hostPort(8081, 80)},
		prepare: func(t *testing.T) {
			newUplink(t).serve(t, 7)
			// Only what the firewall plugin lets through is forwarded.
			host(t, "iptables -P FORWARD DROP")
		},
		connected: func(t *testing.T, first, second *scene) {
			assert.Equal(t, "02:00:00:00:00:26", first.mac(t))
			assert.Contains(t, first.ip(t, "link show dev eth0"), "mtu 1380")
			assert.Contains(t, host(t, "tc qdisc show dev "+first.hostInterface(t)), "tbf")
			first.serve(t, 80)
			second.serve(t, 80)
			assertReaches(t, nil, "127.0.0.1:8080", "first")
			assertReaches(t, nil, "192.0.2.1:8081", "second")
			assertReaches(t, second.container, first.port(t, false, 80), "first")
			assertMasqueraded(t, first.container, false)
		},
		faults: []fault{
			reservationLost("node"),
			macChanged(),
			unplugged("cni3"),
			rulesRemoved("iptables", "CNI-FORWARD"),
			sysctlChanged("net.core.somaxconn", "500", "501"),
			portRemoved,
			addressRemoved("default via 10.26.0.1"),
			shapedOtherwise(),
		},
		forgets: []*regexp.Regexp{forgotten, tuningBackup},
	}).tell(t)
}

// tableFlushed removes all rules of an nftables table, named with its family.
func tableFlushed(table string) fault {
	before := ""
	return fault{
		name: "the rules of table " + table + " were removed",
		spoil: func(t *testing.T, s *scene) {
			before = host(t, "nft list table "+table)
			require.Contains(t, before, s.ContainerID)
			host(t, "nft flush table "+table)
		},
		repair: func(t *testing.T, s *scene) {
			host(t, "nft delete table "+table)
			nft := exec.Command("nft", "-f", "-")
			nft.Stdin = strings.NewReader(before)
			out, err := nft.CombinedOutput()
			require.NoError(t, err, "%s", out)
		},
	}
}
