//go:build linux

package e2e

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPodnetUninstalled uninstalls a plugin with its configuration while a container is
// attached: the container keeps its interface, and is told of, until it can be detached,
// or has no namespace any more.
func TestPodnetUninstalled(t *testing.T) {
	sandbox(t, rootless, func(t *testing.T) string {
		needLinkKind(t, "bridge")
		dir := t.TempDir()
		for _, plugin := range []string{"bridge", "host-local"} {
			require.NoError(t, os.Symlink(filepath.Join(pluginsDir(), plugin), filepath.Join(dir, plugin)))
		}
		var logged bytes.Buffer
		opts := podnetOptions()
		opts.PluginDirs, opts.Logger = []string{dir}, slog.New(slog.NewTextHandler(&logged, nil))
		require.NoError(t, os.MkdirAll(podnetConf, 0o755))
		conf := filepath.Join(podnetConf, "10-backend.conflist")
		require.NoError(t, os.WriteFile(conf, []byte(segment("backend", "10.31.0.0/24")), 0o644))
		m, err := podnet.Open(t.Context(), opts)
		require.NoError(t, err)
		t.Cleanup(func() { _ = m.Close() })
		host(t, "ip link add backend up address 02:00:00:00:00:31 type bridge")
		con1, con2 := newContainer(t, "con1"), newContainer(t, "con2")
		for _, c := range []*container{con1, con2} {
			_, err := m.Attach(t.Context(), podnet.Pod{ID: c.name, NetNS: c.netns})
			require.NoError(t, err)
		}
		require.NoError(t, os.Remove(filepath.Join(dir, "bridge")))
		require.NoError(t, os.Remove(conf))
		_, err = m.Reload(t.Context())
		require.NoError(t, err)

		for _, c := range []*container{con1, con2} {
			err := m.Detach(t.Context(), c.name)
			require.ErrorIs(t, err, invoke.ErrPluginNotFound)
			assert.ErrorContains(t, err, "what it made in network namespace "+c.netns+" is still there")
			assert.Contains(t, c.ip(t, "-br link show"), "eth0")
			left, err := m.Attachments(c.name)
			require.NoError(t, err)
			assert.Len(t, left, 1)
		}
		assert.NotContains(t, logged.String(), "given up")

		con1.remove(t)
		require.NoError(t, m.Detach(t.Context(), "con1"))
		assert.Contains(t, logged.String(), "given up, a plugin is not installed any more")
		assert.Contains(t, logged.String(), "containerID=con1 network=backend ifname=eth0 plugin=bridge ipam=host-local netns="+con1.netns)
		assert.FileExists(t, "/var/lib/cni/networks/backend/10.31.0.2", "nobody can free it without the plugin")

		require.NoError(t, os.Symlink(filepath.Join(pluginsDir(), "bridge"), filepath.Join(dir, "bridge")))
		require.NoError(t, m.Detach(t.Context(), "con2"))
		assert.NotContains(t, con2.ip(t, "-br link show"), "eth0")
		assert.NoFileExists(t, "/var/lib/cni/networks/backend/10.31.0.3")
		left, err := m.Attachments("")
		require.NoError(t, err)
		assert.Empty(t, left)
		return ""
	})
}
