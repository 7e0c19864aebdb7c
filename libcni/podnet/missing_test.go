package podnet_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/libcni/podnet"
)

func (n *node) uninstall(missing bool, plugins ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, plugin := range plugins {
		n.missing[plugin] = missing
	}
}

// The plugin that gives the addresses is needed as well: the configuration says that
// it is missing, so does Status, also where there is no STATUS, and no plugin is run
// by an Attach that cannot succeed.
func TestMissingPlugins(t *testing.T) {
	n := newNode(t, "good")
	for name, cniVersion := range map[string]string{"new": "1.1.0", "old": "1.0.0"} {
		writeFile(t, filepath.Join(n.opts.ConfDir, "50-"+name+".conflist"), `{"cniVersion":"`+cniVersion+`","name":"`+name+
			`","plugins":[{"type":"first","ipam":{"type":"addresses"}},{"type":"third"},{"type":"second"}]}`)
	}
	n.uninstall(true, "addresses", "third")
	config, err := n.Reload(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"addresses", "third"}, config.Missing)

	status, err := n.Status(t.Context())
	require.NoError(t, err)
	require.Len(t, status, 3)
	for _, s := range status[1:] {
		assert.Equal(t, podnet.Failed, s.State, s.Name)
		require.ErrorIs(t, s.Err, invoke.ErrPluginNotFound, s.Name)
		assert.ErrorContains(t, s.Plugins[0].Err, "addresses", s.Name)
		assert.ErrorContains(t, s.Plugins[1].Err, "third", s.Name)
		assert.Equal(t, podnet.Failed, s.Plugins[0].State)
	}

	n.take()
	_, err = n.Attach(t.Context(), pod("con1", "good", "old", "new"))
	require.ErrorIs(t, err, invoke.ErrPluginNotFound)
	for _, part := range []string{"attach container con1 network old interface eth1: ", "network new interface eth2: ", "addresses", "third"} {
		assert.ErrorContains(t, err, part)
	}
	assert.Empty(t, n.take(), "nothing is begun")
	n.nothingBegun()

	n.uninstall(false, "addresses", "third") // and nobody has told yet
	_, err = n.Attach(t.Context(), pod("con1", "good", "old", "new"))
	require.NoError(t, err)
}

// A file that may not mean what it seems to is in use, and logged once.
func TestOddConfigurationIsLogged(t *testing.T) {
	n := newNode(t, "a")
	require.NoError(t, n.Close())
	file := filepath.Join(n.opts.ConfDir, "50-odd.conflist")
	writeFile(t, file, `{"cniVersion":"1.0.0","name":"odd","plugins":[{"type":"first","mtu":1,"mtu":2}]}`)
	logged := n.logTo()
	n.open()
	lines := logged.lines()
	require.Len(t, lines, 1, "%v", lines)
	assert.Contains(t, lines[0], `level=WARN msg="podnet: a network configuration is in use, but may not mean what it seems to" file=`+file+` network=odd at="`+file+`:1:`)
	n.configure(0, "b", "")
	_, err := n.Reload(t.Context())
	require.NoError(t, err)
	assert.Empty(t, logged.lines())
}

// A directory that cannot be read leaves the networks as they were, and that is logged.
func TestUnreadableDirectoryIsLogged(t *testing.T) {
	n := newNode(t, "a")
	require.NoError(t, n.Close())
	dir := n.opts.ConfDir
	n.opts.ConfDir = filepath.Join(n.dir, "link")
	require.NoError(t, os.Symlink(dir, n.opts.ConfDir))
	logged := n.logTo()
	n.open()
	writeFile(t, filepath.Join(n.dir, "file"), "")
	require.NoError(t, os.Symlink(filepath.Join(n.dir, "file"), filepath.Join(n.dir, "next")))
	require.NoError(t, os.Rename(filepath.Join(n.dir, "next"), n.opts.ConfDir))
	c, err := n.Reload(t.Context())
	require.NoError(t, err)
	require.Error(t, c.Err)
	lines := logged.lines()
	require.Len(t, lines, 1, "%v", lines)
	assert.Contains(t, lines[0], `level=WARN msg="podnet: network configurations cannot be read and stay as they were" dir=`+n.opts.ConfDir)
	_, err = n.Attach(t.Context(), pod("con1", "a"))
	require.NoError(t, err)
}

// A directory that does not exist has no networks, and that is said: when it was never
// there, when it goes, and to who wants to attach.
func TestNoConfigurationDirectory(t *testing.T) {
	n := newNode(t, "a")
	dir := n.opts.ConfDir
	said := `level=WARN msg="podnet: there are no networks, their directory does not exist" dir=` + dir
	logged := n.logging()
	require.NoError(t, os.RemoveAll(dir))
	_, err := n.Reload(t.Context())
	require.NoError(t, err)
	gone := logged.lines()
	require.NoError(t, n.Close())
	n.open()
	for _, lines := range [][]string{gone, logged.lines()} {
		require.Len(t, lines, 1, "%v", lines)
		assert.Contains(t, lines[0], said)
	}
	c := n.Config()
	require.ErrorIs(t, c.Err, fs.ErrNotExist)
	assert.Empty(t, c.Networks)
	_, err = n.Attach(t.Context(), pod("con1"))
	assert.ErrorContains(t, err, "no net configurations found in "+dir+": there is no such directory (Options.ConfDir); to do: make it")
	var none libcni.NoConfigsFoundError
	require.ErrorAs(t, err, &none)

	generation := c.Generation
	n.configure(0, "a", "")
	c, err = n.Reload(t.Context())
	require.NoError(t, err)
	require.NoError(t, c.Err)
	assert.Greater(t, c.Generation, generation)
	_, err = n.Attach(t.Context(), pod("con1"))
	require.NoError(t, err)
}

// Where the network may be in a file that cannot be read, that comes first.
func TestNetworkInABadFile(t *testing.T) {
	n := newNode(t, "a")
	file := filepath.Join(n.opts.ConfDir, "50-b.conflist")
	writeFile(t, file, `{"name":`)
	_, err := n.Reload(t.Context())
	require.NoError(t, err)
	_, err = n.Attach(t.Context(), pod("con1", "b"))
	text := fmt.Sprintf("%+v", err)
	bad, unknown := strings.Index(text, file), strings.Index(text, `no net configuration with name "b" in `+n.opts.ConfDir)
	assert.Contains(t, text, "; to do: correct the file first, the network may be in it")
	assert.NotContains(t, text, "correct the name")
	assert.True(t, 0 <= bad && bad < unknown, text)
	var missing libcni.NotFoundError
	require.ErrorAs(t, err, &missing)
	var conf *libcni.ConfError
	require.ErrorAs(t, err, &conf)
}

// What is wrong with the configuration is logged when the manager opens and when it
// changes, each thing once.
func TestConfigurationIsLogged(t *testing.T) {
	n := newNode(t, "good")
	require.NoError(t, n.Close())
	logged := n.logTo()
	dir := n.opts.ConfDir
	good, lacking, bad := filepath.Join(dir, "00-good.conflist"), filepath.Join(dir, "50-lacking.conflist"), filepath.Join(dir, "60-bad.conflist")
	writeFile(t, lacking, `{"cniVersion":"1.0.0","name":"lacking","plugins":[{"type":"first","ipam":{"type":"addresses"}}]}`)
	writeFile(t, bad, `{"cniVersion":"1.0.0","name":"bad","plugins":[{"type":7}]}`)
	n.uninstall(true, "addresses")
	n.open()
	missing := `level=WARN msg="podnet: a network cannot attach, a plugin of it is not installed" file=` + lacking +
		` network=lacking plugin=addresses error="no executable of plugin addresses in /plugins"`
	lines := logged.lines()
	require.Len(t, lines, 2, "%v", lines)
	assert.Equal(t, missing, lines[0])
	assert.Contains(t, lines[1], `level=WARN msg="podnet: a network configuration is bad and not in use" file=`+bad+` network=bad at="`+bad+`:1:`)
	assert.Contains(t, lines[1], ` error=`)

	reload := func() []string {
		t.Helper()
		_, err := n.Reload(t.Context())
		require.NoError(t, err)
		return logged.lines()
	}
	assert.Empty(t, reload())
	whole, err := os.ReadFile(good)
	require.NoError(t, err)
	writeFile(t, good, `{"cniVersion":"1.1.0","name":"good","plugins":[`)
	lines = reload()
	require.Len(t, lines, 1, "%v", lines)
	assert.Contains(t, lines[0], `msg="podnet: a network configuration is bad, its network stays in use as it was when it was good" file=`+good)
	require.NoError(t, os.WriteFile(good, whole, 0o600))
	require.NoError(t, os.Remove(bad))
	assert.Empty(t, reload(), "better")
	n.uninstall(false, "addresses")
	assert.Empty(t, reload())
	n.uninstall(true, "addresses")
	assert.Equal(t, []string{missing}, reload())
}
