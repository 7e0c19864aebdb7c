package podnet_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/types"
)

func keys(leftovers []podnet.Leftover) []string {
	s := []string{}
	for _, l := range leftovers {
		s = append(s, l.ContainerID+":"+l.Network+"/"+l.IfName)
	}
	return s
}

func TestGC(t *testing.T) {
	n := newNode(t, "a", "b", "old@0.4.0")
	for _, id := range []string{"con1", "con2", "con3"} {
		_, err := n.Attach(t.Context(), pod(id, "a", "b", "old"))
		require.NoError(t, err)
	}
	n.made[made{"a", "unknown", "eth0", "first"}] = "state that no record knows of"

	_, err := n.GC(t.Context(), podnet.GCArgs{})
	require.ErrorContains(t, err, "nil", "R26: nothing in use is said by an empty list")

	n.take()
	args := podnet.GCArgs{DryRun: true, Valid: []types.GCAttachment{
		{ContainerID: "con1"}, {ContainerID: "con2", IfName: "eth0"}, {ContainerID: "con4", IfName: "eth0"},
	}}
	want := []string{"con3:old/eth2", "con3:b/eth1", "con3:a/eth0", "con2:old/eth2", "con2:b/eth1"}
	found, err := n.GC(t.Context(), args)
	require.NoError(t, err)
	assert.ElementsMatch(t, want, keys(found))
	assert.Empty(t, n.take(), "dry run")
	for _, l := range found {
		assert.FileExists(t, l.Path)
		assert.True(t, l.Recorded)
	}

	args.DryRun = false
	found, err = n.GC(t.Context(), args)
	require.NoError(t, err)
	assert.ElementsMatch(t, want, keys(found))
	assert.Equal(t, []string{"a/eth0", "b/eth1", "old/eth2"}, n.attached("con1"))
	assert.Equal(t, []string{"a/eth0"}, n.attached("con2"))
	assert.Empty(t, n.attached("con3"))
	assert.Len(t, n.state(), 8, "what no record knows of is gone too")
	for _, r := range n.requests {
		if r.verb == "GC" && r.network == "a" {
			assert.ElementsMatch(t, []any{
				map[string]any{"containerID": "con1", "ifname": "eth0"},
				map[string]any{"containerID": "con2", "ifname": "eth0"},
				map[string]any{"containerID": "con4", "ifname": "eth0"}, // the caller knows, no record does
			}, r.conf["cni.dev/valid-attachments"])
		}
		assert.False(t, r.verb == "GC" && r.network == "old", "0.4.0 has no GC")
	}

	_, err = n.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{}})
	require.NoError(t, err)
	assert.Empty(t, n.state())
	n.nothingLeft()
}

// The loopback interface, which nobody was told of, goes with the last attachment of its
// container, and not before.
func TestGCAndLoopback(t *testing.T) {
	n := newNode(t, "a", "b")
	_, err := n.Attach(t.Context(), pod("con1", "a", "b/lo"))
	require.NoError(t, err)
	require.NoError(t, n.Close())
	n.opts.NoLoopback = false // from now on the attachment to b is the manager's own
	n.open()
	valid := []types.GCAttachment{{ContainerID: "con1", IfName: "eth0"}}
	found, err := n.GC(t.Context(), podnet.GCArgs{Valid: valid})
	require.NoError(t, err)
	assert.Empty(t, found)
	assert.Len(t, n.state(), 4)

	found, err = n.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{{ContainerID: "con2", IfName: "eth0"}}})
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"con1:a/eth0", "con1:b/lo"}, keys(found))
	n.nothingLeft()

	require.NoError(t, n.Close())
	n.opts.NoLoopback = true // then lo is a name like others
	n.open()
	_, err = n.Attach(t.Context(), pod("con1", "a", "b/lo"))
	require.NoError(t, err)
	found, err = n.GC(t.Context(), podnet.GCArgs{Valid: valid})
	require.NoError(t, err)
	assert.Equal(t, []string{"con1:b/lo"}, keys(found))
}

// What GC leaves alone and an earlier Detach has left half detached is still known as
// that afterwards.
func TestGCForgetsNothingUnfinished(t *testing.T) {
	n := newNode(t, "a", "b")
	_, err := n.Attach(t.Context(), pod("con1", "a", "b"))
	require.NoError(t, err)
	n.failing("DEL a")
	require.Error(t, n.Detach(t.Context(), "con1", "a"))
	n.failing()
	n.configure(0, "a", `,"disableGC":true`)
	_, err = n.Reload(t.Context())
	require.NoError(t, err)
	found, err := n.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{}})
	require.NoError(t, err)
	require.Equal(t, []string{"con1:b/eth1"}, keys(found))
	require.ErrorIs(t, n.Check(t.Context(), "con1"), podnet.ErrUnfinished)
	left, err := n.Recover(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"con1:a/eth0"}, keys(left))
	n.nothingLeft()
}

// Nor is what GC cannot read.
func TestGCForgetsNothingUnreadable(t *testing.T) {
	n := newNode(t, "a", "b")
	_, err := n.Attach(t.Context(), pod("con1", "a", "b"))
	require.NoError(t, err)
	n.failing("DEL a")
	require.Error(t, n.Detach(t.Context(), "con1", "a"))
	n.failing()
	path := filepath.Join(n.opts.CacheDir, "results", "a-con1-eth0")
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	n.damage("a-con1-eth0")
	found, err := n.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{}})
	require.Error(t, err)
	require.Equal(t, []string{"con1:b/eth1"}, keys(found))
	writeFile(t, path, string(whole))
	require.ErrorIs(t, n.Check(t.Context(), "con1"), podnet.ErrUnfinished)
	require.NoError(t, n.Detach(t.Context(), "con1"))
}

// R3: a network with disableGC is left alone.
func TestGCDisabled_R3(t *testing.T) {
	n := newNode(t, "a")
	n.configure(0, "a", `,"disableGC":true`)
	_, err := n.Reload(t.Context())
	require.NoError(t, err)
	_, err = n.Attach(t.Context(), pod("con1"))
	require.NoError(t, err)
	n.take()
	found, err := n.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{}})
	require.NoError(t, err)
	assert.Empty(t, found)
	assert.Empty(t, n.take())
	assert.Len(t, n.state(), 2)
}

// The network of a stale attachment need not be configured any more; one that
// cannot be detached is reported and keeps its addresses.
func TestGCReportsFailures_R41(t *testing.T) {
	n := newNode(t, "a", "b")
	_, err := n.Attach(t.Context(), pod("con1", "a", "b"))
	require.NoError(t, err)
	n.before = func(_ context.Context, r request) error {
		if r.verb == "DEL" && r.network == "a" && r.plugin == "second" || r.verb == "GC" && r.network == "b" {
			return types.NewError(types.ErrInternal, r.verb+" failed", "")
		}
		return nil
	}
	found, err := n.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{}})
	require.ErrorContains(t, err, "DEL failed")
	require.ErrorContains(t, err, "GC failed")
	require.ElementsMatch(t, []string{"con1:b/eth1", "con1:a/eth0"}, keys(found))
	for _, l := range found {
		assert.Equal(t, l.Network == "a", l.Err != nil, "%s", l.Network)
		if l.Err != nil {
			assert.ErrorContains(t, l.Err, ", as recorded in "+filepath.Join(n.opts.CacheDir, "results", "a-con1-eth0"))
		}
	}
	assert.Equal(t, []string{"a con1 eth0 second"}, n.state())
	assert.Equal(t, []string{"a/eth0"}, n.attached("con1"))
	for _, r := range n.requests {
		if r.verb == "GC" && r.network == "a" {
			assert.Equal(t, []any{map[string]any{"containerID": "con1", "ifname": "eth0"}}, r.conf["cni.dev/valid-attachments"])
		}
	}
}

// What a failed Attach left and GC could not detach either stays on disk for the
// next one, and keeps its addresses until then.
func TestGCKeepsLeftoversItCouldNotDetach(t *testing.T) {
	n := newNode(t, "a")
	n.before = func(_ context.Context, r request) error {
		if r.verb == "ADD" && r.plugin == "second" || r.verb == "DEL" && r.plugin == "first" {
			return types.NewError(types.ErrInternal, r.verb+" failed", "")
		}
		return nil
	}
	_, err := n.Attach(t.Context(), pod("con1", "a"))
	require.ErrorContains(t, err, "ADD failed")
	for range 2 {
		found, err := n.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{}})
		require.ErrorContains(t, err, "DEL failed")
		require.Equal(t, []string{"con1:a/eth0"}, keys(found))
		require.Equal(t, []string{"a con1 eth0 first"}, n.state())
	}
	n.before = nil
	found, err := n.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{}})
	require.NoError(t, err)
	require.Equal(t, []string{"con1:a/eth0"}, keys(found))
	assert.Empty(t, n.state())
}

// A second ADD of a living attachment that failed, by whoever, costs it nothing.
func TestGCKeepsWhatIsAlive(t *testing.T) {
	n := newNode(t, "a")
	_, err := n.Attach(t.Context(), pod("con1"))
	require.NoError(t, err)
	n.before = func(_ context.Context, r request) error {
		if r.verb == "ADD" {
			return types.NewError(types.ErrInternal, "exists", "")
		}
		return nil
	}
	other := libcni.New([]string{"/plugins"}, libcni.Options{Exec: n.world, CacheDir: n.opts.CacheDir})
	list, err := libcni.LoadNetworkConf(n.opts.ConfDir, "a")
	require.NoError(t, err)
	rt := &libcni.RuntimeConf{ContainerID: "con1", IfName: "eth0", NetNS: "/proc/self/ns/net"}
	_, err = other.AddNetworkList(t.Context(), list, rt)
	require.Error(t, err)
	require.FileExists(t, filepath.Join(n.opts.CacheDir, "results", "a-con1-eth0"))

	found, err := n.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{{ContainerID: "con1"}}})
	require.NoError(t, err)
	assert.Empty(t, found)
	left, err := n.Recover(t.Context())
	require.NoError(t, err)
	assert.Empty(t, left)
	_, err = n.Attach(t.Context(), pod("con1", "a/eth1"))
	require.Error(t, err, "its ADD fails")
	assert.Len(t, n.state(), 2)
	n.before = nil
	require.NoError(t, n.Check(t.Context(), "con1"))
}
