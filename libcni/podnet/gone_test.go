package podnet_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/types"
)

// unconfigure takes all networks away.
func (n *node) unconfigure() {
	n.Helper()
	require.NoError(n, os.RemoveAll(n.opts.ConfDir))
	require.NoError(n, os.Mkdir(n.opts.ConfDir, 0o755))
	_, err := n.Reload(n.Context())
	require.NoError(n, err)
}

// uninstalled attaches con1 to a, whose plugin second and whose configuration then go,
// and returns the network namespace.
func (n *node) uninstalled() (netns string) {
	n.Helper()
	netns = filepath.Join(n.TempDir(), "netns")
	writeFile(n, netns, "not empty")
	writeFile(n, filepath.Join(n.opts.ConfDir, "00-a.conflist"),
		`{"cniVersion":"1.1.0","name":"a","plugins":[{"type":"first"},{"type":"second","ipam":{"type":"addresses"}}]}`)
	_, err := n.Reload(n.Context())
	require.NoError(n, err)
	p := pod("con1", "a")
	p.NetNS = netns
	_, err = n.Attach(n.Context(), p)
	require.NoError(n, err)
	n.uninstall(true, "second")
	n.unconfigure()
	return netns
}

// logging opens the manager again, with a log.
func (n *node) logging() *logBuffer {
	n.Helper()
	require.NoError(n, n.Close())
	logged := n.logTo()
	n.open()
	logged.lines()
	return logged
}

const givenUp = `level=WARN msg="podnet: given up, a plugin is not installed any more: ` +
	`the network namespace is gone, with interfaces and routes, but addresses that the plugin gave and rules that it made may be left" ` +
	`containerID=con1 network=a ifname=eth0 plugin=second ipam=addresses netns=`

// What an uninstalled plugin made is not given up while its interface exists, and the
// error says each way out. Nobody is told to correct a configuration that DEL does not
// use.
func TestUninstalledPlugin(t *testing.T) {
	n := newNode(t)
	netns := n.uninstalled()
	logged := n.logging()
	_, gc := n.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{}})
	for verb, err := range map[string]error{"detach": n.Detach(t.Context(), "con1"), "gc": gc} {
		require.ErrorIs(t, err, invoke.ErrPluginNotFound, verb)
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err)} {
			assert.Contains(t, text, `failed to find plugin "second" in path [/plugins], and what it made in network namespace `+netns+` is still there`)
			assert.Contains(t, text, "to do: install it again, or remove the namespace, after which Detach succeeds without it, or give up with Forget")
			assert.NotContains(t, text, "correct the")
		}
	}
	assert.Equal(t, []string{"a/eth0"}, n.attached("con1"))
	assert.Equal(t, []string{"a con1 eth0 second"}, n.state(), "the other plugin has cleaned up")
	assert.Empty(t, logged.lines())
}

func TestUninstalledPluginWaysOut(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(n *node, netns string) error
		want []string // lines of the log
		left []string
	}{
		{
			name: "install it again",
			do: func(n *node, _ string) error {
				n.uninstall(false, "second")
				return n.Detach(n.Context(), "con1")
			},
			left: []string{},
		},
		{
			name: "remove the namespace, Detach",
			do: func(n *node, netns string) error {
				require.NoError(n, os.Remove(netns))
				return n.Detach(n.Context(), "con1")
			},
			want: []string{givenUp}, left: []string{"a con1 eth0 second"},
		},
		{
			name: "remove the namespace, Detach; the directory of the configurations is gone",
			do: func(n *node, netns string) error {
				require.NoError(n, os.Remove(netns))
				require.NoError(n, os.Remove(n.opts.ConfDir))
				_, err := n.Reload(n.Context())
				require.NoError(n, err)
				return n.Detach(n.Context(), "con1")
			},
			want: []string{givenUp, "their directory does not exist"}, left: []string{"a con1 eth0 second"},
		},
		{
			name: "remove the namespace, GC",
			do: func(n *node, netns string) error {
				require.NoError(n, os.Remove(netns))
				found, err := n.GC(n.Context(), podnet.GCArgs{Valid: []types.GCAttachment{}})
				require.Len(n, found, 1)
				assert.Equal(n, []string{"second"}, found[0].GivenUp)
				assert.NoError(n, found[0].Err)
				return err
			},
			want: []string{givenUp}, left: []string{"a con1 eth0 second"},
		},
		{
			name: "remove the namespace, Recover",
			do: func(n *node, netns string) error {
				require.Error(n, n.Detach(n.Context(), "con1"))
				require.NoError(n, os.Remove(netns))
				found, err := n.Recover(n.Context())
				require.Len(n, found, 1)
				assert.Equal(n, "a/con1/eth0: without what is not installed any more: second", found[0].String())
				return err
			},
			want: []string{givenUp}, left: []string{"a con1 eth0 second"},
		},
		{
			name: "remove the namespace, Open: nothing is said to be detached",
			do: func(n *node, netns string) error {
				require.Error(n, n.Detach(n.Context(), "con1"))
				require.NoError(n, os.Remove(netns))
				require.NoError(n, n.Close())
				n.open()
				return nil
			},
			want: []string{givenUp}, left: []string{"a con1 eth0 second"},
		},
		{
			name: "Forget",
			do: func(n *node, _ string) error {
				_, err := n.Forget(n.Context(), "con1")
				return err
			},
			want: []string{`level=WARN msg="podnet: an attachment is given up, what its plugins made may be left" containerID=con1 network=a ifname=eth0`},
			left: []string{"a con1 eth0 second"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := newNode(t)
			netns := n.uninstalled()
			logged := n.logging()
			require.NoError(t, test.do(n, netns))
			lines := logged.lines()
			require.Len(t, lines, len(test.want), "%v", lines)
			for i, want := range test.want {
				assert.Contains(t, lines[i], want)
			}
			assert.Equal(t, test.left, n.state())
			assert.Empty(t, n.attached("con1"))
			n.nothingBegun()
		})
	}
}

// A plugin of a configured network may be in the middle of an upgrade: it is waited
// for, also when the namespace has gone.
func TestPluginThatMayComeBack(t *testing.T) {
	n := newNode(t, "a")
	_, err := n.Attach(t.Context(), pod("con1"))
	require.NoError(t, err)
	n.uninstall(true, "second")
	err = n.Detach(t.Context(), "con1")
	require.ErrorIs(t, err, invoke.ErrPluginNotFound)
	assert.ErrorContains(t, err, "to do: install it again (DEL runs the plugins that ADD has run, whatever the network's file says by now), or give up with Forget")
	assert.NotContains(t, fmt.Sprintf("%+v", err), "correct the")
	n.uninstall(false, "second")
	require.NoError(t, n.Detach(t.Context(), "con1"))
	assert.Empty(t, n.state())
}

// As long as a file cannot be read, nobody can tell that no network uses the plugin.
func TestPluginThatABadFileMayUse(t *testing.T) {
	n := newNode(t)
	require.NoError(t, os.Remove(n.uninstalled()))
	bad := filepath.Join(n.opts.ConfDir, "50-bad.conflist")
	writeFile(t, bad, "{")
	_, err := n.Reload(t.Context())
	require.NoError(t, err)
	err = n.Detach(t.Context(), "con1")
	require.ErrorIs(t, err, invoke.ErrPluginNotFound)
	assert.ErrorContains(t, err, "to do: install it again, or correct the network configurations that cannot be read, one of which may use it, or give up with Forget")
	require.NoError(t, os.Remove(bad))
	_, err = n.Reload(t.Context())
	require.NoError(t, err)
	require.NoError(t, n.Detach(t.Context(), "con1"))
}

// A network namespace that is no path, such as a jail's name, is not looked for among
// the files.
func TestNetworkNamespaceThatIsNoPath(t *testing.T) {
	n := newNode(t, "a")
	p := pod("con1")
	p.NetNS = "jail1"
	_, err := n.Attach(t.Context(), p)
	require.NoError(t, err)
	n.take()
	require.NoError(t, n.Detach(t.Context(), "con1"))
	assert.Equal(t, []string{"DEL a con1 eth0 second", "DEL a con1 eth0 first"}, n.runs)
	for _, r := range n.requests {
		assert.Equal(t, "jail1", r.netns)
	}
}

// An ADD whose version a plugin refuses has made nothing there, and what refuses DEL
// for the same reason is nothing to undo: nothing is left, for nobody to get rid of.
func TestVersionThatNoPluginAccepts(t *testing.T) {
	for _, cniVersion := range []string{"1", "1.1", "1.1.0"} {
		t.Run(cniVersion, func(t *testing.T) {
			n := newNode(t, "a@"+cniVersion)
			n.speaks = []string{"0.4.0", "1.0.0"}
			_, err := n.Attach(t.Context(), pod("con1"))
			require.ErrorContains(t, err, "incompatible CNI versions")
			assert.NotContains(t, err.Error(), "rollback")
			n.nothingLeft()
		})
	}
}

// What such an ADD has left in a process that died goes as well.
func TestVersionThatNoPluginAcceptsAfterACrash(t *testing.T) {
	n := newNode(t, "a@1.1")
	require.True(t, n.crash(0, false, func() { _, _ = n.Attach(t.Context(), pod("con1")) }))
	n.speaks = []string{"1.1.0"}
	logged := n.logTo()
	n.open()
	lines := logged.lines()
	require.Len(t, lines, 3, "%v", lines)
	assert.Contains(t, lines[0], `level=INFO msg="podnet: DEL goes on without a plugin" `)
	assert.Contains(t, lines[2], `level=INFO msg="podnet: what an earlier operation has left is detached" `)
	n.nothingLeft()
}

// A plugin that has once accepted a version has made something, whatever it says now;
// and one that speaks the version may have made something before a plugin that it calls
// refused.
func TestVersionThatWasAccepted(t *testing.T) {
	n := newNode(t, "a")
	_, err := n.Attach(t.Context(), pod("con1"))
	require.NoError(t, err)
	n.speaks = []string{"1.0.0"} // an older one has been installed
	require.ErrorContains(t, n.Detach(t.Context(), "con1"), "incompatible CNI versions")
	_, err = n.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{}})
	require.ErrorContains(t, err, "incompatible CNI versions")
	assert.Equal(t, []string{"a/eth0"}, n.attached("con1"))
	n.speaks = nil
	require.NoError(t, n.Detach(t.Context(), "con1"))

	n.speaks = []string{"1.1.0"}
	n.before = func(_ context.Context, r request) error {
		return types.NewError(types.ErrIncompatibleCNIVersion, "incompatible CNI versions", "of its ipam")
	}
	_, err = n.Attach(t.Context(), pod("con1"))
	require.ErrorContains(t, err, "rollback")
	n.before = nil
	found, err := n.Recover(t.Context())
	require.NoError(t, err)
	assert.Len(t, found, 1)
	n.nothingLeft()
}
