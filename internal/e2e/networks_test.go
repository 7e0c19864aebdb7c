//go:build linux

package e2e

import (
	"fmt"
	"net/netip"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTwoNetworks is the walk of the other model of container networks, CNM: con1 and con2
// are on the network backend, con3 is on frontend; con1 reaches con2 and con3 does not.
// Then con2 is attached to frontend too, while it runs, and con3 reaches it there, until it
// is detached again.
func TestTwoNetworks(t *testing.T) {
	backend, frontend := segment("backend", "10.31.0.0/24"), segment("frontend", "10.32.0.0/24")
	perform(t, rootless, func(t *testing.T, adder, rest library) string {
		needLinkKind(t, "bridge")
		con1, con2, con3 := newContainer(t, "con1"), newContainer(t, "con2"), newContainer(t, "con3")
		con2.serve(t, 80)
		heard := ""
		attach := func(list string, c *container, ifName string) (attachment, string) {
			a := attachment{ContainerID: c.name, NetNS: c.netns, IfName: ifName}
			result, err := adder.Add(t.Context(), list, a)
			require.NoError(t, err, "ADD of %s of %s", ifName, c.name)
			full, err := current.NewResultFromResult(result)
			require.NoError(t, err)
			require.Len(t, full.IPs, 1)
			address, _ := netip.AddrFromSlice(full.IPs[0].Address.IP)
			heard += fmt.Sprintln(c.name, ifName, address)
			return a, netip.AddrPortFrom(address.Unmap(), 80).String()
		}
		check := func(list string, attachments ...attachment) {
			for _, a := range attachments {
				require.NoError(t, rest.Check(t.Context(), list, a), "CHECK of %s of %s", a.IfName, a.ContainerID)
			}
		}
		// The plugin never removes its bridges; CHECK minds the hardware address, which follows
		// a bridge's ports unless it was set.
		host(t, "ip link add backend up address 02:00:00:00:00:31 type bridge")
		host(t, "ip link add frontend up address 02:00:00:00:00:32 type bridge")
		before := traces(t)

		back1, _ := attach(backend, con1, "eth0")
		back2, con2Back := attach(backend, con2, "eth0")
		front3, _ := attach(frontend, con3, "eth0")
		assertReaches(t, con1, con2Back, "con2")
		con3.assertCut(t, con2Back)

		front2, con2Front := attach(frontend, con2, "eth1")
		assertReaches(t, con3, con2Front, "con2")
		assertReaches(t, con1, con2Back, "con2")
		con3.assertCut(t, con2Back)
		con1.assertCut(t, con2Front)
		check(backend, back1, back2)
		check(frontend, front2, front3)

		require.NoError(t, rest.GC(t.Context(), backend, back1, back2), "GC of backend")
		check(backend, back1, back2)
		check(frontend, front2, front3) // another network's attachments are none of its business

		require.NoError(t, rest.Del(t.Context(), frontend, front2))
		con3.assertCut(t, con2Front)
		assertReaches(t, con1, con2Back, "con2")
		check(backend, back1, back2)
		check(frontend, front3)
		err := rest.Check(t.Context(), frontend, front2)
		require.Error(t, err)
		heard += fmt.Sprintln("CHECK after DEL:", pluginsWords(err))

		require.NoError(t, rest.GC(t.Context(), frontend), "GC of frontend with nothing valid")
		assert.NotContains(t, con3.ip(t, "-br link show"), "eth0")
		check(backend, back1, back2)
		for _, a := range []attachment{back1, back2, back2} {
			require.NoError(t, rest.Del(t.Context(), backend, a))
		}
		for _, trace := range leftBehind(before, traces(t)) {
			assert.Regexp(t, `^file /var/lib/cni/networks/(backend|frontend)/(lock|last_reserved_ip\.0)$`, trace, "left behind")
		}
		return heard
	})
}

// segment returns the configuration of a network of its own bridge, with no way out.
func segment(name, subnet string) string {
	return fmt.Sprintf(`{
		"cniVersion": "1.1.0",
		"name": %[1]q,
		"plugins": [{"type": "bridge", "bridge": %[1]q, "ipam": {"type": "host-local", "subnet": %[2]q}}]
	}`, name, subnet)
}
