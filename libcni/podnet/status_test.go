package podnet_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/types"
)

func TestStatus(t *testing.T) {
	n := newNode(t, "ready", "limited", "full", "old@0.4.0", "broken", "gone")
	require.NoError(t, os.WriteFile(filepath.Join(n.opts.ConfDir, "99-bad.conflist"), []byte(`{"name":"bad","plugins":[{}]}`), 0o600))
	conf := `{"cniVersion":"1.0.0","name":"missing","plugins":[{"type":"third"}]}`
	require.NoError(t, os.WriteFile(filepath.Join(n.opts.ConfDir, "98-missing.conflist"), []byte(conf), 0o600))
	n.uninstall(true, "third")
	_, err := n.Reload(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"third"}, n.Config().Missing)
	n.before = func(_ context.Context, r request) error {
		switch r.network + "/" + r.plugin {
		case "limited/second":
			return types.NewError(types.ErrLimitedConnectivity, "slow", "")
		case "full/first":
			return types.NewError(types.ErrPluginNotAvailable, "no addresses", "")
		case "full/second":
			return types.NewError(types.ErrLimitedConnectivity, "slow", "")
		case "broken/first":
			return types.NewError(types.ErrIOFailure, "disk", "")
		}
		return nil
	}
	got, err := n.Status(t.Context())
	require.NoError(t, err)
	type line struct {
		name   string
		state  podnet.State
		first  podnet.State
		second podnet.State
	}
	var lines []line
	for _, s := range got {
		l := line{name: s.Name, state: s.State}
		if len(s.Plugins) == 2 {
			l.first, l.second = s.Plugins[0].State, s.Plugins[1].State
		}
		lines = append(lines, l)
		assert.Equal(t, s.State <= podnet.Unknown, s.Err == nil, s.Name)
	}
	assert.Equal(t, []line{
		{"ready", podnet.Ready, podnet.Ready, podnet.Ready},
		{"limited", podnet.Limited, podnet.Ready, podnet.Limited},
		{"full", podnet.NotAvailable, podnet.NotAvailable, podnet.Limited},
		{"old", podnet.Unknown, podnet.Unknown, podnet.Unknown},
		{"broken", podnet.Failed, podnet.Failed, podnet.Ready},
		{"gone", podnet.Ready, podnet.Ready, podnet.Ready},
		{"missing", podnet.Failed, 0, 0},
		{"bad", podnet.BadConfig, 0, 0},
	}, lines)
	var failed *invoke.PluginError
	require.ErrorAs(t, got[2].Err, &failed)
	assert.Equal(t, "first", failed.Plugin)
	require.ErrorIs(t, got[6].Err, invoke.ErrPluginNotFound)
	var bad *libcni.ConfError
	require.ErrorAs(t, got[7].Err, &bad)
	assert.Equal(t, "not available", got[2].State.String())
	assert.Equal(t, "State(9)", podnet.State(9).String())
}

// A network stays in use when its file goes bad, and both are said.
func TestStatusOfAKeptNetwork(t *testing.T) {
	n := newNode(t, "a")
	got, err := n.Status(t.Context())
	require.NoError(t, err)
	require.Len(t, got, 1)
	writeFile(t, got[0].File, `{"cniVersion":"1.1.0","name":"a","plugins":[`)
	_, err = n.Reload(t.Context())
	require.NoError(t, err)
	got, err = n.Status(t.Context())
	require.NoError(t, err)
	require.Len(t, got, 2)
	assert.Equal(t, podnet.Ready, got[0].State)
	assert.Equal(t, podnet.BadConfig, got[1].State)
	assert.Equal(t, got[0].File, got[1].File)

	require.NoError(t, os.Remove(got[0].File))
	_, err = n.Reload(t.Context())
	require.NoError(t, err)
	got, err = n.Status(t.Context())
	require.NoError(t, err)
	assert.Empty(t, got)
}

// A plugin that has not answered STATUS in time runs on; Close waits for it.
func TestCloseWaitsForStatus(t *testing.T) {
	n := newNode(t, "a")
	require.NoError(t, n.Close())
	n.opts.Timeouts.Status = 20 * time.Millisecond
	n.open()
	goOn := make(chan struct{})
	var ended atomic.Bool
	n.before = func(_ context.Context, r request) error {
		if r.plugin == "first" {
			<-goOn
			ended.Store(true)
		}
		return nil
	}
	got, err := n.Status(t.Context())
	require.NoError(t, err)
	require.ErrorIs(t, got[0].Err, context.DeadlineExceeded)
	time.AfterFunc(20*time.Millisecond, func() { close(goOn) })
	require.NoError(t, n.Close())
	assert.True(t, ended.Load())
}

// A STATUS that hangs, whatever its context says, ends at its deadline, is shared by
// all who ask meanwhile, and holds up nobody else.
func TestStatusHangs(t *testing.T) {
	n := newNode(t, "a", "b")
	require.NoError(t, n.Close())
	n.opts.Timeouts.Status = 300 * time.Millisecond
	n.opts.MaxPlugins = 1
	n.open()
	asked, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	n.before = func(_ context.Context, r request) error {
		if r.verb == "STATUS" && r.network == "a" && r.plugin == "first" {
			once.Do(func() { close(asked) })
			<-goOn
		} else if r.verb == "STATUS" {
			<-asked // it hangs before anybody answers
		}
		return nil
	}
	defer close(goOn)
	type answer struct {
		networks []podnet.NetworkStatus
		err      error
	}
	answers := make(chan answer, 5)
	for range cap(answers) {
		go func() {
			networks, err := n.Status(t.Context())
			answers <- answer{networks, err}
		}()
	}
	<-asked
	// Nobody waits for it.
	_, err := n.Attach(t.Context(), pod("con1"))
	require.NoError(t, err)
	require.NoError(t, n.Detach(t.Context(), "con1"))
	_, err = n.Reload(t.Context())
	require.NoError(t, err)
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = n.Status(impatient)
	require.ErrorIs(t, err, context.Canceled)

	for range cap(answers) {
		a := <-answers
		require.NoError(t, a.err)
		require.Len(t, a.networks, 2)
		assert.Equal(t, podnet.Failed, a.networks[0].State)
		require.ErrorIs(t, a.networks[0].Err, context.DeadlineExceeded)
		assert.Equal(t, podnet.Ready, a.networks[0].Plugins[1].State)
		assert.Equal(t, podnet.Ready, a.networks[1].State)
	}
	asks := 0
	for _, run := range n.take() {
		if run == "STATUS a first" {
			asks++
		}
	}
	assert.Equal(t, 1, asks, "one answer for all")
}
