//go:build linux

package e2e

import (
	"fmt"
	"testing"

	"github.com/cnikit/cnikit/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// attachmentsOfPods are lists that have, together, every plugin that can run in a sandbox.
var attachmentsOfPods = []struct {
	name      string
	privilege privilege
	plugins   string
}{
	{"bridge and all that is chained", rootless, `
		{"type": "bridge", "bridge": "pod0", "isGateway": true, "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.48.0.0/24"}]]}},
		{"type": "firewall"},
		{"type": "tuning", "capabilities": {"mac": true}, "mtu": 1400},
		{"type": "bandwidth", "ingressRate": 8000000, "ingressBurst": 8000000},
		{"type": "portmap", "capabilities": {"portMappings": true}}`},
	{"ptp", rootless, `
		{"type": "ptp", "ipam": {"type": "static", "addresses": [{"address": "10.51.0.2/24", "gateway": "10.51.0.1"}]}}`},
	// CHECK of the plugin before sbr misses the routes that sbr has moved away.
	{"sbr", rootless, `
		{"type": "bridge", "bridge": "pod1", "ipam": {"type": "static", "addresses": [{"address": "10.49.0.2/24"}]}},
		{"type": "sbr"}`},
	{"host-device", rootless, `
		{"type": "host-device", "device": "spare", "ipam": {"type": "static", "addresses": [{"address": "10.50.0.2/24"}]}}`},
	{"macvlan", privileged, `
		{"type": "macvlan", "master": "uplink", "ipam": {"type": "static", "addresses": [{"address": "192.0.2.70/24"}]}}`},
	{"tap", privileged, `
		{"type": "tap", "ipam": {"type": "static", "addresses": [{"address": "192.0.2.71/24"}]}}`},
}

// TestPodArgs: every plugin takes what Kubernetes' runtimes pass for a pod, at every verb.
func TestPodArgs(t *testing.T) { takePodArgs(t, rootless) }

// TestPodArgsOnOtherLinks: those that take root.
func TestPodArgsOnOtherLinks(t *testing.T) { takePodArgs(t, privileged) }

func takePodArgs(t *testing.T, p privilege) {
	pod := types.Pod{Namespace: "kube-system", Name: "coredns-5d78c9869d-x2x4z", InfraContainerID: "guest", UID: "c1d5a5a5-0000-4000-8000-000000000001"}
	alone(t, p, func(t *testing.T) {
		newUplink(t)
		for _, c := range attachmentsOfPods {
			if c.privilege != p {
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				host(t, "ip link add spare type veth peer name sparepeer")
				defer host(t, "ip link del sparepeer")
				list := fmt.Sprintf(`{"cniVersion": "1.1.0", "name": "pods", "disableCheck": %t, "plugins": [%s]}`, c.name == "sbr", c.plugins)
				g := attach(t, list, "guest", types.Capabilities{}, pod.Args())
				g.detach(t)
			})
		}
	})
}

// TestUnknownArgs: without the pair that Pod.Args begins with, plugins refuse the others; so
// they have read them.
func TestUnknownArgs(t *testing.T) {
	alone(t, rootless, func(t *testing.T) {
		args := types.Pod{Namespace: "default", Name: "web"}.Args()
		require.NoError(t, args.Set("IgnoreUnknown", "0"))
		for name, plugins := range map[string]string{
			"host-local": `{"type": "ptp", "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.48.0.0/24"}]]}}`,
			"static":     `{"type": "ptp", "ipam": {"type": "static", "addresses": [{"address": "10.48.0.2/24"}]}}`,
			"bridge":     `{"type": "bridge", "bridge": "pod0"}`,
			"tuning":     `{"type": "tuning"}`,
		} {
			t.Run(name, func(t *testing.T) {
				list := fmt.Sprintf(`{"cniVersion": "1.1.0", "name": "pods", "plugins": [%s]}`, plugins)
				g := newGuest(t, list, "guest", types.Capabilities{}, args)
				_, err := g.cni.AddNetworkList(t.Context(), g.list, g.rt)
				assert.ErrorContains(t, err, "unknown args")
				assert.ErrorContains(t, err, "K8S_POD_NAMESPACE=default")
			})
		}
	})
}

// TestDeviceID: host-device looks for the device it is told of; there is no such one here.
func TestDeviceID(t *testing.T) {
	alone(t, rootless, func(t *testing.T) {
		list := `{"cniVersion": "1.1.0", "name": "devices", "plugins": [{"type": "host-device", "capabilities": {"deviceID": true}}]}`
		g := newGuest(t, list, "guest", types.Capabilities{DeviceID: "ffff:1f:1f.7"}, nil)
		_, err := g.cni.AddNetworkList(t.Context(), g.list, g.rt)
		require.ErrorContains(t, err, "ffff:1f:1f.7")
	})
}
