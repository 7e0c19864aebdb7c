//go:build linux

package e2e

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestMacvlan: interfaces on top of the uplink's, which reach each other and the machine
// outside, but not the host.
func TestMacvlan(t *testing.T) {
	(&story{
		privilege: privileged,
		network:   "lan",
		conflist: `{
			"cniVersion": "1.1.0",
			"name": "lan",
			"plugins": [{
				"type": "macvlan", "master": "uplink", "mode": "bridge",
				"capabilities": {"mac": true},
				"ipam": {
					"type": "host-local",
					"ranges": [[{"subnet": "192.0.2.0/24", "rangeStart": "192.0.2.100", "rangeEnd": "192.0.2.110"}]]
				}
			}]
		}`,
		first: attachment{IfName: "net0", Capabilities: map[string]any{"mac": "02:00:00:00:00:27"}},
		prepare: func(t *testing.T) {
			outside := newUplink(t)
			needMacvlan(t)
			outside.serve(t, 7)
		},
		connected: func(t *testing.T, first, second *scene) {
			assert.Equal(t, "02:00:00:00:00:27", first.mac(t))
			first.serve(t, 80)
			assertReaches(t, second.container, first.port(t, false, 80), "first")
			assertReaches(t, first.container, "192.0.2.2:7", "outside")
		},
		faults: []fault{reservationLost("lan"), macChanged(), addressRemoved()},
	}).tell(t)
}

// TestTap: an interface for a virtual machine, plugged into a bridge.
func TestTap(t *testing.T) {
	(&story{
		privilege: privileged,
		network:   "vms",
		conflist: `{
			"cniVersion": "1.0.0",
			"name": "vms",
			"plugins": [{
				"type": "tap", "multiQueue": true, "mtu": 1300,
				"capabilities": {"mac": true},
				"ipam": {"type": "host-local", "subnet": "10.28.0.0/24"}
			}]
		}`,
		first:   attachment{IfName: "tap0", Capabilities: map[string]any{"mac": "02:00:00:00:00:28"}},
		prepare: needTap,
		connected: func(t *testing.T, first, second *scene) {
			assert.Equal(t, "02:00:00:00:00:28", first.mac(t))
			assert.Contains(t, first.ip(t, "-d link show dev tap0"), "tun type tap")
			assert.Contains(t, first.ip(t, "-d link show dev tap0"), "mtu 1300")
		},
		faults: []fault{reservationLost("vms"), addressRemoved()},
	}).tell(t)
}

func needMacvlan(t *testing.T) {
	t.Helper()
	needLinkKind(t, "macvlan", "link", "uplink")
}

func needTap(t *testing.T) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "ip", "tuntap", "add", "probe", "mode", "tap").CombinedOutput(); err != nil {
		unavailable(t, "this kernel makes no tap interfaces: %s", out)
	}
	host(t, "ip link del probe")
}
