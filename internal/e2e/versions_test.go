//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
	reference "github.com/containernetworking/cni/libcni"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestVersionsOfRealPlugins: what every plugin that was built says it supports is what it
// says to upstream.
func TestVersionsOfRealPlugins(t *testing.T) {
	t.Parallel()
	dir := builtPlugins(t)
	cni := libcni.New([]string{dir}, libcni.Options{})
	theirs := reference.NewCNIConfig([]string{dir}, nil)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 19)
	for _, file := range files {
		t.Run(file.Name(), func(t *testing.T) {
			want, err := theirs.GetVersionInfo(t.Context(), file.Name())
			require.NoError(t, err)
			got, err := cni.GetVersionInfo(t.Context(), file.Name())
			require.NoError(t, err)
			assert.Equal(t, want.SupportedVersions(), got.SupportedVersions())
			assert.Contains(t, got.SupportedVersions(), version.Current())
			direct, err := invoke.GetVersionInfo(t.Context(), filepath.Join(dir, file.Name()), nil)
			require.NoError(t, err)
			assert.Equal(t, got.SupportedVersions(), direct.SupportedVersions())
		})
	}
}

// oldPlugin knows nothing newer than 0.4.0. It passes on the result of the plugin before it.
const oldPlugin = `#!/bin/sh
case "$CNI_COMMAND" in
VERSION) echo '{"cniVersion": "0.4.0", "supportedVersions": ["0.3.1", "0.4.0"]}' ;;
ADD) tr -d '\n' | sed 's/.*"prevResult"://; s/,"type":"old".*//' ;;
esac
`

// TestNegotiateWithRealPlugins: the highest version that the configuration, the library and
// every plugin have in common; and a list of that version works.
func TestNegotiateWithRealPlugins(t *testing.T) {
	t.Parallel()
	plugins, scripts := builtPlugins(t), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(scripts, "old"), []byte(oldPlugin), 0o700))
	cni := libcni.New([]string{plugins, scripts}, libcni.Options{CacheDir: t.TempDir()})
	for _, c := range []struct {
		name, list string
		want       string
	}{
		{"the newest of all", `{"cniVersions": ["0.4.0", "1.0.0", "1.1.0"], "name": "n", "plugins": [{"type": "bridge"}, {"type": "portmap"}]}`, "1.1.0"},
		{"nothing newer than the file", `{"cniVersions": ["0.3.1", "1.0.0"], "name": "n", "plugins": [{"type": "bridge"}]}`, "1.0.0"},
		{"versions of the future", `{"cniVersions": ["1.0.0", "7.0.0"], "name": "n", "plugins": [{"type": "bridge"}]}`, "1.0.0"},
		{"only one", `{"cniVersion": "0.4.0", "name": "n", "plugins": [{"type": "bridge"}]}`, "0.4.0"},
		{"an old plugin", `{"cniVersions": ["0.3.1", "0.4.0", "1.0.0", "1.1.0"], "name": "n", "plugins": [{"type": "loopback"}, {"type": "old"}]}`, "0.4.0"},
		{"nothing in common", `{"cniVersions": ["1.0.0", "1.1.0"], "name": "n", "plugins": [{"type": "loopback"}, {"type": "old"}]}`, ""},
		{"bandwidth is younger than that", `{"cniVersion": "0.2.0", "name": "n", "plugins": [{"type": "bridge"}, {"type": "bandwidth"}]}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := libcni.NetworkConfFromBytes([]byte(c.list))
			require.NoError(t, err)
			got, err := cni.NegotiateVersion(t.Context(), list)
			_, before := cni.ValidateNetworkList(t.Context(), list)
			if c.want == "" {
				var unsupported *version.UnsupportedError
				require.ErrorAs(t, err, &unsupported)
				require.Error(t, before)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
			list.CNIVersion = got
			_, err = cni.ValidateNetworkList(t.Context(), list)
			require.NoError(t, err)
		})
	}
	t.Run("no such plugin", func(t *testing.T) {
		list, err := libcni.NetworkConfFromBytes([]byte(`{"cniVersion": "1.1.0", "name": "n", "plugins": [{"type": "loopback"}, {"type": "absent"}]}`))
		require.NoError(t, err)
		_, err = cni.NegotiateVersion(t.Context(), list)
		require.ErrorIs(t, err, invoke.ErrPluginNotFound)
		_, err = cni.ValidateNetworkList(t.Context(), list)
		require.ErrorIs(t, err, invoke.ErrPluginNotFound)
	})
}

// TestNegotiatedAdd: a chain of which one plugin is old, in the version negotiated.
func TestNegotiatedAdd(t *testing.T) {
	alone(t, rootless, func(t *testing.T) {
		scripts := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(scripts, "old"), []byte(oldPlugin), 0o700))
		g := newGuest(t, `{
			"cniVersions": ["0.3.1", "0.4.0", "1.0.0", "1.1.0"],
			"name": "negotiated",
			"plugins": [{"type": "ptp", "ipam": {"type": "host-local", "subnet": "10.53.0.0/24"}}, {"type": "old"}]
		}`, "guest", types.Capabilities{}, nil)
		require.Equal(t, "1.1.0", g.list.CNIVersion)
		g.cni = libcni.New([]string{pluginsDir(), scripts}, libcni.Options{})
		var err error
		g.list.CNIVersion, err = g.cni.NegotiateVersion(t.Context(), g.list)
		require.NoError(t, err)
		assert.Equal(t, "0.4.0", g.list.CNIVersion)
		g.add(t)
		g.detach(t)
	})
}
