//go:build linux

package e2e

import (
	"regexp"
	"testing"
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
			assertReaches(t, second.container, first.port(t, false, 80), "first")
			assertReaches(t, first.container, "192.0.2.1:8080", "first") // hairpin
			assertMasqueraded(t, first.container, false)
		},
		faults: []fault{
			rulesRemoved("iptables -t nat", "CNI-HOSTPORT-DNAT"),
			reservationLost("pods"),
			unplugged("cni0"),
			macChanged(),
			addressRemoved("default via 10.22.0.1"),
		},
		forgets: []*regexp.Regexp{masquerading},
	}).tell(t)
}

// hostPort returns the capability argument that maps a TCP port of the host.
func hostPort(host, container int) map[string]any {
	return map[string]any{"portMappings": []map[string]any{
		{"hostPort": host, "containerPort": container, "protocol": "tcp"},
	}}
}
