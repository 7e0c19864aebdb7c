package podnet_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/types"
)

// failing makes plugins fail whose run matches one of these, "DEL a".
func (n *node) failing(runs ...string) {
	n.before = func(_ context.Context, r request) error {
		for _, run := range runs {
			if verb, network, _ := strings.Cut(run, " "); r.verb == verb && r.network == network {
				return types.NewError(types.ErrInternal, run+" is broken", "")
			}
		}
		return nil
	}
}

// What could not be undone is in the error, stays on disk, and is undone before
// anything else as soon as it can be. Until then its network and its interface are
// not to be had, and everything else is.
func TestAttachAfterAFailedRollback(t *testing.T) {
	n := newNode(t, "a", "b", "c")
	n.failing("ADD b", "DEL a")
	_, err := n.Attach(t.Context(), pod("con1", "a", "b"))
	require.ErrorContains(t, err, "ADD b is broken")
	require.ErrorContains(t, err, "DEL a is broken")
	assert.Equal(t, []string{"a/eth0"}, n.attached("con1"), "known")
	require.ErrorIs(t, n.Check(t.Context(), "con1"), podnet.ErrUnfinished)

	n.failing("DEL a")
	record := filepath.Join(n.opts.CacheDir, "results", "a-con1-eth0")
	for _, networks := range [][]string{{"a"}, {"b/eth0"}, {"c", "a"}} {
		n.take()
		_, err = n.Attach(t.Context(), pod("con1", networks...))
		require.ErrorIs(t, err, podnet.ErrUnfinished, networks)
		var plugin *invoke.PluginError
		require.ErrorAs(t, err, &plugin, networks)
		for _, part := range []string{"DEL a is broken", "not with today's", "give up with Forget", "as recorded in " + record} {
			assert.ErrorContains(t, err, part, networks)
		}
		assert.Equal(t, 1, strings.Count(err.Error(), "recover container con1"), "%v", err)
		assert.Equal(t, []string{"DEL a con1 eth0 second", "DEL a con1 eth0 first"}, n.take(), "tried again, and nothing is attached")
	}
	got, err := n.Attach(t.Context(), pod("con1", "b", "a/net1"))
	require.NoError(t, err)
	assert.Equal(t, []string{"b/eth1", "a/net1"}, names(got), "eth0 may be there")
	require.NoError(t, n.Check(t.Context(), "con1", "b"))
	n.take()
	err = n.Check(t.Context(), "con1")
	require.ErrorIs(t, err, podnet.ErrUnfinished)
	assert.NotContains(t, n.take(), "CHECK a con1 eth0 first", "it is no attachment")
	assert.ErrorContains(t, err, "container con1 network a interface eth0")
	assert.Equal(t, 1, strings.Count(err.Error(), "\n")+1, "the others are as they should be: %v", err)
	require.NoError(t, n.Detach(t.Context(), "con1", "b"), "what was asked for is done")

	require.NoError(t, n.Close())
	n.open() // tries, and fails
	_, err = n.Attach(t.Context(), pod("con1", "a"))
	require.ErrorIs(t, err, podnet.ErrUnfinished, "still known")
	n.failing()
	got, err = n.Attach(t.Context(), pod("con1", "c"))
	require.NoError(t, err)
	assert.Equal(t, []string{"c/eth0"}, names(got))
	assert.Equal(t, []string{"a/net1", "c/eth0"}, n.attached("con1"))
	require.NoError(t, n.Detach(t.Context(), "con1"))
	assert.Empty(t, n.state())
	n.nothingLeft()
}

// libcni has undone the network whose ADD failed, or has tried: what fails is not run
// a second time, and told once. It stays on disk.
func TestFailedRollbackIsToldOnce(t *testing.T) {
	n := newNode(t, "a", "b")
	n.failing("ADD b", "DEL b")
	_, err := n.Attach(t.Context(), pod("con1", "a", "b"))
	var at *podnet.Error
	require.ErrorAs(t, err, &at)
	assert.Equal(t, "b", at.Network)
	assert.Equal(t, 2, strings.Count(err.Error(), "DEL b is broken"), "one for each plugin: %v", err)
	assert.Equal(t, []string{
		"ADD a con1 eth0 first", "ADD a con1 eth0 second", "ADD b con1 eth1 first",
		"DEL b con1 eth1 second", "DEL b con1 eth1 first", "DEL a con1 eth0 second", "DEL a con1 eth0 first",
	}, n.take())
	err = n.Check(t.Context(), "con1")
	require.ErrorIs(t, err, podnet.ErrUnfinished)
	assert.ErrorContains(t, err, "network b interface eth1")
	assert.NotContains(t, err.Error(), "network a", "that one was undone")

	left, err := n.Recover(t.Context())
	require.ErrorContains(t, err, "DEL b is broken")
	require.Equal(t, []string{"con1:b/eth1"}, keys(left))
	assert.Equal(t, 1, strings.Count(err.Error(), "recover container con1"), "%v", err)
	assert.Contains(t, err.Error(), ", as recorded in "+filepath.Join(n.opts.CacheDir, "pending", "b+con1+eth1+"))
	n.failing()
	_, err = n.Recover(t.Context())
	require.NoError(t, err)
	assert.Empty(t, n.state())
	n.nothingLeft()
}

// What Open has found is logged, each with its fields: what it could clean up for the
// record, what it could not for the operator.
func TestOpenLogsLeftovers(t *testing.T) {
	n := newNode(t, "a", "b")
	require.True(t, n.crash(3, false, func() { _, _ = n.Attach(t.Context(), pod("con1", "a", "b")) }))
	logged := n.logTo()
	n.failing("DEL a")
	n.open()
	dir := n.opts.CacheDir
	lines := logged.lines()
	require.Len(t, lines, 2)
	assert.Regexp(t, `^level=INFO msg="podnet: what an earlier operation has left is detached" containerID=con1 network=b ifname=eth1 path=`+dir+`/pending/b[+]con1[+]eth1[+]\S* recorded=false$`, lines[0])
	assert.Regexp(t, `^level=WARN msg="podnet: what .* cannot be detached now" containerID=con1 network=a ifname=eth0 path=`+dir+`/results/a-con1-eth0 recorded=true error\.op=recover error\.containerID=con1 `, lines[1])
	assert.Contains(t, lines[1], "DEL a is broken")

	n.failing()
	require.NoError(t, n.Close())
	n.open()
	lines = logged.lines()
	require.Len(t, lines, 1)
	assert.Contains(t, lines[0], "level=INFO")
	require.NoError(t, n.Close())
	n.open()
	assert.Empty(t, logged.lines(), "nothing was left")
}

// An Attach that goes on beside what it could not clean up says so.
func TestAttachLogsWhatItCouldNotCleanUp(t *testing.T) {
	n := newNode(t, "a", "b", "c")
	n.failing("ADD b", "DEL a")
	_, err := n.Attach(t.Context(), pod("con1", "a", "b"))
	require.Error(t, err)
	require.NoError(t, n.Close())
	logged := n.logTo()
	n.open()
	logged.lines()
	_, err = n.Attach(t.Context(), pod("con1", "c"))
	require.NoError(t, err)
	require.NoError(t, n.Detach(t.Context(), "con1", "c"))
	lines := logged.lines()
	require.Len(t, lines, 2, "%v", lines)
	for _, line := range lines {
		assert.Contains(t, line, "network=a ifname=eth0")
		assert.Contains(t, line, "DEL a is broken")
	}
}

func TestForget(t *testing.T) {
	n := newNode(t, "a", "b", "c")
	_, err := n.Attach(t.Context(), pod("con1", "a"))
	require.NoError(t, err)
	n.failing("ADD c", "DEL b", "DEL c")
	_, err = n.Attach(t.Context(), pod("con1", "b", "c"))
	require.Error(t, err)
	require.Error(t, n.Detach(t.Context(), "con1", "b"))

	left, err := n.Forget(t.Context(), "con1", "b")
	require.NoError(t, err)
	require.Equal(t, []string{"con1:b/eth1"}, keys(left))
	assert.ErrorContains(t, left[0].Err, "forget container con1 network b interface eth1, as recorded in "+filepath.Join(n.opts.CacheDir, "results", "b-con1-eth1"))
	assert.ErrorContains(t, left[0].Err, "DEL b is broken")
	assert.Equal(t, []string{"a/eth0"}, n.attached("con1"), "another network is not touched")
	err = n.Check(t.Context(), "con1")
	require.ErrorIs(t, err, podnet.ErrUnfinished, "another leftover neither")
	assert.ErrorContains(t, err, "network c interface eth2")

	left, err = n.Forget(t.Context(), "con1", "c")
	require.NoError(t, err)
	require.Equal(t, []string{"con1:c/eth2"}, keys(left))
	require.NoError(t, n.Check(t.Context(), "con1"))
	n.failing()
	assert.Subset(t, n.state(), []string{"b con1 eth1 first", "a con1 eth0 first"}, "what its plugins made is still there")
	_, err = n.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{{ContainerID: "con1"}}})
	require.NoError(t, err)
	assert.Equal(t, []string{"a con1 eth0 first", "a con1 eth0 second"}, n.state(), "the plugins' GC finds it")

	got, err := n.Attach(t.Context(), pod("con1", "b"))
	require.NoError(t, err)
	assert.Equal(t, []string{"b/eth1"}, names(got))
	left, err = n.Forget(t.Context(), "con1")
	require.NoError(t, err)
	assert.Equal(t, []string{"con1:b/eth1", "con1:a/eth0"}, keys(left))
	for _, l := range left {
		assert.NoError(t, l.Err, "its plugins were asked, and did it")
	}
	assert.Empty(t, n.state())
	n.nothingLeft()
	left, err = n.Forget(t.Context(), "never-seen")
	require.NoError(t, err)
	assert.Empty(t, left)
}

// What is given up is logged at once: the process may not come to return it.
func TestForgetLogs(t *testing.T) {
	n := newNode(t, "a", "b")
	require.NoError(t, n.Close())
	logged := n.logTo()
	n.open()
	_, err := n.Attach(t.Context(), pod("con1", "a", "b"))
	require.NoError(t, err)
	n.failing("DEL a")
	_, err = n.Forget(t.Context(), "con1")
	require.NoError(t, err)
	lines := logged.lines()
	require.Len(t, lines, 1)
	assert.Regexp(t, `^level=WARN msg="podnet: an attachment is given up, .*" containerID=con1 network=a ifname=eth0 path=.*DEL a is broken`, lines[0])
}

func TestForgetDamagedRecord(t *testing.T) {
	n := newNode(t, "a", "b")
	_, err := n.Attach(t.Context(), pod("con1", "a", "b"))
	require.NoError(t, err)
	results := filepath.Join(n.opts.CacheDir, "results")
	writeFile(t, filepath.Join(results, "a-con1-eth0"), "{")
	writeFile(t, filepath.Join(results, "gone-con1-eth0"), "{")
	n.failing("DEL a")
	require.ErrorContains(t, n.Detach(t.Context(), "con1"), "DEL a is broken")

	left, err := n.Forget(t.Context(), "con1")
	var damaged *libcni.RecordError
	require.ErrorAs(t, err, &damaged)
	assert.Equal(t, filepath.Join(results, "gone-con1-eth0"), damaged.Path, "nobody knows that network")
	require.Equal(t, []string{"con1:a/eth0"}, keys(left))
	assert.Error(t, left[0].Err)
	assert.NoFileExists(t, filepath.Join(results, "a-con1-eth0"))
	require.NoError(t, os.Remove(damaged.Path))
	_, err = n.Attach(t.Context(), pod("con1", "b"))
	require.NoError(t, err)
}

// Whoever gives up has to have tried: what a context did not leave the time for
// stays.
func TestForgetStopsWithItsContext(t *testing.T) {
	n := newNode(t, "a", "b")
	_, err := n.Attach(t.Context(), pod("con1", "a", "b"))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	n.before = func(_ context.Context, r request) error {
		if r.network == "a" {
			cancel()
			return errors.New("no")
		}
		return errors.New("never")
	}
	left, err := n.Forget(ctx, "con1")
	require.Error(t, err)
	assert.Equal(t, []string{"con1:b/eth1"}, keys(left))
	assert.Equal(t, []string{"a/eth0"}, n.attached("con1"))
	_, err = n.Forget(ctx, "con1")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, n.Check(t.Context(), "con1"), podnet.ErrUnfinished, "half of it may be gone")
	require.NoError(t, n.Close())
	_, err = n.Forget(t.Context(), "con1")
	require.ErrorIs(t, err, podnet.ErrClosed)
	assert.Contains(t, fmt.Sprintf("%+v", err), "forget container con1")
}

// What a Forget that died has not come to is finished as a Detach is: nobody takes for
// an attachment what may be half of one.
func TestForgetThatDied(t *testing.T) {
	n := newNode(t, "a", "b")
	_, err := n.Attach(t.Context(), pod("con1", "a", "b"))
	require.NoError(t, err)
	require.True(t, n.crash(1, true, func() { _, _ = n.Forget(t.Context(), "con1", "b") }))
	require.Equal(t, []string{"a/eth0", "b/eth1"}, n.attached("con1"))
	n.open()
	assert.Equal(t, []string{"a/eth0"}, n.attached("con1"))
	require.NoError(t, n.Check(t.Context(), "con1"))
	require.NoError(t, n.Detach(t.Context(), "con1"))
	assert.Empty(t, n.state())
	n.nothingLeft()
}

// Somebody who does not know of podnet's locks makes an attachment while it is about to
// be made here. It is not taken for what a failed Attach has left.
func TestAttachmentOfSomebodyElseMeanwhile(t *testing.T) {
	n := newNode(t, "a", "b")
	_, err := n.Attach(t.Context(), pod("con1", "a", "b"))
	require.NoError(t, err)
	path := filepath.Join(n.opts.CacheDir, "results", "b-con1-eth1")
	record, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, n.Detach(t.Context(), "con1"))
	n.before = func(_ context.Context, r request) error {
		if r.verb == "ADD" && r.network == "a" {
			return os.WriteFile(path, record, 0o600)
		}
		return nil
	}
	_, err = n.Attach(t.Context(), pod("con1", "a", "b"))
	require.ErrorIs(t, err, libcni.ErrAlreadyAttached)
	left, err := n.Recover(t.Context())
	require.NoError(t, err)
	assert.Empty(t, left)
	assert.Equal(t, []string{"b/eth1"}, n.attached("con1"))
}
