package podnet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// hanging is an Exec whose plugins hang until their contexts end, but for ADD to the
// networks a and b.
type hanging struct{ version.PluginDecoder }

func (*hanging) FindInPath(plugin string, _ []string) (string, error) {
	return "/plugins/" + plugin, nil
}

func (*hanging) ExecPlugin(ctx context.Context, _ string, stdin []byte, environ []string) ([]byte, error) {
	if slices.Contains(environ, "CNI_COMMAND=ADD") && !strings.Contains(string(stdin), `"name":"c"`) {
		return []byte(`{"cniVersion":"1.1.0"}`), nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// openHanging opens a manager of networks with hanging plugins.
func openHanging(t *testing.T, timeouts Timeouts, networks ...string) *Manager {
	t.Helper()
	dir := t.TempDir()
	for _, name := range networks {
		write(t, `{"cniVersion":"1.1.0","name":"`+name+`","plugins":[{"type":"first"},{"type":"second"}]}`, dir, "net.d", name+".conflist")
	}
	m, err := Open(t.Context(), Options{
		ConfDir: filepath.Join(dir, "net.d"), CacheDir: filepath.Join(dir, "cache"), Exec: &hanging{},
		NoLoopback: true, Timeouts: timeouts, NoWatch: true,
	})
	require.NoError(t, err)
	return m
}

// Each verb has a bound of its own, for callers without a deadline too.
func TestTimeoutsBoundEachVerb(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := openHanging(t, Timeouts{
			Add: 3 * time.Second, Check: 5 * time.Second, Del: 7 * time.Second, GC: 11 * time.Second, Status: 13 * time.Second,
		}, "a", "c")
		defer m.Close()
		took := func(want time.Duration, do func() error) {
			t.Helper()
			start := time.Now()
			require.ErrorIs(t, do(), context.DeadlineExceeded)
			assert.Equal(t, want, time.Since(start))
		}
		attach := func(network string) error {
			_, err := m.Attach(t.Context(), Pod{ID: "con1", NetNS: "/proc/self/ns/net", Networks: []Network{{Name: network}}})
			return err
		}
		require.NoError(t, attach("a"))
		took(5*time.Second, func() error { return m.Check(t.Context(), "con1") })
		took(11*time.Second, func() error {
			_, err := m.GC(t.Context(), GCArgs{Valid: []types.GCAttachment{{ContainerID: "con1"}}})
			return err
		})
		took(3*time.Second+7*time.Second, func() error { return attach("c") })
		took(13*time.Second, func() error {
			status, err := m.Status(t.Context())
			require.NoError(t, err)
			return status[0].Err
		})
	})
}

// patient is an Exec whose plugins take a second, and that notes when which one began.
type patient struct {
	version.PluginDecoder
	start time.Time
	mu    sync.Mutex
	began []string
}

func (*patient) FindInPath(plugin string, _ []string) (string, error) {
	return "/plugins/" + plugin, nil
}

func (p *patient) ExecPlugin(_ context.Context, _ string, _ []byte, environ []string) ([]byte, error) {
	var verb, id string
	for _, v := range environ {
		if value, ok := strings.CutPrefix(v, "CNI_COMMAND="); ok {
			verb = value
		} else if value, ok := strings.CutPrefix(v, "CNI_CONTAINERID="); ok {
			id = " " + value
		}
	}
	p.mu.Lock()
	p.began = append(p.began, fmt.Sprint(time.Since(p.start), " ", verb, id))
	p.mu.Unlock()
	time.Sleep(time.Second)
	return []byte(`{"cniVersion":"1.1.0"}`), nil
}

// Who waits for another operation of this process begins as soon as that ends, in the
// order in which they came, and GC runs alone. (Between processes they look now and then.)
func TestOperationsTakeTurns_R28_R29(t *testing.T) {
	dir := t.TempDir()
	write(t, `{"cniVersion":"1.1.0","name":"a","plugins":[{"type":"first"}]}`, dir, "net.d", "a.conflist")
	synctest.Test(t, func(t *testing.T) {
		exec := &patient{start: time.Now()}
		m, err := Open(t.Context(), Options{
			ConfDir: filepath.Join(dir, "net.d"), CacheDir: filepath.Join(dir, "cache"), Exec: exec, NoLoopback: true, NoWatch: true,
		})
		require.NoError(t, err)
		defer m.Close()
		attach := func(id string) func() error {
			return func() error {
				_, err := m.Attach(t.Context(), Pod{ID: id, NetNS: "/proc/self/ns/net"})
				return err
			}
		}
		check := func(id string) func() error { return func() error { return m.Check(t.Context(), id) } }
		gc := func() error {
			_, err := m.GC(t.Context(), GCArgs{Valid: []types.GCAttachment{{ContainerID: "con1"}, {ContainerID: "con2"}, {ContainerID: "con3"}}})
			return err
		}
		for _, do := range []func() error{
			attach("con1"), check("con1"), attach("con2"), check("con1"), gc, check("con2"), attach("con3"), gc, check("con3"), check("con1"),
		} {
			go func() { assert.NoError(t, do()) }()
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		slices.Sort(exec.began)
		assert.Equal(t, []string{
			"0s ADD con1", "0s ADD con2", "1s GC ", "2s ADD con3", "3s GC ",
			"4s CHECK con1", "4s CHECK con2", "4s CHECK con3", "5s CHECK con1", "6s CHECK con1",
		}, exec.began)
	})
}

// A negative timeout is none; STATUS and what undoes a failed Attach are bounded all the
// same.
func TestNoTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := openHanging(t, Timeouts{Add: -1, Check: -1, Del: -1, GC: -1, Status: -1}, "a", "c")
		defer m.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		start := time.Now()
		status, err := m.Status(ctx)
		require.NoError(t, err)
		require.ErrorIs(t, status[0].Err, context.DeadlineExceeded)
		assert.Equal(t, 10*time.Second, time.Since(start))
		start = time.Now()
		_, err = m.Attach(ctx, Pod{ID: "con1", NetNS: "/proc/self/ns/net", Networks: []Network{{Name: "c"}}})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 24*time.Hour-10*time.Second+time.Minute, time.Since(start))
	})
}

// Who shares an answer of STATUS with others may edit it.
func TestStatusAnswerIsACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := openHanging(t, Timeouts{}, "a")
		defer m.Close()
		answers := make(chan []NetworkStatus, 2)
		for range cap(answers) {
			go func() {
				status, err := m.Status(t.Context())
				assert.NoError(t, err)
				answers <- status
			}()
		}
		one, other := <-answers, <-answers
		assert.Equal(t, one, other)
		one[0].State, one[0].Plugins[0].State = Ready, Ready
		assert.Equal(t, Failed, other[0].State)
		assert.Equal(t, Failed, other[0].Plugins[0].State)
	})
}

// What Timeouts promise: Attach has returned when its context has ended and Del has
// passed for each of its networks, however many of their plugins hang; Detach when
// Del has for each. (These plugins end with their contexts: RawExec.Grace is invoke's.)
func TestTimeoutsBoundAttachAndDetach(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		write(t, `{"cniVersion":"1.1.0","name":"`+name+`","plugins":[{"type":"first"},{"type":"second"}]}`, dir, "net.d", name+".conflist")
	}
	synctest.Test(t, func(t *testing.T) {
		m, err := Open(t.Context(), Options{
			ConfDir: filepath.Join(dir, "net.d"), CacheDir: filepath.Join(dir, "cache"), Exec: &hanging{},
			NoLoopback: true, Timeouts: Timeouts{Del: 7 * time.Second}, NoWatch: true,
		})
		require.NoError(t, err)
		defer m.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		_, err = m.Attach(ctx, Pod{ID: "con1", NetNS: "/proc/self/ns/net", Networks: []Network{{Name: "a"}, {Name: "b"}, {Name: "c"}}})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 10*time.Second+3*7*time.Second, time.Since(start))

		start = time.Now()
		require.ErrorIs(t, m.Detach(t.Context(), "con1"), context.DeadlineExceeded)
		assert.Equal(t, 3*7*time.Second, time.Since(start))
		start = time.Now()
		require.ErrorIs(t, m.Detach(ctx, "con1"), context.DeadlineExceeded)
		assert.Zero(t, time.Since(start), "within the caller's context")
	})
	entries, err := os.ReadDir(filepath.Join(dir, "cache", "results"))
	require.NoError(t, err)
	assert.Len(t, entries, 2, "what could not be undone stays on record")
}
