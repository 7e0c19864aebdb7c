package podnet_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/types"
)

func TestClose(t *testing.T) {
	n := newNode(t, "a")
	entered, goOn := make(chan struct{}), make(chan struct{})
	n.before = func(_ context.Context, r request) error {
		if r.plugin == "first" && r.verb == "ADD" {
			close(entered)
			<-goOn
		}
		return nil
	}
	attached := make(chan error, 1)
	go func() {
		_, err := n.Attach(t.Context(), pod("con1"))
		attached <- err
	}()
	<-entered
	closed := make(chan error)
	go func() { closed <- n.Close() }()
	select {
	case <-closed:
		t.Fatal("Close has not waited for Attach")
	case <-time.After(20 * time.Millisecond):
	}
	close(goOn)
	require.NoError(t, <-closed)
	require.NoError(t, <-attached)

	require.ErrorIs(t, n.Close(), podnet.ErrClosed)
	_, err := n.Attach(t.Context(), pod("con2"))
	require.ErrorIs(t, err, podnet.ErrClosed)
	require.ErrorIs(t, n.Detach(t.Context(), "con1"), podnet.ErrClosed)
	require.ErrorIs(t, n.Check(t.Context(), "con1"), podnet.ErrClosed)
	_, err = n.Status(t.Context())
	require.ErrorIs(t, err, podnet.ErrClosed)
	_, err = n.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{}})
	require.ErrorIs(t, err, podnet.ErrClosed)
	_, err = n.Reload(t.Context())
	require.ErrorIs(t, err, podnet.ErrClosed)
	assert.Len(t, n.Config().Networks, 1)
}

func TestNoGoroutinesLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 5 {
		m, err := podnet.Open(t.Context(), podnet.Options{ConfDir: t.TempDir(), CacheDir: t.TempDir(), PluginDirs: []string{t.TempDir()}})
		require.NoError(t, err)
		_, err = m.Status(t.Context())
		require.NoError(t, err)
		require.NoError(t, m.Close())
	}
	// What a goroutine does last, nobody can wait for.
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
		runtime.Gosched()
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), before)
}

func TestOpenEndsWithItsContext(t *testing.T) {
	n := newNode(t, "a")
	require.True(t, n.crash(1, false, func() { _, _ = n.Attach(t.Context(), pod("con1")) }))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := podnet.Open(ctx, n.opts)
	require.ErrorIs(t, err, context.Canceled)
	n.open()
	n.nothingLeft()
}

// Operations on one container take turns, those on several do not; how many plugins
// run is bounded. The world watches the former.
func TestParallel_R28(t *testing.T) {
	n := newNode(t, "a", "b")
	require.NoError(t, n.Close())
	n.opts.MaxPlugins = 4
	n.open()
	var running, most atomic.Int32
	n.before = func(context.Context, request) error {
		now := running.Add(1)
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
		time.Sleep(time.Millisecond) // so that there is something to overlap with
		running.Add(-1)
		return nil
	}
	var all sync.WaitGroup
	for c := range 12 {
		id := fmt.Sprintf("con%d", c)
		for i := range 3 {
			all.Go(func() {
				_, err := n.Attach(asOp(t.Context(), fmt.Sprint("attach", c, i)), pod(id, fmt.Sprintf("a/net%d", i), fmt.Sprintf("b/b%d", i)))
				assert.NoError(t, err)
			})
			all.Go(func() { _ = n.Check(asOp(t.Context(), fmt.Sprint("check", c, i)), id) })
		}
	}
	all.Wait()
	assert.Equal(t, int32(4), most.Load())
	for c := range 12 {
		assert.Len(t, n.attached(fmt.Sprintf("con%d", c)), 6)
	}
}

// Two managers on one cache directory are as two processes: the world sees that
// their operations on one container, and GC, exclude each other.
func TestTwoManagers(t *testing.T) {
	n := newNode(t, "a", "b")
	second, err := podnet.Open(t.Context(), n.opts)
	require.NoError(t, err)
	defer second.Close()
	managers := []*podnet.Manager{n.Manager, second}
	var all sync.WaitGroup
	for c := range 4 {
		id := fmt.Sprintf("con%d", c)
		for i, m := range managers {
			all.Go(func() {
				for round := range 10 {
					op := fmt.Sprint(id, i, round)
					_, err := m.Attach(asOp(t.Context(), "attach"+op), pod(id, fmt.Sprintf("a/m%d", i)))
					assert.NoError(t, err)
					assert.NoError(t, m.Check(asOp(t.Context(), "check"+op), id))
					if i == 0 {
						_, err := m.Attach(asOp(t.Context(), "attach2"+op), pod(id, "b/b0"))
						assert.NoError(t, err)
						assert.NoError(t, m.Detach(asOp(t.Context(), "detach"+op), id, "b"))
					}
					// By its own interface only: the other manager's stays.
					_, err = m.GC(asOp(t.Context(), "gc"+op), podnet.GCArgs{Valid: []types.GCAttachment{
						{ContainerID: "con0"}, {ContainerID: "con1"}, {ContainerID: "con2"}, {ContainerID: "con3"},
					}})
					assert.NoError(t, err)
					if round < 9 {
						assert.NoError(t, detachInterface(m, asOp(t.Context(), "gc-one"+op), id, fmt.Sprintf("m%d", i)))
					}
				}
			})
		}
	}
	all.Wait()
	for c := range 4 {
		assert.ElementsMatch(t, []string{"a/m0", "a/m1"}, n.attached(fmt.Sprintf("con%d", c)))
	}
	assert.Len(t, n.state(), 16)
}

// detachInterface detaches by GC what is not valid any more.
func detachInterface(m *podnet.Manager, ctx context.Context, id, ifname string) error {
	valid := []types.GCAttachment{}
	for c := range 4 {
		for _, name := range []string{"m0", "m1", "b0"} {
			if other := fmt.Sprintf("con%d", c); other != id || name != ifname {
				valid = append(valid, types.GCAttachment{ContainerID: other, IfName: name})
			}
		}
	}
	_, err := m.GC(ctx, podnet.GCArgs{Valid: valid})
	return err
}

func TestConfigIsFollowed(t *testing.T) {
	n := newNode(t, "b")
	require.NoError(t, n.Close())
	changes := make(chan *podnet.Config, 10)
	n.opts.OnChange = func(c *podnet.Config) { changes <- c }
	n.open()
	before := n.Config()
	n.configure(0, "a", "")
	c := <-changes
	for len(c.Networks) != 2 {
		c = <-changes
	}
	assert.Equal(t, c, n.Config())
	assert.Len(t, before.Networks, 1, "a snapshot does not change")
	got, err := n.Attach(t.Context(), pod("con1"))
	require.NoError(t, err)
	assert.Equal(t, []string{"a/eth0"}, names(got), "the default network, by the file's name")
}

// A configuration is its reader's: whoever edits it changes nothing for the manager, or
// for another reader.
func TestConfigIsACopy(t *testing.T) {
	n := newNode(t, "a", "b")
	require.NoError(t, n.Close())
	changes := make(chan *podnet.Config, 10)
	n.opts.OnChange = func(c *podnet.Config) { changes <- c }
	n.open()
	n.configure(2, "c", "")
	reloaded, err := n.Reload(t.Context())
	require.NoError(t, err)
	want := n.Config()
	text, file := string(want.Networks[0].Bytes), want.Networks[0].PluginFiles[0]
	for _, c := range []*podnet.Config{reloaded, n.Config(), <-changes} {
		require.Equal(t, want, c)
		list := c.Networks[0].NetworkConfigList
		list.Name, list.CNIVersion, list.Bytes[0] = "x", "0.1.0", '['
		p := list.Plugins[1]
		p.Network.Type, p.Bytes[0], p.Network.Capabilities["mac"] = "x", '[', false
		c.Networks[0].PluginFiles[0] = "x"
		list.Plugins[0] = nil
		c.Networks[1] = nil
		c.Networks, c.Missing = c.Networks[:1], []string{"first"}
		assert.Equal(t, want, n.Config())
		assert.Equal(t, text, string(n.Config().Networks[0].Bytes))
		assert.Equal(t, file, n.Config().Networks[0].PluginFiles[0])
	}
	p := pod("con1", "a", "b")
	p.Capabilities.MAC = []byte{2, 0, 0, 0, 0, 1}
	got, err := n.Attach(t.Context(), p)
	require.NoError(t, err)
	assert.Equal(t, []string{"a/eth0", "b/eth1"}, names(got))
	assert.Equal(t, map[string]any{"mac": "02:00:00:00:00:01"}, n.requests[1].conf["runtimeConfig"])
}

// seeing is a world that keeps the environment of its last plugin.
type seeing struct {
	*world
	environ []string
}

func (s *seeing) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	s.environ = environ
	return s.world.ExecPlugin(ctx, path, stdin, environ)
}

// What Options say counts, also when the caller goes on to use the slices.
func TestOptions(t *testing.T) {
	n := newNode(t, "a", "b")
	require.NoError(t, n.Close())
	exec := &seeing{world: n.world}
	var observed []string
	n.opts.Exec, n.opts.IfPrefix = exec, "net"
	n.opts.Env = invoke.EnvPolicy{Allow: []string{}, Set: []string{"A=1"}}
	n.opts.Observer = &invoke.Observer{End: func(_ context.Context, call *invoke.Call, outcome *invoke.Outcome) {
		observed = append(observed, call.Command+" "+call.Plugin)
	}}
	n.open()
	n.opts.PluginDirs[0], n.opts.Env.Set[0] = "/elsewhere", "A=2"

	got, err := n.Attach(t.Context(), pod("con1", "b", "a"))
	require.NoError(t, err)
	assert.Equal(t, []string{"b/net0", "a/net1"}, names(got))
	assert.Equal(t, []string{"ADD first", "ADD second", "ADD first", "ADD second"}, observed)
	assert.Equal(t, []string{"A=1", "CNI_ARGS=", "CNI_COMMAND=ADD", "CNI_CONTAINERID=con1", "CNI_IFNAME=net1",
		"CNI_NETNS=/proc/self/ns/net", "CNI_PATH=/plugins"}, exec.environ)
	n.uninstall(true, "second")
	var missing *invoke.NotFoundError
	_, err = n.Attach(t.Context(), pod("con2"))
	require.ErrorAs(t, err, &missing)
	assert.Equal(t, []string{"/plugins"}, missing.Dirs)
}

func TestUndeliveredCapabilitiesAreLogged(t *testing.T) {
	n := newNode(t, "a")
	require.NoError(t, n.Close())
	var logged bytes.Buffer
	n.opts.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	n.open()
	p := pod("con1")
	p.Capabilities = types.Capabilities{CgroupPath: "/x", MAC: []byte{2, 0, 0, 0, 0, 1}}
	_, err := n.Attach(t.Context(), p)
	require.NoError(t, err)
	assert.Contains(t, logged.String(), "containerID=con1 capabilities=[cgroupPath]", "of no network in particular")
	logged.Reset()
	p = pod("con2", "a")
	p.Networks[0].Capabilities.CgroupPath = "/x"
	_, err = n.Attach(t.Context(), p)
	require.NoError(t, err)
	assert.Contains(t, logged.String(), "containerID=con2 network=a capabilities=[cgroupPath]")
}

// The configured network comes first, and is not the default one; the records are
// those of any runtime.
func TestLoopback(t *testing.T) {
	for _, test := range []struct{ name, conf, want string }{
		{name: "none configured", want: "cni-loopback"},
		{name: "configured", conf: `{"cniVersion":"0.4.0","name":"mylo","type":"loopback"}`, want: "mylo"},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := newNode(t, "b")
			require.NoError(t, n.Close())
			if test.conf != "" {
				require.NoError(t, os.WriteFile(filepath.Join(n.opts.ConfDir, "00-lo.conf"), []byte(test.conf), 0o600))
			}
			n.opts.NoLoopback = false
			n.open()
			p := pod("con1")
			p.NetNS = filepath.Join(t.TempDir(), "none")
			_, err := n.Attach(t.Context(), p)
			var at *podnet.Error
			require.ErrorAs(t, err, &at)
			assert.Equal(t, test.want, at.Network, "it comes first, and there is no such namespace")
			assert.Equal(t, "lo", at.IfName)
			assert.Empty(t, n.take(), "in this process, and nothing after it")
			n.nothingLeft()

			_, err = n.Attach(t.Context(), pod("con1", "b/lo"))
			require.ErrorIs(t, err, podnet.ErrInterfaceInUse)
		})
	}
}
