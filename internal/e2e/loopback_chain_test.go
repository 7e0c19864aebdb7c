//go:build linux

package e2e

import (
	"context"
	"testing"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
	reference "github.com/containernetworking/cni/libcni"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLoopbackInChain: one chain of programs and a plugin in the process; and upstream, which
// knows of no such thing, takes over what was attached so.
func TestLoopbackInChain(t *testing.T) {
	const conflist = `{
		"cniVersion": "1.1.0",
		"name": "mixed",
		"plugins": [
			{"type": "ptp", "ipam": {
				"type": "host-local",
				"ranges": [[{"subnet": "10.54.0.0/24"}], [{"subnet": "fd00:54::/64"}]],
				"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
			}},
			{"type": "loopback"},
			{"type": "portmap", "snat": true, "capabilities": {"portMappings": true}}
		]
	}`
	ports := types.Capabilities{PortMappings: []types.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}}}
	alone(t, rootless, func(t *testing.T) {
		newUplink(t)
		inProcess := func(g *guest, log *[]string) {
			g.cni = libcni.New([]string{pluginsDir()}, libcni.Options{
				Exec: &invoke.InProcess{Plugins: map[string]*invoke.Plugin{"loopback": invoke.Loopback()}},
				Observer: &invoke.Observer{Start: func(ctx context.Context, call *invoke.Call) context.Context {
					*log = append(*log, call.Command+" "+call.Path)
					return ctx
				}},
			})
		}
		t.Run("in a chain", func(t *testing.T) {
			var log []string
			g := newGuest(t, conflist, "guest", ports, nil)
			inProcess(g, &log)
			g.add(t)
			g.serve(t, 80)
			assertReaches(t, nil, "192.0.2.1:8080", "guest")
			assertReaches(t, g.container, "127.0.0.1:80", "guest")
			assertReaches(t, g.container, "[::1]:80", "guest")

			list, err := reference.NetworkConfFromBytes([]byte(conflist))
			require.NoError(t, err)
			theirs := reference.NewCNIConfig([]string{pluginsDir()}, nil)
			rt := &reference.RuntimeConf{ContainerID: "guest", NetNS: g.netns, IfName: "eth0", CapabilityArgs: g.rt.CapabilityArgs}
			require.NoError(t, theirs.CheckNetworkList(t.Context(), list, rt), "upstream's CHECK")
			g.ip(t, "link set lo down")
			require.ErrorContains(t, theirs.CheckNetworkList(t.Context(), list, rt), "is down")
			require.ErrorContains(t, g.cni.CheckNetworkList(t.Context(), g.list, g.rt), "is down")
			require.NoError(t, theirs.DelNetworkList(t.Context(), list, rt), "upstream's DEL")
			assert.NotContains(t, g.ip(t, "-br link show"), "eth0")
			g.detach(t)
			dir := pluginsDir()
			assert.Equal(t, []string{
				"ADD " + dir + "/ptp", "ADD in-process:/loopback", "ADD " + dir + "/portmap",
				"CHECK " + dir + "/ptp", "CHECK in-process:/loopback", "CHECK " + dir + "/portmap",
				"CHECK " + dir + "/ptp", "CHECK in-process:/loopback",
				"DEL " + dir + "/portmap", "DEL in-process:/loopback", "DEL " + dir + "/ptp",
			}, log)
		})
		t.Run("alone", func(t *testing.T) {
			var log []string
			g := newGuest(t, `{"cniVersion": "1.1.0", "name": "lo", "plugins": [{"type": "loopback"}]}`, "guest", types.Capabilities{}, nil)
			g.rt.IfName = "lo"
			inProcess(g, &log)
			g.add(t) // and look at the view
			assert.Len(t, g.view.Addresses, 2)
			g.detach(t)
			assert.Contains(t, g.ip(t, "-br link show dev lo"), "DOWN")
			assert.Equal(t, []string{"ADD in-process:/loopback", "CHECK in-process:/loopback", "DEL in-process:/loopback"}, log)
		})
	})
}
