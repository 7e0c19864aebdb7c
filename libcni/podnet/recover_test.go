package podnet_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/libcni/podnet"
)

// crash lets the process of the manager die at the nth plugin run of do, before or
// after its effect. As far as disk and plugins can tell: nothing that comes after it
// is done, and the locks go.
func (n *node) crash(at int, after bool, do func()) (crashed bool) {
	n.Helper()
	var runs atomic.Int32
	count := func(context.Context, request) error {
		if int(runs.Add(1)) > at {
			n.die()
		}
		if n.isDead() {
			runtime.Goexit()
		}
		return nil
	}
	n.before, n.after = count, nil
	if after {
		n.before, n.after = nil, count
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	<-done
	n.before, n.after = nil, nil
	if !n.revive() {
		return false
	}
	require.NoError(n, n.Close())
	n.untilUnlocked()
	return true
}

// untilUnlocked waits until the files are closed that the dead goroutines had
// open: a dead process's are closed at once.
func (n *node) untilUnlocked() {
	n.Helper()
	cni := libcni.New(nil, libcni.Options{CacheDir: n.opts.CacheDir})
	for range 1000 {
		pending, err := cni.Pending(libcni.AttachmentKey{})
		require.NoError(n, err)
		running := false
		for _, p := range pending {
			running = running || p.Running
		}
		if !running {
			return
		}
		runtime.GC()
		runtime.Gosched()
	}
	n.Fatal("locks of the dead stay")
}

// Wherever an Attach dies: nothing of it is left after the next Open, and nothing
// that was there before is gone.
func TestRecoverAttach(t *testing.T) {
	for _, after := range []bool{false, true} {
		for at := 0; ; at++ {
			n := newNode(t, "a", "b", "c")
			_, err := n.Attach(t.Context(), pod("con1", "a"))
			require.NoError(t, err)
			if !n.crash(at, after, func() { _, _ = n.Attach(t.Context(), pod("con1", "b", "c")) }) {
				assert.Equal(t, 4, at)
				break
			}
			n.open()
			assert.Equal(t, []string{"a/eth0"}, n.attached("con1"), "died at %d", at)
			assert.Equal(t, []string{"a con1 eth0 first", "a con1 eth0 second"}, n.state(), "died at %d", at)
			require.NoError(t, n.Check(t.Context(), "con1"))
			require.NoError(t, n.Detach(t.Context(), "con1"))
			n.nothingLeft()
		}
	}
}

// An Attach that dies while what an earlier Detach could not finish is still there
// takes nothing of it off the list.
func TestRecoverRemembersWhatWasLeftBefore(t *testing.T) {
	n := newNode(t, "a", "b")
	_, err := n.Attach(t.Context(), pod("con1", "a"))
	require.NoError(t, err)
	n.before = func(_ context.Context, r request) error {
		switch {
		case r.verb == "DEL" && r.network == "a":
			return assert.AnError
		case r.verb == "ADD" && r.plugin == "second":
			n.die()
			runtime.Goexit()
		}
		return nil
	}
	require.ErrorIs(t, n.Detach(t.Context(), "con1"), assert.AnError)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = n.Attach(t.Context(), pod("con1", "b"))
	}()
	<-done
	require.True(t, n.revive())
	n.before = nil
	require.NoError(t, n.Close())
	n.untilUnlocked()
	n.open()
	n.nothingLeft()
}

// Wherever a Detach dies, it is completed.
func TestRecoverDetach(t *testing.T) {
	for _, after := range []bool{false, true} {
		for at := 0; ; at++ {
			n := newNode(t, "a", "b", "c")
			_, err := n.Attach(t.Context(), pod("con1", "a", "b", "c"))
			require.NoError(t, err)
			if !n.crash(at, after, func() { _ = n.Detach(t.Context(), "con1", "b", "c") }) {
				assert.Equal(t, 4, at)
				break
			}
			n.open()
			assert.Equal(t, []string{"a/eth0"}, n.attached("con1"), "died at %d", at)
			assert.Equal(t, []string{"a con1 eth0 first", "a con1 eth0 second"}, n.state(), "died at %d", at)
		}
	}
}

// What cannot be cleaned up is listed, does not keep Open from succeeding, and is
// cleaned up when it can be.
func TestRecoverLists(t *testing.T) {
	n := newNode(t, "a", "b")
	require.True(t, n.crash(3, false, func() { _, _ = n.Attach(t.Context(), pod("con1", "a", "b")) }))
	n.before = func(_ context.Context, r request) error {
		if r.verb == "DEL" && r.network == "a" {
			return assert.AnError
		}
		return nil
	}
	n.open()
	left, err := n.Recover(t.Context())
	require.ErrorIs(t, err, assert.AnError)
	require.Equal(t, []string{"con1:a/eth0"}, keys(left), "b is gone already")
	assert.True(t, left[0].Recorded)
	require.ErrorIs(t, left[0].Err, assert.AnError)

	n.before = nil
	left, err = n.Recover(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"con1:a/eth0"}, keys(left))
	left, err = n.Recover(t.Context())
	require.NoError(t, err)
	assert.Empty(t, left)
	assert.Empty(t, n.state())
	n.nothingLeft()
}

// Another process's operation that is under way is not taken for one that died.
func TestRecoverLeavesTheLivingAlone(t *testing.T) {
	n := newNode(t, "a", "b")
	half, goOn := make(chan struct{}), make(chan struct{})
	n.before = func(_ context.Context, r request) error {
		if r.verb == "ADD" && r.network == "b" && r.plugin == "first" {
			close(half)
			<-goOn
		}
		return nil
	}
	done := make(chan error)
	go func() {
		_, err := n.Attach(t.Context(), pod("con1", "a", "b"))
		done <- err
	}()
	<-half
	other, err := podnet.Open(t.Context(), n.opts)
	require.NoError(t, err)
	defer other.Close()
	left, err := other.Recover(t.Context())
	require.NoError(t, err)
	assert.Empty(t, left)
	close(goOn)
	require.NoError(t, <-done)
	assert.Equal(t, []string{"a/eth0", "b/eth1"}, n.attached("con1"))
	require.NoError(t, other.Detach(t.Context(), "con1"))
	n.nothingLeft()
}
