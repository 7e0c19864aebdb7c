package podnet_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/types"
)

func TestDetach(t *testing.T) {
	n := newNode(t, "a", "b")
	_, err := n.Attach(t.Context(), pod("con1", "b", "a")) // an order that no sorting makes
	require.NoError(t, err)
	_, err = n.Attach(t.Context(), pod("con1", "b/aa0"))
	require.NoError(t, err)
	assert.Equal(t, []string{"b/eth0", "a/eth1", "b/aa0"}, n.attached("con1"))
	n.take()
	require.NoError(t, n.Detach(t.Context(), "con1"))
	assert.Equal(t, []string{
		"DEL b con1 aa0 second", "DEL b con1 aa0 first",
		"DEL a con1 eth1 second", "DEL a con1 eth1 first", "DEL b con1 eth0 second", "DEL b con1 eth0 first",
	}, n.take())
	assert.Empty(t, n.state())
	n.nothingLeft()

	require.NoError(t, n.Detach(t.Context(), "con1"), "R31: repeated")
	require.NoError(t, n.Detach(t.Context(), "never-seen"))
	assert.Empty(t, n.take())
	n.nothingLeft()
}

func TestDetachOneNetwork(t *testing.T) {
	n := newNode(t, "a", "b")
	_, err := n.Attach(t.Context(), pod("con1", "a", "b", "a/net1"))
	require.NoError(t, err)
	require.NoError(t, n.Detach(t.Context(), "con1", "a"))
	assert.Equal(t, []string{"b/eth1"}, n.attached("con1"))
	require.NoError(t, n.Detach(t.Context(), "con1", "unknown"))
	assert.Equal(t, []string{"b/eth1"}, n.attached("con1"))
}

func TestDetachWithoutConfiguration_R22(t *testing.T) {
	n := newNode(t, "a")
	_, err := n.Attach(t.Context(), pod("con1"))
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(n.opts.ConfDir))
	_, err = n.Reload(t.Context())
	require.NoError(t, err)
	require.NoError(t, n.Detach(t.Context(), "con1"))
	assert.Empty(t, n.state())
	n.nothingLeft()
}

// An error does not keep the others from being detached; what failed stays on
// record and goes the next time.
func TestDetachGoesOn(t *testing.T) {
	n := newNode(t, "a", "b", "c")
	_, err := n.Attach(t.Context(), pod("con1", "a", "b", "c"))
	require.NoError(t, err)
	n.before = func(_ context.Context, r request) error {
		if r.verb == "DEL" && r.network == "b" && r.plugin == "second" {
			return types.NewError(types.ErrTryAgainLater, "later", "")
		}
		return nil
	}
	err = n.Detach(t.Context(), "con1")
	var at *podnet.Error
	require.ErrorAs(t, err, &at)
	assert.Equal(t, "b", at.Network)
	var failed *invoke.PluginError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "second", failed.Plugin)
	assert.Contains(t, fmt.Sprintf("%+v", err), "\n    then:      call Detach again when the cause is mended, or give up with Forget")
	assert.Equal(t, []string{"b/eth1"}, n.attached("con1"))
	assert.Equal(t, []string{"b con1 eth1 second"}, n.state())

	n.before = nil
	require.NoError(t, n.Detach(t.Context(), "con1"))
	assert.Empty(t, n.state())
	n.nothingLeft()
}

func TestDetachAlreadyGone(t *testing.T) {
	for _, test := range []struct {
		name  string
		setup func(n *node, netns string)
		// want is the network namespace that DEL sees.
		want func(netns string) string
		err  error
		left bool
	}{
		{name: "netns is there", want: func(netns string) string { return netns }},
		{
			name:  "netns is gone",
			setup: func(_ *node, netns string) { _ = os.Remove(netns) },
			want:  func(string) string { return "" },
		},
		{
			name: "netns is unmounted, an empty file is left",
			setup: func(n *node, netns string) {
				if runtime.GOOS != "linux" {
					n.Skip("about Linux's namespaces")
				}
				_ = os.Truncate(netns, 0)
			},
			want: func(string) string { return "" },
		},
		{
			name: "netns goes while a plugin runs",
			setup: func(n *node, netns string) {
				n.before = func(_ context.Context, r request) error {
					if r.verb == "DEL" && r.netns != "" {
						_ = os.Remove(netns)
						return errors.New("words that nobody reads")
					}
					return nil
				}
			},
			want: func(string) string { return "" },
		},
		{
			name: "code 3",
			setup: func(n *node, _ string) {
				n.before = func(_ context.Context, r request) error {
					delete(n.made, made{r.network, r.id, r.ifname, r.plugin})
					return types.NewError(types.ErrUnknownContainer, "never seen", "")
				}
			},
		},
		{
			name: "words alone do not count",
			setup: func(n *node, _ string) {
				n.before = func(context.Context, request) error {
					return types.NewError(types.ErrInternal, "no such file or directory: container not found", "")
				}
			},
			err: &types.Error{}, left: true,
		},
		{
			name:  "executable missing, network configured: it may come back",
			setup: func(n *node, _ string) { n.uninstall(true, "second") },
			err:   invoke.ErrPluginNotFound, left: true,
		},
		{
			name: "executable and network gone, netns is there: so is the interface",
			setup: func(n *node, _ string) {
				n.uninstall(true, "second")
				n.unconfigure()
			},
			err: invoke.ErrPluginNotFound, left: true,
		},
		{
			name: "executable, network and netns gone",
			setup: func(n *node, netns string) {
				n.uninstall(true, "second")
				n.unconfigure()
				_ = os.Remove(netns)
				delete(n.made, made{"a", "con1", "eth0", "second"})
			},
			want: func(string) string { return "" },
		},
		{
			name: "executable and netns gone, network configured: it may come back",
			setup: func(n *node, netns string) {
				n.uninstall(true, "second")
				_ = os.Remove(netns)
			},
			err: invoke.ErrPluginNotFound, left: true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := newNode(t, "a")
			netns := filepath.Join(t.TempDir(), "netns")
			require.NoError(t, os.WriteFile(netns, []byte("not empty"), 0o600))
			p := pod("con1")
			p.NetNS = netns
			_, err := n.Attach(t.Context(), p)
			require.NoError(t, err)
			if test.setup != nil {
				test.setup(n, netns)
			}
			n.take()
			err = n.Detach(t.Context(), "con1")
			switch want := test.err.(type) {
			case nil:
				require.NoError(t, err)
			case *types.Error:
				require.ErrorAs(t, err, &want)
			default:
				require.ErrorIs(t, err, want)
			}
			if test.left {
				assert.Equal(t, []string{"a/eth0"}, n.attached("con1"))
				return
			}
			if test.want != nil {
				assert.Equal(t, test.want(netns), n.requests[len(n.requests)-1].netns)
			}
			assert.Empty(t, n.state())
			n.nothingLeft()
		})
	}
}

// A record that cannot be read any more does not hold up DEL: the configured
// network does, and the interface is in the record's name.
func TestDetachDamagedRecord(t *testing.T) {
	n := newNode(t, "a", "b")
	_, err := n.Attach(t.Context(), pod("con1", "a", "b"))
	require.NoError(t, err)
	record := filepath.Join(n.opts.CacheDir, "results", "a-con1-eth0")
	require.NoError(t, os.WriteFile(record, []byte(`{"kind":"cniCacheV1","con`), 0o600))

	var damaged *libcni.RecordError
	_, err = n.Attachments("con1")
	require.ErrorAs(t, err, &damaged)
	_, err = n.Attach(t.Context(), pod("con1", "a"))
	require.ErrorAs(t, err, &damaged, "it may be attached")
	_, err = n.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{{ContainerID: "con1"}}})
	require.ErrorAs(t, err, &damaged)
	assert.Len(t, n.state(), 4, "GC has not touched what may be in use")

	n.requests = nil
	err = n.Detach(t.Context(), "con1")
	assert.ErrorContains(t, err, "detach container con1 network a interface eth0: detached, but its record was damaged",
		"what plugins that take arguments may leave is said once")
	require.NoError(t, n.Detach(t.Context(), "con1"))
	assert.Empty(t, n.state())
	n.nothingLeft()
	for _, r := range n.requests {
		assert.Equal(t, pod("con1").NetNS, r.netns, "%s: from the other record, or plugins leave the interface", r)
	}
}

// Where nothing tells the network namespace, plugins would leave the interface
// behind and nobody would know: the record stays, and the error says what to do.
func TestDetachDamagedRecordWithoutNamespace(t *testing.T) {
	n := newNode(t, "a")
	_, err := n.Attach(t.Context(), pod("con1", "a"))
	require.NoError(t, err)
	record := filepath.Join(n.opts.CacheDir, "results", "a-con1-eth0")
	require.NoError(t, os.Truncate(record, 30))
	n.requests = nil

	err = n.Detach(t.Context(), "con1")
	var damaged *libcni.RecordError
	require.ErrorAs(t, err, &damaged)
	for _, part := range []string{record, "to do: DEL with the namespace (with the path of the network namespace for NETNS, and the capability arguments of ADD, a JSON object, for those of CAP_ARGS), CAP_ARGS=", " cnitool --cache " + n.opts.CacheDir + " del --container con1 -i eth0 a NETNS; or give up with Forget", "container con1 network a interface eth0"} {
		assert.ErrorContains(t, err, part)
		assert.Contains(t, fmt.Sprintf("%+v", err), part)
	}
	assert.Empty(t, n.requests)
	assert.FileExists(t, record)
}

// Plugins that take no arguments lose nothing with a record.
func TestDetachDamagedRecordWithoutArguments(t *testing.T) {
	n := newNode(t, "b")
	writeFile(n, filepath.Join(n.opts.ConfDir, "50-a.conflist"), `{"cniVersion":"1.1.0","name":"a","plugins":[{"type":"first"}]}`)
	_, err := n.Reload(t.Context())
	require.NoError(t, err)
	_, err = n.Attach(t.Context(), pod("con1", "a", "b"))
	require.NoError(t, err)
	require.NoError(t, os.Truncate(filepath.Join(n.opts.CacheDir, "results", "a-con1-eth0"), 30))
	require.NoError(t, n.Detach(t.Context(), "con1"))
	n.nothingLeft()
}

// The errors of all methods give %+v what the plugins' errors know.
func TestDetailsOfErrors(t *testing.T) {
	n := newNode(t, "a", "b")
	_, err := n.Attach(t.Context(), pod("con1", "a", "b"))
	require.NoError(t, err)
	n.before = func(_ context.Context, r request) error { return types.NewError(types.ErrInternal, "banana", "") }
	_, attach := n.Attach(t.Context(), pod("con2", "a"))
	_, gc := n.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{}})
	for name, err := range map[string]error{
		"Attach": attach, "GC": gc, "Check": n.Check(t.Context(), "con1"), "Detach": n.Detach(t.Context(), "con1"),
	} {
		require.Error(t, err, name)
		assert.Contains(t, fmt.Sprintf("%+v", err), "plugin:", name)
		assert.Contains(t, fmt.Sprintf("%+v", err), "interface: eth0", name)
	}
}

// A plugin that hangs costs its own time, and no other attachment's.
func TestDetachTimeout(t *testing.T) {
	n := newNode(t, "a", "b")
	require.NoError(t, n.Close())
	n.opts.Timeouts.Del = 20 * time.Millisecond
	n.open()
	_, err := n.Attach(t.Context(), pod("con1", "a", "b"))
	require.NoError(t, err)
	n.before = func(ctx context.Context, r request) error {
		if r.verb == "DEL" && r.network == "b" {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	require.ErrorIs(t, n.Detach(t.Context(), "con1"), context.DeadlineExceeded)
	assert.Equal(t, []string{"b/eth1"}, n.attached("con1"))
}

// DEL never needs to write: on a full or read-only disk a container can be
// detached, though not be attached.
func TestDetachWithoutLockFile(t *testing.T) {
	n := newNode(t, "a")
	_, err := n.Attach(t.Context(), pod("con1"))
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(filepath.Join(n.opts.CacheDir, "podnet")))
	require.NoError(t, os.WriteFile(filepath.Join(n.opts.CacheDir, "podnet"), nil, 0o600))

	_, err = n.Attach(t.Context(), pod("con2"))
	var unusable *podnet.CacheDirError
	require.ErrorAs(t, err, &unusable)
	assert.Equal(t, n.opts.CacheDir, unusable.Dir)
	assert.ErrorContains(t, err, "attach container con2: cache directory "+n.opts.CacheDir+" cannot be used (Options.CacheDir): ")
	assert.Contains(t, fmt.Sprintf("%+v", err), "    to do:     ")
	assert.Contains(t, fmt.Sprintf("%+v", err), "; no plugin ran, nothing is to be cleaned up")
	require.NoError(t, n.Check(t.Context(), "con1"))
	require.NoError(t, n.Detach(t.Context(), "con1"))
	_, err = n.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{}})
	require.NoError(t, err)
	assert.Empty(t, n.state())
}

func TestCheck(t *testing.T) {
	n := newNode(t, "a", "old@0.3.1", "b")
	require.ErrorIs(t, n.Check(t.Context(), "con1"), libcni.ErrNoRecord)
	_, err := n.Attach(t.Context(), pod("con1", "a", "old", "b"))
	require.NoError(t, err)
	n.take()
	require.NoError(t, n.Check(t.Context(), "con1"))
	assert.Equal(t, []string{"CHECK a con1 eth0 first", "CHECK a con1 eth0 second", "CHECK b con1 eth2 first", "CHECK b con1 eth2 second"}, n.take())
	require.NoError(t, n.Check(t.Context(), "con1", "b"))
	assert.Len(t, n.take(), 2)

	delete(n.made, made{"a", "con1", "eth0", "second"})
	err = n.Check(t.Context(), "con1")
	var at *podnet.Error
	require.ErrorAs(t, err, &at)
	assert.Equal(t, "a", at.Network)
	assert.Len(t, n.take(), 4, "the other network is checked too")
	require.ErrorIs(t, n.Check(t.Context(), "con1", "unknown"), libcni.ErrNoRecord)
	n.nothingBegun()
}

// CHECK gets what ADD got, whatever is configured now: of a list and of a single plugin,
// which another program has attached.
func TestCheckUsesTheRecord_R22(t *testing.T) {
	n := newNode(t, "a")
	p := pod("con1", "a")
	p.Name, p.Capabilities.MAC = "web", []byte{2, 0, 0, 0, 0, 1}
	_, err := n.Attach(t.Context(), p)
	require.NoError(t, err)
	add := n.requests[1]
	other := libcni.New([]string{"/plugins"}, libcni.Options{Exec: n.world, CacheDir: n.opts.CacheDir})
	plugin, err := libcni.NetworkPluginConfFromBytes([]byte(`{"cniVersion":"1.0.0","name":"single","type":"third"}`))
	require.NoError(t, err)
	_, err = other.AddNetwork(t.Context(), plugin, &libcni.RuntimeConf{ContainerID: "con1", IfName: "eth9", NetNS: p.NetNS})
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(n.opts.ConfDir))
	_, err = n.Reload(t.Context())
	require.NoError(t, err)

	n.take()
	require.NoError(t, n.Check(t.Context(), "con1"))
	require.Len(t, n.requests, 3)
	check := n.requests[1]
	assert.Equal(t, "second", check.plugin)
	assert.Equal(t, add.args, check.args)
	assert.Equal(t, add.netns, check.netns)
	assert.Equal(t, add.conf["runtimeConfig"], check.conf["runtimeConfig"])
	assert.NotNil(t, check.conf["prevResult"])
	assert.Equal(t, "CHECK single con1 eth9 third", n.requests[2].String())
	delete(n.made, made{"single", "con1", "eth9", "third"})
	require.ErrorContains(t, n.Check(t.Context(), "con1"), "network single interface eth9: is not there")
}

// nothingBegun fails the test if an operation is under way or unfinished.
func (n *node) nothingBegun() {
	n.Helper()
	entries, err := os.ReadDir(filepath.Join(n.opts.CacheDir, "podnet"))
	require.NoError(n, err)
	assert.Empty(n, entries)
}
