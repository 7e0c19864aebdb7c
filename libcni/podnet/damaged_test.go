package podnet_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/types"
)

// damage cuts a record off.
func (n *node) damage(record string) string {
	n.Helper()
	path := filepath.Join(n.opts.CacheDir, "results", record)
	require.NoError(n, os.Truncate(path, 30))
	return path
}

// A damaged record keeps its own network and its own interface, and no other from its
// container; nothing is run for it, it may be in use.
func TestAttachBesideADamagedRecord(t *testing.T) {
	n := newNode(t, "a", "b")
	require.NoError(t, n.Close())
	logged := n.logTo()
	n.open()
	_, err := n.Attach(t.Context(), pod("con1", "a"))
	require.NoError(t, err)
	record := n.damage("a-con1-eth0")
	n.take()
	for _, network := range []string{"a", "a/eth0", "b/eth0"} {
		_, err := n.Attach(t.Context(), pod("con1", network))
		var damaged *libcni.RecordError
		require.ErrorAs(t, err, &damaged, network)
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err)} {
			assert.Contains(t, text, "record "+record)
			assert.Contains(t, text, "to do: call Detach for network a, or give up with Forget")
			assert.Equal(t, 1, strings.Count(text, "to do"), text)
		}
	}
	assert.Empty(t, n.take())
	assert.Empty(t, logged.lines())

	got, err := n.Attach(t.Context(), pod("con1", "b", "a/net1"))
	require.NoError(t, err)
	assert.Equal(t, []string{"b/eth1", "a/net1"}, names(got))
	assert.NotContains(t, strings.Join(n.take(), ","), "DEL")
	lines := logged.lines()
	require.Len(t, lines, 1, "%v", lines)
	assert.Contains(t, lines[0], "level=WARN")
	assert.Contains(t, lines[0], record)
	n.nothingBegun()

	err = n.Check(t.Context(), "con1")
	assert.ErrorContains(t, err, "check container con1 network a interface eth0: record "+record)
	require.NoError(t, n.Check(t.Context(), "con1", "b"))
	require.ErrorContains(t, n.Detach(t.Context(), "con1", "a"), "detached, but its record was damaged")
	assert.Equal(t, []string{"b/eth1"}, n.attached("con1"))
	assert.Equal(t, []string{"b con1 eth1 first", "b con1 eth1 second"}, n.state())
}

// What an earlier operation has left is not forgotten because its record cannot be
// read: it is no attachment if somebody mends the record.
func TestAttachKeepsADamagedLeftover(t *testing.T) {
	n := newNode(t, "a", "b")
	_, err := n.Attach(t.Context(), pod("con1", "a"))
	require.NoError(t, err)
	n.failing("DEL a")
	require.Error(t, n.Detach(t.Context(), "con1"))
	path := filepath.Join(n.opts.CacheDir, "results", "a-con1-eth0")
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	n.damage("a-con1-eth0")
	_, err = n.Attach(t.Context(), pod("con1", "b"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, whole, 0o600))
	require.ErrorIs(t, n.Check(t.Context(), "con1", "a"), podnet.ErrUnfinished)
	n.failing()
	require.NoError(t, n.Detach(t.Context(), "con1"))
	n.nothingLeft()
}

// A record of a network that nobody knows keeps the name of its interface, and what
// cannot be anybody's keeps nothing.
func TestAttachBesideRecordsOfNobody(t *testing.T) {
	n := newNode(t, "a")
	writeFile(t, filepath.Join(n.opts.CacheDir, "results", "gone-con1-eth0"), "{")
	writeFile(t, filepath.Join(n.opts.CacheDir, "pending", "junk"), "{")
	_, err := n.Attach(t.Context(), pod("con1", "a/eth0"))
	require.ErrorContains(t, err, "to do: no configured network has this record")
	got, err := n.Attach(t.Context(), pod("con1", "a"))
	require.NoError(t, err)
	assert.Equal(t, []string{"a/eth1"}, names(got))
}

// The loopback interface is up, whatever its record says; and its network, the
// manager's own, has no file.
func TestDamagedRecordOfLoopback(t *testing.T) {
	n := newNode(t, "a")
	require.NoError(t, n.Close())
	n.opts.NoLoopback = false
	n.open()
	writeFile(t, filepath.Join(n.opts.CacheDir, "results", "cni-loopback-con1-lo"), "{")
	_, err := n.Attach(t.Context(), pod("con1", "a"))
	require.NoError(t, err)
	left, err := n.Forget(t.Context(), "con1")
	require.NoError(t, err)
	assert.Equal(t, []string{"con1:cni-loopback/lo", "con1:a/eth0"}, keys(left))
	assert.NoFileExists(t, filepath.Join(n.opts.CacheDir, "results", "cni-loopback-con1-lo"))
}

// A damaged record of the manager's own loopback network needs no network namespace, and
// what is said of it is to call Detach: nobody else knows the network.
func TestDetachDamagedRecordOfLoopback(t *testing.T) {
	for _, test := range []struct {
		name     string
		networks []string
		file     bool // of another loopback network
	}{
		{name: "all"},
		{name: "by name", networks: []string{"cni-loopback"}},
		{name: "a loopback network is configured by now", file: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := newNode(t, "a")
			if test.file {
				writeFile(t, filepath.Join(n.opts.ConfDir, "99-lo.conflist"), `{"cniVersion":"1.0.0","name":"own","plugins":[{"type":"loopback"}]}`)
			}
			require.NoError(t, n.Close())
			logged := n.logTo()
			n.opts.NoLoopback = false
			n.open()
			record := filepath.Join(n.opts.CacheDir, "results", "cni-loopback-con1-lo")
			writeFile(t, record, "{")
			_, list := n.Attachments("con1")
			_, gc := n.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{}})
			for verb, err := range map[string]error{"Attachments": list, "GC": gc, "Check": n.Check(t.Context(), "con1")} {
				var damaged *libcni.RecordError
				require.ErrorAs(t, err, &damaged, verb)
				text := fmt.Sprintf("%+v", err)
				assert.Contains(t, text, "to do: call Detach for ", verb)
				assert.Contains(t, text, "network cni-loopback", verb)
				assert.NotContains(t, text, "cnitool", verb)
			}
			logged.lines()
			require.NoError(t, n.Detach(t.Context(), "con1", test.networks...))
			assert.NoFileExists(t, record)
			lines := logged.lines()
			require.Len(t, lines, 1, "%v", lines)
			assert.Contains(t, lines[0], record)
			assert.NotContains(t, lines[0], "cnitool")
		})
	}
}

// Where nothing tells the network namespace, Forget detaches without it: addresses are
// freed, and the error says what may be left.
func TestForgetRunsDelForADamagedRecord(t *testing.T) {
	n := newNode(t, "a")
	require.NoError(t, n.Close())
	logged := n.logTo()
	n.open()
	_, err := n.Attach(t.Context(), pod("con1", "a"))
	require.NoError(t, err)
	record := n.damage("a-con1-eth0")
	n.take()
	err = n.Detach(t.Context(), "con1")
	require.ErrorContains(t, err, "; or give up with Forget")
	assert.Equal(t, 1, strings.Count(fmt.Sprintf("%+v", err), "to do"))
	assert.Empty(t, n.take())
	logged.lines()

	left, err := n.Forget(t.Context(), "con1", "a")
	require.NoError(t, err)
	require.Equal(t, []string{"con1:a/eth0"}, keys(left))
	assert.Equal(t, record, left[0].Path)
	assert.ErrorContains(t, left[0].Err, "forget container con1 network a interface eth0: detached, but its record was damaged: ")
	assert.ErrorContains(t, left[0].Err, "the interface in it may be left")
	assert.Equal(t, []string{"DEL a con1 eth0 second", "DEL a con1 eth0 first"}, n.take())
	assert.Empty(t, n.state())
	n.nothingLeft()
	lines := logged.lines()
	require.Len(t, lines, 1, "told once: %v", lines)
	assert.Contains(t, lines[0], "an attachment is given up")
}

// Detach of a damaged record is logged once, too.
func TestDetachOfADamagedRecordIsLoggedOnce(t *testing.T) {
	n := newNode(t, "a", "b")
	require.NoError(t, n.Close())
	logged := n.logTo()
	n.open()
	_, err := n.Attach(t.Context(), pod("con1", "a", "b"))
	require.NoError(t, err)
	n.damage("a-con1-eth0")
	require.Error(t, n.Detach(t.Context(), "con1", "a"))
	lines := logged.lines()
	require.Len(t, lines, 1, "%v", lines)
	assert.Contains(t, lines[0], "with the network's configuration")
}

// What errors advise to type is for this manager's records, not for those of others.
func TestAdviceIsForTheCacheDirectory(t *testing.T) {
	n := newNode(t, "a", "b")
	_, err := n.Attach(t.Context(), pod("con1", "a", "b"))
	require.NoError(t, err)
	n.failing("DEL b")
	failed := n.Detach(t.Context(), "con1", "b")
	assert.Contains(t, fmt.Sprintf("%+v", failed), "cnitool --cache "+n.opts.CacheDir+" del --container con1 -i eth1 b /proc/self/ns/net")
	n.damage("a-con1-eth0")
	_, list := n.Attachments("")
	_, gc := n.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{{ContainerID: "con1"}}})
	n.unconfigure() // and nobody can tell whose it is
	_, forget := n.Forget(t.Context(), "con1")
	for name, err := range map[string]error{
		"Attachments": list, "GC": gc, "Detach": n.Detach(t.Context(), "con1"), "Forget": forget, "Check": n.Check(t.Context(), "con1"),
	} {
		require.Error(t, err, name)
		assert.Contains(t, fmt.Sprintf("%+v", err), "cnitool --cache "+n.opts.CacheDir+" del ", name)
	}
}
