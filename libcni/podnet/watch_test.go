package podnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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

// follow begins to follow root/net.d, or another directory, as it is then.
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
		warn:    func(msg string, err error) { t.Logf("warning: %s: %v", msg, err) },
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

func TestWatchTraps(t *testing.T) {
	must := func(t *testing.T, err error) {
		t.Helper()
		require.NoError(t, err)
	}
	for _, test := range []struct {
		name string
		// dir is the directory to follow, below root; net.d if empty.
		dir   string
		setup func(t *testing.T, root string)
		// do changes something and says what is to be seen.
		do func(f *followed, root string)
	}{
		{
			name: "written in place",
			do: func(f *followed, root string) {
				write(f.T, conflist("a", "one"), root, "net.d", "10-a.conflist")
				f.until("a/one")
				write(f.T, conflist("a", "two"), root, "net.d", "10-a.conflist")
				f.until("a/two")
				must(f.T, os.Remove(filepath.Join(root, "net.d", "10-a.conflist")))
				f.until()
			},
		},
		{
			name: "renamed into place from another directory",
			do: func(f *followed, root string) {
				for _, bridge := range []string{"one", "two"} {
					tmp := write(f.T, conflist("a", bridge), root, "elsewhere", "x")
					must(f.T, os.Rename(tmp, filepath.Join(root, "net.d", "10-a.conflist")))
					f.until("a/" + bridge)
				}
			},
		},
		{
			name: "hard link into place, then written to by its other name",
			do: func(f *followed, root string) {
				other := write(f.T, conflist("a", "one"), root, "elsewhere", "x")
				must(f.T, os.Link(other, filepath.Join(root, "net.d", "10-a.conflist")))
				f.until("a/one")
				write(f.T, conflist("a", "two"), other)
				f.until("a/two")
			},
		},
		{
			name: "symbolic link into place, then its target changes",
			do: func(f *followed, root string) {
				other := write(f.T, conflist("a", "one"), root, "elsewhere", "x")
				must(f.T, os.Symlink(other, filepath.Join(root, "net.d", "10-a.conflist")))
				f.until("a/one")
				write(f.T, conflist("a", "two"), other)
				f.until("a/two")
				must(f.T, os.Rename(write(f.T, conflist("a", "three"), root, "elsewhere", "y"), other))
				f.until("a/three")
			},
		},
		{
			name: "symbolic link whose target comes later",
			do: func(f *followed, root string) {
				must(f.T, os.Symlink(filepath.Join(root, "later", "x"), filepath.Join(root, "net.d", "10-a.conflist")))
				f.untilTrue("the broken link", func(c *Config) bool { return len(c.Bad) == 1 })
				write(f.T, conflist("a", "one"), root, "later", "x")
				f.until("a/one")
			},
		},
		{
			name: "Kubernetes' ConfigMap: the link ..data is turned",
			setup: func(t *testing.T, root string) {
				write(t, conflist("a", "one"), root, "net.d", "..v1", "10-a.conflist")
				must(t, os.Symlink("..v1", filepath.Join(root, "net.d", "..data")))
				must(t, os.Symlink("..data/10-a.conflist", filepath.Join(root, "net.d", "10-a.conflist")))
			},
			do: func(f *followed, root string) {
				f.until("a/one")
				for i, bridge := range []string{"two", "three"} {
					v := fmt.Sprintf("..v%d", i+2)
					write(f.T, conflist("a", bridge), root, "net.d", v, "10-a.conflist")
					must(f.T, os.Symlink(v, filepath.Join(root, "net.d", "..tmp")))
					must(f.T, os.Rename(filepath.Join(root, "net.d", "..tmp"), filepath.Join(root, "net.d", "..data")))
					must(f.T, os.RemoveAll(filepath.Join(root, "net.d", fmt.Sprintf("..v%d", i+1))))
					f.until("a/" + bridge)
				}
			},
		},
		{
			name: "the directory is a link that is turned",
			dir:  "current/net.d",
			setup: func(t *testing.T, root string) {
				write(t, conflist("a", "one"), root, "v1", "net.d", "10-a.conflist")
				write(t, conflist("a", "two"), root, "v2", "net.d", "10-a.conflist")
				must(t, os.Symlink("v1", filepath.Join(root, "current")))
			},
			do: func(f *followed, root string) {
				f.until("a/one")
				must(f.T, os.Symlink("v2", filepath.Join(root, "tmp")))
				must(f.T, os.Rename(filepath.Join(root, "tmp"), filepath.Join(root, "current")))
				f.until("a/two")
				write(f.T, conflist("a", "three"), root, "v2", "net.d", "10-a.conflist")
				f.until("a/three")
			},
		},
		{
			name: "an editor's files",
			do: func(f *followed, root string) {
				dir := filepath.Join(root, "net.d")
				write(f.T, conflist("a", "one"), dir, "10-a.conflist")
				f.until("a/one")
				write(f.T, "swap", dir, ".10-a.conflist.swp")
				write(f.T, "4913", dir, "4913")
				must(f.T, os.Rename(filepath.Join(dir, "10-a.conflist"), filepath.Join(dir, "10-a.conflist~")))
				write(f.T, conflist("a", "two"), dir, "10-a.conflist")
				must(f.T, os.Remove(filepath.Join(dir, "4913")))
				must(f.T, os.Remove(filepath.Join(dir, ".10-a.conflist.swp")))
				f.until("a/two")
			},
		},
		{
			name: "directory removed and created again",
			do: func(f *followed, root string) {
				for _, bridge := range []string{"one", "two", "three"} {
					write(f.T, conflist("a", bridge), root, "net.d", "10-a.conflist")
					f.until("a/" + bridge)
					must(f.T, os.RemoveAll(filepath.Join(root, "net.d")))
					f.until()
				}
			},
		},
		{
			name: "directory removed and created again at once",
			do: func(f *followed, root string) {
				for i := range 5 {
					write(f.T, conflist("a", fmt.Sprint(i)), root, "net.d", "10-a.conflist")
					f.until(fmt.Sprintf("a/%d", i))
					must(f.T, os.RemoveAll(filepath.Join(root, "net.d")))
				}
			},
		},
		{
			name: "directory moved away and another one moved in",
			do: func(f *followed, root string) {
				write(f.T, conflist("a", "one"), root, "net.d", "10-a.conflist")
				f.until("a/one")
				write(f.T, conflist("a", "two"), root, "next", "10-a.conflist")
				must(f.T, os.Rename(filepath.Join(root, "net.d"), filepath.Join(root, "old")))
				must(f.T, os.Rename(filepath.Join(root, "next"), filepath.Join(root, "net.d")))
				f.until("a/two")
				write(f.T, conflist("a", "three"), root, "net.d", "10-a.conflist")
				f.until("a/three")
			},
		},
		{
			name: "directory and those above it come later, and go and come again",
			dir:  "etc/cni/net.d",
			do: func(f *followed, root string) {
				for _, bridge := range []string{"one", "two"} {
					write(f.T, conflist("a", bridge), root, "etc", "cni", "net.d", "10-a.conflist")
					f.until("a/" + bridge)
					must(f.T, os.RemoveAll(filepath.Join(root, "etc")))
					f.until()
				}
			},
		},
		{
			name: "drop-in folder",
			do: func(f *followed, root string) {
				write(f.T, conflist("a", "one"), root, "net.d", "10-a.conflist")
				f.until("a/one")
				write(f.T, `{"type":"x","bridge":"dropped"}`, root, "net.d", "a", "50-x.conf")
				f.until("a/one", "a/dropped")
				write(f.T, `{"type":"x","bridge":"changed"}`, root, "net.d", "a", "50-x.conf")
				f.until("a/one", "a/changed")
				must(f.T, os.RemoveAll(filepath.Join(root, "net.d", "a")))
				f.until("a/one")
			},
		},
		{
			name: "plugin comes later and goes",
			do: func(f *followed, root string) {
				write(f.T, conflist("a", "one"), root, "net.d", "10-a.conflist")
				f.untilTrue("missing plugin", func(c *Config) bool { return fmt.Sprint(c.Missing) == "[bridge]" })
				write(f.T, "binary", root, "bin", "bridge")
				f.untilTrue("no missing plugin", func(c *Config) bool { return len(c.Networks) == 1 && c.Missing == nil })
				must(f.T, os.Remove(filepath.Join(root, "bin", "bridge")))
				f.untilTrue("missing plugin", func(c *Config) bool { return fmt.Sprint(c.Missing) == "[bridge]" })
			},
		},
		{
			name: "a bad file keeps its network, its neighbours are reloaded",
			do: func(f *followed, root string) {
				write(f.T, conflist("a", "one"), root, "net.d", "10-a.conflist")
				write(f.T, conflist("b", "one"), root, "net.d", "20-b.conflist")
				f.until("a/one", "b/one")
				write(f.T, `{"cniVersion":"1.1.0","name":"a","plugins":[`, root, "net.d", "10-a.conflist")
				write(f.T, conflist("b", "two"), root, "net.d", "20-b.conflist")
				c := f.until("a/one", "b/two")
				assert.Equal(f.T, []string{"a"}, c.Kept)
				require.Len(f.T, c.Bad, 1)
				assert.Contains(f.T, c.Bad[0].Place(), "10-a.conflist:1:")
				n, err := c.Default("")
				require.NoError(f.T, err)
				assert.Equal(f.T, "a", n.Name, "the default network does not change by a typing error")
				must(f.T, os.Remove(filepath.Join(root, "net.d", "10-a.conflist")))
				assert.Empty(f.T, f.until("b/two").Kept, "a file that is gone is not a bad one")
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			if test.dir == "" {
				test.dir = "net.d"
				require.NoError(t, os.Mkdir(filepath.Join(root, "net.d"), 0o755))
			}
			if test.setup != nil {
				test.setup(t, root)
			}
			test.do(followDir(t, root, filepath.Join(root, test.dir)), root)
		})
	}
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
	write(t, conflist("a", "one"), dir, "10-a.conflist")
	f := followDir(t, root, dir)
	before := f.until("a/one")
	require.NoError(t, os.RemoveAll(dir))
	write(t, "a file", dir)
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

// Without fsnotify the directory is read again and again.
func TestWatchBlind(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "net.d")
	f := &followed{T: t, changes: make(chan *Config, 100)}
	f.store = &store{dir: dir, pace: hastyPace, find: func(string) error { return nil }, changed: func(c *Config) { f.changes <- c }}
	f.openWith(nil)
	t.Cleanup(f.close)
	write(t, conflist("a", "one"), dir, "10-a.conflist")
	f.until("a/one")
}
