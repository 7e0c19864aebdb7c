//go:build linux

package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// podnetConf is the configuration directory of the stories with podnet, inside a sandbox.
const podnetConf = "/run/net.d"

// podnetOptions are those of a node with plugins in pluginsDir. Records go where they go by
// default, below /var/lib/cni, where traces looks.
func podnetOptions() podnet.Options {
	return podnet.Options{ConfDir: podnetConf, PluginDirs: []string{pluginsDir()}}
}

// openPodnet writes the configurations, by file name, and opens a manager that is closed
// when the test ends.
func openPodnet(t *testing.T, configurations map[string]string) *podnet.Manager {
	t.Helper()
	require.NoError(t, os.MkdirAll(podnetConf, 0o755))
	for name, conf := range configurations {
		require.NoError(t, os.WriteFile(filepath.Join(podnetConf, name), []byte(conf), 0o644))
	}
	m, err := podnet.Open(t.Context(), podnetOptions())
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// address returns an attachment's IPv4 address with a port.
func address(a *podnet.Attachment, port uint16) string {
	return netip.AddrPortFrom(a.Primary(types.IPv4First)[0], port).String()
}

// addressFiles are what host-local keeps for good.
const addressFiles = `^file /var/lib/cni/networks/[a-z0-9]+/(lock|last_reserved_ip\.0)$`

// assertOnlyAddressFiles asserts that nothing else has been left behind since before.
func assertOnlyAddressFiles(t *testing.T, before []string) {
	t.Helper()
	for _, trace := range leftBehind(before, traces(t)) {
		assert.Regexp(t, addressFiles, trace, "left behind")
	}
}

// TestPodnetTwoNetworks is the walk of TestTwoNetworks with the engine above libcni: it
// brings up lo, names the interfaces, and knows by itself what to detach.
func TestPodnetTwoNetworks(t *testing.T) {
	sandbox(t, rootless, func(t *testing.T) string {
		needLinkKind(t, "bridge")
		con1, con2, con3 := newContainer(t, "con1"), newContainer(t, "con2"), newContainer(t, "con3")
		host(t, "ip link add backend up address 02:00:00:00:00:31 type bridge")
		host(t, "ip link add frontend up address 02:00:00:00:00:32 type bridge")
		con2.serve(t, 80)
		m := openPodnet(t, map[string]string{
			"10-backend.conflist":  segment("backend", "10.31.0.0/24"),
			"20-frontend.conflist": segment("frontend", "10.32.0.0/24"),
		})
		before := traces(t)
		attach := func(c *container, network, ifname string) string {
			got, err := m.Attach(t.Context(), podnet.Pod{ID: c.name, NetNS: c.netns, Networks: []podnet.Network{{Name: network}}})
			require.NoError(t, err)
			require.Len(t, got, 1)
			assert.Equal(t, ifname, got[0].IfName)
			return address(got[0], 80)
		}
		attach(con1, "backend", "eth0")
		con2Back := attach(con2, "backend", "eth0")
		attach(con3, "frontend", "eth0")
		assert.Contains(t, con1.ip(t, "-br link show lo"), "LOOPBACK,UP")
		assertReaches(t, con1, con2Back, "con2")
		con3.assertCut(t, con2Back)

		con2Front := attach(con2, "frontend", "eth1") // while it runs
		assertReaches(t, con3, con2Front, "con2")
		assertReaches(t, con1, con2Back, "con2")
		con3.assertCut(t, con2Back)
		con1.assertCut(t, con2Front)
		for _, c := range []*container{con1, con2, con3} {
			require.NoError(t, m.Check(t.Context(), c.name))
		}
		status, err := m.Status(t.Context())
		require.NoError(t, err)
		for _, s := range status {
			assert.Equal(t, podnet.Ready, s.State, "%s: %v", s.Name, s.Err)
		}

		require.NoError(t, m.Detach(t.Context(), "con2", "frontend"))
		con3.assertCut(t, con2Front)
		assertReaches(t, con1, con2Back, "con2")
		found, err := m.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{{ContainerID: "con1", IfName: "eth0"}, {ContainerID: "con2"}}})
		require.NoError(t, err)
		assert.Len(t, found, 2, "eth0 and lo of con3")
		assert.Contains(t, con1.ip(t, "-br link show lo"), "LOOPBACK,UP", "nobody has to name it")
		assert.NotContains(t, con3.ip(t, "-br link show"), "eth0")
		require.NoError(t, m.Check(t.Context(), "con1"))

		con1.remove(t) // its namespace is gone before DEL
		require.NoError(t, os.RemoveAll(podnetConf))
		_, err = m.Reload(t.Context())
		require.NoError(t, err)
		for _, id := range []string{"con1", "con2", "con2"} {
			require.NoError(t, m.Detach(t.Context(), id))
		}
		assertOnlyAddressFiles(t, before)
		return ""
	})
}

// TestPodnetDockershim is what kubelet's dockershim does with a pod: the default network is
// the first file's, the pod's names are in CNI_ARGS, and a port of the host leads to it.
func TestPodnetDockershim(t *testing.T) {
	sandbox(t, rootless, func(t *testing.T) string {
		needLinkKind(t, "bridge")
		pod, other := newContainer(t, "pod"), newContainer(t, "other")
		pod.serve(t, 80)
		m := openPodnet(t, map[string]string{
			"10-cbr0.conflist": churnList,
			"99-rest.conflist": segment("rest", "10.32.0.0/24"),
			"00-lo.conf":       `{"cniVersion":"1.0.0","name":"lo","type":"loopback"}`,
		})
		// What the plugins never remove is there after a first attachment.
		_, err := m.Attach(t.Context(), podnet.Pod{ID: "other", NetNS: other.netns, Capabilities: types.Capabilities{
			PortMappings: []types.PortMapping{{HostPort: 8081, ContainerPort: 80, Protocol: "tcp"}},
		}})
		require.NoError(t, err)
		require.NoError(t, m.Detach(t.Context(), "other"))
		before := traces(t)

		got, err := m.Attach(t.Context(), podnet.Pod{
			ID: "pod", NetNS: pod.netns, Name: "web", Namespace: "shop", UID: "2f0e",
			Capabilities: types.Capabilities{
				PortMappings: []types.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}},
			},
		})
		require.NoError(t, err)
		require.Len(t, got, 1)
		assert.Equal(t, "churn", got[0].Network)
		assert.Equal(t, "eth0", got[0].IfName)
		assert.True(t, strings.HasPrefix(address(got[0], 80), "10.33.0."))
		assertReaches(t, nil, "127.0.0.1:8080", "pod")
		assertReaches(t, nil, address(got[0], 80), "pod")
		record, err := os.ReadFile("/var/lib/cni/podnet/results/churn-pod-eth0")
		require.NoError(t, err)
		for _, arg := range []string{`["K8S_POD_NAMESPACE","shop"]`, `["K8S_POD_NAME","web"]`, `["K8S_POD_INFRA_CONTAINER_ID","pod"]`, `["K8S_POD_UID","2f0e"]`} {
			assert.Contains(t, string(record), arg)
		}
		require.NoError(t, m.Check(t.Context(), "pod"))
		all, err := m.Attachments("pod")
		require.NoError(t, err)
		require.Len(t, all, 2)
		assert.Equal(t, "lo/lo", all[0].Network+"/"+all[0].IfName, "by the configured network")
		assert.Contains(t, pod.ip(t, "-br link show lo"), "LOOPBACK,UP")
		assert.Equal(t, got[0].ResultView, all[1].ResultView)

		require.NoError(t, m.Detach(t.Context(), "pod"))
		assertOnlyAddressFiles(t, before)
		return ""
	})
}

// TestPodnetHundred attaches, checks and detaches 100 containers, 16 at a time.
func TestPodnetHundred(t *testing.T) {
	sandbox(t, rootless, func(t *testing.T) string {
		needLinkKind(t, "bridge")
		containers := make([]*container, 100)
		for i := range containers {
			containers[i] = newContainer(t, fmt.Sprintf("con%02d", i))
		}
		host(t, "ip link add backend up address 02:00:00:00:00:31 type bridge")
		m := openPodnet(t, map[string]string{"10-backend.conflist": segment("backend", "10.31.0.0/24")})
		before := traces(t)
		each := func(do func(c *container)) { eachContainer(containers, 16, do) }
		var mu sync.Mutex
		taken := map[netip.Addr]string{}
		each(func(c *container) {
			got, err := m.Attach(t.Context(), podnet.Pod{ID: c.name, NetNS: c.netns})
			if !assert.NoError(t, err) {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			ip := got[0].Primary(types.IPv4First)[0]
			assert.Empty(t, taken[ip], "%s has the address of another", c.name)
			taken[ip] = c.name
		})
		assert.Len(t, taken, len(containers))
		each(func(c *container) { assert.NoError(t, m.Check(t.Context(), c.name)) })
		each(func(c *container) { assert.NoError(t, m.Detach(t.Context(), c.name)) })
		assertOnlyAddressFiles(t, before)
		return ""
	})
}
