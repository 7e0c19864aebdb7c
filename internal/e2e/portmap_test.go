//go:build linux

package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHostPort: a TCP connection through a host port to a container on a bridge, from the
// host itself and from a machine outside.
func TestHostPort(t *testing.T) {
	var outside *container
	(&story{
		privilege: rootless,
		needs:     []string{"bridge"},
		network:   "pods",
		conflist: `{
			"cniVersion": "1.1.0",
			"name": "pods",
			"plugins": [
				{
					"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
					"ipam": {
						"type": "host-local",
						"ranges": [[{"subnet": "10.22.0.0/24"}]],
						"routes": [{"dst": "0.0.0.0/0"}]
					}
				},
				{"type": "portmap", "capabilities": {"portMappings": true}, "snat": true}
			]
		}`,
		first:  attachment{Capabilities: hostPort(8080, 80)},
		second: attachment{Capabilities: hostPort(8081, 80)},
		prepare: func(t *testing.T) {
			outside = newUplink(t)
			outside.serve(t, 7)
		},
		connected: func(t *testing.T, first, second *scene) {
			first.serve(t, 80)
			second.serve(t, 80)
			assertReaches(t, nil, "127.0.0.1:8080", "first")
			assertReaches(t, nil, "192.0.2.1:8080", "first")
			assertReaches(t, nil, "192.0.2.1:8081", "second")
			assertReaches(t, outside, "192.0.2.1:8080", "first")
			assertReaches(t, second.container, first.address(t, false).String()+":80", "first")
			assertReaches(t, first.container, "192.0.2.1:8080", "first") // hairpin
			assertMasqueraded(t, first.container)
		},
		faults: []fault{
			rulesRemoved("iptables -t nat", "CNI-HOSTPORT-DNAT"),
			addressRemoved("default via 10.22.0.1"),
		},
		forgets: masquerading,
	}).tell(t)
}

// hostPort returns the capability argument that maps a TCP port of the host.
func hostPort(host, container int) map[string]any {
	return map[string]any{"portMappings": []map[string]any{
		{"hostPort": host, "containerPort": container, "protocol": "tcp"},
	}}
}

// addressRemoved takes all addresses from the attachment's interface, and so its routes.
func addressRemoved(routes ...string) fault {
	return fault{
		name: "the address was removed",
		spoil: func(t *testing.T, s *scene) {
			s.ip(t, "address flush scope global dev "+s.IfName)
		},
		repair: func(t *testing.T, s *scene) {
			for _, a := range s.result.IPs {
				s.ip(t, fmt.Sprintf("address add %s dev %s", &a.Address, s.IfName))
			}
			for _, route := range routes {
				s.ip(t, "route replace "+route+" dev "+s.IfName)
			}
		},
	}
}

// rulesRemoved takes the attachment's own rules from a chain; table is the beginning of a
// command line, as in "iptables -t nat".
func rulesRemoved(table, chain string) fault {
	var rules []string
	return fault{
		name: "its rules were removed from " + chain,
		spoil: func(t *testing.T, s *scene) {
			for rule := range strings.Lines(host(t, table+" -S "+chain)) {
				if strings.HasPrefix(rule, "-A ") && strings.Contains(rule, s.ContainerID) {
					rules = append(rules, strings.TrimSpace(rule)[len("-A"):])
				}
			}
			require.NotEmpty(t, rules)
			for _, rule := range rules {
				command(t, "sh", "-c", table+" -D "+rule)
			}
		},
		repair: func(t *testing.T, s *scene) {
			for _, rule := range rules {
				command(t, "sh", "-c", table+" -A "+rule)
			}
		},
	}
}

// masquerading matches the rules that ipMasq makes for a container. The main plugins look
// for the addresses to masquerade in the container: without it, or without the address,
// they remove no rule.
var masquerading = regexp.MustCompile(`^(ip6?tables-save|nft table ip6?) nat .*CNI-[0-9a-f]{24}`)

// The uplink is a network outside, 192.0.2.0/24 and 2001:db8::/64: .1 is the host, .2 a
// machine that knows no way to the containers' addresses. newUplink makes it and returns
// the machine.
func newUplink(t *testing.T) *container {
	t.Helper()
	outside := newContainer(t, "outside")
	host(t, "ip link add uplink type veth peer name eth0 netns outside")
	host(t, "ip address add 192.0.2.1/24 dev uplink")
	host(t, "ip address add 2001:db8::1/64 dev uplink nodad")
	host(t, "ip link set uplink up")
	outside.ip(t, "address add 192.0.2.2/24 dev eth0")
	outside.ip(t, "address add 2001:db8::2/64 dev eth0 nodad")
	outside.ip(t, "link set eth0 up")
	return outside
}

// assertMasqueraded asserts that the machine outside, which serves on port 7, sees the
// host's address when the container connects to it.
func assertMasqueraded(t *testing.T, c *container) {
	t.Helper()
	for machine, seen := range map[string]string{"192.0.2.2": "192.0.2.1"} {
		name, from := c.ask(t, machine+":7")
		assert.Equal(t, "outside", name)
		require.Equal(t, seen, from.String(), "the address seen outside")
	}
}
