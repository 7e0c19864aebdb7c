package podnet

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
