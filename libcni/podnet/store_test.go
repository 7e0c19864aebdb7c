package podnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
)

// followed is a store on real directories, and the configurations it published.
type followed struct {
	*testing.T
	*store
	root    string // of all that the test makes
	changes chan *Config
}

// hastyPace makes the tests fast. Nothing is found by rescanning.
var hastyPace = pace{
	quiet: 5 * time.Millisecond, patience: 100 * time.Millisecond, settle: 20 * time.Millisecond, reread: 20,
	rescan: time.Hour, blind: 10 * time.Millisecond,
}

// followDir begins to follow a directory below root, with plugins in root/bin.
func followDir(t *testing.T, root, dir string) *followed {
	return followAt(t, root, dir, hastyPace)
}

func followAt(t *testing.T, root, dir string, pace pace) *followed {
	f := &followed{T: t, root: root, changes: make(chan *Config, 100)}
	bin := filepath.Join(root, "bin")
	f.store = &store{
		dir: dir, plugins: []string{bin}, pace: pace,
		find: func(plugin string) error {
			_, err := os.Stat(filepath.Join(bin, plugin))
			return err
		},
		warn:    func(msg string, fields ...any) { t.Log("warning:", msg, fields) },
		changed: func(c *Config) { f.changes <- c },
	}
	f.open()
	t.Cleanup(f.close)
	return f
}

// until waits until a published configuration, or the current one, has these
// networks, each by its name and the bridge in it.
func (f *followed) until(want ...string) *Config {
	f.Helper()
	return f.untilTrue(fmt.Sprint(want), func(c *Config) bool {
		return fmt.Sprint(summary(c)) == fmt.Sprint(want)
	})
}

func (f *followed) untilTrue(what string, is func(*Config) bool) *Config {
	f.Helper()
	timeout := time.After(20 * time.Second)
	c := f.current.Load()
	for !is(c) {
		select {
		case c = <-f.changes:
		case <-timeout:
			f.Fatalf("not seen: %s; last: generation %d, %v, bad %v, missing %v, kept %v", what, c.Generation, summary(c), c.Bad, c.Missing, c.Kept)
		}
	}
	return c
}

func summary(c *Config) []string {
	s := []string{}
	for _, n := range c.Networks {
		for _, p := range n.Plugins {
			var rest = string(p.Bytes)
			_, rest, _ = strings.Cut(rest, `"bridge":"`)
			bridge, _, _ := strings.Cut(rest, `"`)
			s = append(s, n.Name+"/"+bridge)
		}
	}
	return s
}

func conflist(name, bridge string) string {
	return fmt.Sprintf(`{"cniVersion":"1.1.0","name":%q,"plugins":[{"type":"bridge","bridge":%q}]}`, name, bridge)
}

func write(t *testing.T, data string, path ...string) string {
	t.Helper()
	file := filepath.Join(path...)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(data), 0o644))
	return file
}

// A file that is being written is not taken for a bad one, however slowly it is
// written: what it held before stays, and nobody is told until it is whole.
func TestWatchHalfWritten(t *testing.T) {
	root := t.TempDir()
	file := write(t, conflist("a", "one"), root, "net.d", "10-a.conflist")
	patient := hastyPace
	patient.settle = 500 * time.Millisecond // the writer may be held up, too
	f := followAt(t, root, filepath.Join(root, "net.d"), patient)
	f.until("a/one")

	w, err := os.OpenFile(file, os.O_WRONLY|os.O_TRUNC, 0)
	require.NoError(t, err)
	text := conflist("a", "two")
	for i := 0; i < len(text); i += 10 {
		_, err = w.WriteString(text[i:min(i+10, len(text))])
		require.NoError(t, err)
		time.Sleep(2 * hastyPace.quiet) // the writer's slowness is what is tested
	}
	require.NoError(t, w.Close())
	f.until("a/two")
	for len(f.changes) > 0 {
		c := <-f.changes
		assert.Empty(t, c.Bad, "generation %d", c.Generation)
	}
}

// A directory that cannot be read leaves the configuration as it was, and says so.
func TestReloadThatFails(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "net.d")
	write(t, conflist("a", "one"), root, "real", "10-a.conflist")
	require.NoError(t, os.Symlink(filepath.Join(root, "real"), dir))
	f := followDir(t, root, dir)
	before := f.until("a/one")
	// At one stroke: a directory that does not exist for a moment is an empty one.
	require.NoError(t, os.Symlink(write(t, "a file", root, "file"), filepath.Join(root, "next")))
	require.NoError(t, os.Rename(filepath.Join(root, "next"), dir))
	c := f.untilTrue("an error", func(c *Config) bool { return c.Err != nil })
	assert.Equal(t, []string{"a/one"}, summary(c))
	assert.Greater(t, c.Generation, before.Generation)
	assert.NoError(t, before.Err, "a snapshot does not change")

	require.NoError(t, os.Remove(dir))
	write(t, conflist("a", "two"), dir, "10-a.conflist")
	assert.NoError(t, f.until("a/two").Err)
}

// Many changes in a row are one reload or a few, and none is lost.
func TestWatchDebounces(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "net.d")
	f := followDir(t, root, dir)
	const files = 200
	want := make([]string, files)
	for i := range files {
		write(t, conflist(fmt.Sprintf("n%03d", i), "x"), dir, fmt.Sprintf("%03d.conflist", i))
		want[i] = fmt.Sprintf("n%03d/x", i)
	}
	c := f.until(want...)
	assert.Less(t, c.Generation, uint64(files/2))
}

func TestReloadNow(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "net.d")
	f := followDir(t, root, dir)
	write(t, "{", dir, "10-a.conflist")
	c, err := f.reload(t.Context())
	require.NoError(t, err)
	assert.Len(t, c.Bad, 1, "asked for, it counts at once")

	again, err := f.reload(t.Context())
	require.NoError(t, err)
	assert.Same(t, c, again, "nothing has changed")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.stop()
	f.done.Wait()
	_, err = f.reload(ctx)
	assert.True(t, errors.Is(err, ErrClosed) || errors.Is(err, context.Canceled), "%v", err)
}

// Who waits for a reload waits as long as its context allows, and no longer for somebody
// who is being told of it.
func TestReloadEndsWithItsContext(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "net.d")
	ctx, cancel := context.WithCancelCause(t.Context())
	goOn := make(chan struct{})
	s := &store{
		dir: dir, pace: pace{quiet: time.Hour, blind: time.Hour, rescan: time.Hour},
		find: func(string) error { return nil }, warn: func(string, ...any) {},
		changed: func(*Config) { cancel(assert.AnError); <-goOn },
	}
	s.openWith(nil)
	defer s.close()
	defer close(goOn)
	write(t, conflist("a", "one"), dir, "10-a.conflist")
	ended := make(chan error, 1)
	go func() {
		_, err := s.reload(ctx)
		ended <- err
	}()
	select {
	case err := <-ended:
		require.ErrorIs(t, err, assert.AnError)
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(20 * time.Second):
		t.Fatal("still waiting")
	}
}

// Without fsnotify the directory is read again and again.
func TestWatchBlind(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "net.d")
	f := &followed{T: t, changes: make(chan *Config, 100)}
	f.store = &store{dir: dir, pace: hastyPace, find: func(string) error { return nil }, warn: func(string, ...any) {}, changed: func(c *Config) { f.changes <- c }}
	f.openWith(nil)
	t.Cleanup(f.close)
	write(t, conflist("a", "one"), dir, "10-a.conflist")
	f.until("a/one")
}

// What nobody tells of is found by reading again, seldom; often where files cannot be
// watched, as on a node that has no watches left, which is logged once.
func TestRescan(t *testing.T) {
	for _, test := range []struct {
		name     string
		add      error
		pace     pace
		warnings int
	}{
		{"all is watched", nil, pace{quiet: time.Hour, rescan: 5 * time.Millisecond, blind: time.Hour}, 0},
		{"no watches left", syscall.ENOSPC, pace{quiet: time.Hour, rescan: time.Hour, blind: 5 * time.Millisecond}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, conflist("a", "one"), dir, "10-a.conflist")
			var installed atomic.Bool
			var warnings atomic.Int32
			changes := make(chan *Config, 10)
			s := &store{
				dir: dir, pace: test.pace,
				find: func(string) error {
					if installed.Load() {
						return nil
					}
					return invoke.ErrPluginNotFound
				},
				warn: func(msg string, _ ...any) {
					if strings.Contains(msg, "watched") {
						warnings.Add(1)
					}
				},
				changed: func(c *Config) { changes <- c },
			}
			w, err := newWatch()
			require.NoError(t, err)
			if test.add != nil {
				w.add = func(string) error { return test.add }
			}
			s.openWith(w)
			defer s.close()
			require.Equal(t, []string{"bridge"}, s.current.Load().Missing)
			installed.Store(true)
			select {
			case c := <-changes:
				assert.Empty(t, c.Missing)
			case <-time.After(20 * time.Second):
				t.Fatal("not seen")
			}
			assert.EqualValues(t, test.warnings, warnings.Load())
		})
	}
}

// An event may come late, about what has been read already: two readings of it are no
// sign that nobody is writing.
func TestLateEventIsNoSignOfRest(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "net.d")
	file := write(t, conflist("a", "one"), dir, "10-a.conflist")
	s := &store{dir: dir, find: func(string) error { return nil }, warn: func(string, ...any) {}, pace: hastyPace}
	s.current.Store(s.read())
	write(t, "{", file)
	synctest.Test(t, func(t *testing.T) {
		require.True(t, s.refresh(), "bad: somebody may be writing")
		time.Sleep(s.pace.settle / 2)
		require.True(t, s.refresh(), "still")
		assert.Empty(t, s.current.Load().Bad)
		time.Sleep(s.pace.settle / 2)
		require.False(t, s.refresh(), "for a while: nobody is")
		assert.Len(t, s.current.Load().Bad, 1)
	})
}
