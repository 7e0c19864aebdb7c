package libcni

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/internal/joined"
)

// keep records an attachment as a successful ADD does.
func keep(t *testing.T, s *store, k key, result string) {
	t.Helper()
	in, err := s.begin(&record{key: k, config: []byte(`{"name":"` + k.network + `","cniVersion":"1.0.0","plugins":[{"type":"one"}]}`)})
	require.NoError(t, err)
	require.NoError(t, in.commit([]byte(result)))
}

// fails leaves an intent as a failed ADD does.
func fails(t *testing.T, s *store, k key, config string) {
	t.Helper()
	in, err := s.begin(&record{key: k, config: []byte(config)})
	require.NoError(t, err)
	in.abandon()
}

// files returns the names in results/ and pending/, sorted, unfinished ones too.
func (s *store) files(t *testing.T) (names []string) {
	t.Helper()
	for _, dir := range []string{s.resultsPath(), s.pendingPath()} {
		entries, err := os.ReadDir(dir)
		if !os.IsNotExist(err) {
			require.NoError(t, err)
		}
		for _, e := range entries {
			names = append(names, filepath.Base(dir)+"/"+e.Name())
		}
	}
	return names
}

// clean removes unfinished files, young ones too.
func (s *store) clean(t *testing.T) {
	t.Helper()
	for _, path := range []string{s.resultsPath(), s.pendingPath()} {
		d, err := s.openDir(path)
		require.NoError(t, err)
		if d == nil {
			continue
		}
		d.Clean(0)
		require.NoError(t, d.Close())
	}
}

func testStore(t *testing.T) *store {
	return &store{dir: filepath.Join(t.TempDir(), "cache")}
}

func TestStoreKeepsAndForgets(t *testing.T) {
	s := testStore(t)
	k := key{"net", "c1", "eth0"}
	r, err := s.read(k)
	require.NoError(t, err)
	assert.Nil(t, r, "no directory, no record")
	require.NoError(t, s.remove(k), "may be repeated")

	keep(t, s, k, `{"cniVersion":"1.0.0"}`)
	assert.Equal(t, []string{"results/net-c1-eth0"}, s.files(t), "upstream's name, and nothing else")
	r, err = s.read(k)
	require.NoError(t, err)
	assert.Equal(t, k, r.key)
	assert.Equal(t, `{"cniVersion":"1.0.0"}`, string(r.result))
	keep(t, s, k, `{"cniVersion":"1.0.0","x":2}`)
	r, err = s.read(k)
	require.NoError(t, err)
	assert.Equal(t, `{"cniVersion":"1.0.0","x":2}`, string(r.result), "a second ADD's result is the newer one")
	require.NoError(t, s.remove(k))
	assert.Empty(t, s.files(t))
}

// "a-b" + "c" and "a" + "b-c" have one upstream name and do not share a record.
func TestAttachmentsOfOneNameKeepTheirOwnRecords(t *testing.T) {
	one, two := key{"a-b", "c", "d"}, key{"a", "b-c", "d"}
	require.Equal(t, one.file(), two.file())
	for name, order := range map[string][2]key{"one first": {one, two}, "two first": {two, one}} {
		t.Run(name, func(t *testing.T) {
			s := testStore(t)
			first, second := order[0], order[1]
			keep(t, s, first, `{"x":1}`)
			r, err := s.read(second)
			require.NoError(t, err)
			assert.Nil(t, r, "another's record is none")
			require.NoError(t, s.remove(second), "nor is it removed")
			keep(t, s, second, `{"x":2}`)
			keep(t, s, second, `{"x":3}`)
			for k, want := range map[key]string{first: `{"x":1}`, second: `{"x":3}`} {
				r, err := s.read(k)
				require.NoError(t, err)
				assert.Equal(t, want, string(r.result))
			}
			all, err := s.records(AttachmentKey{})
			require.NoError(t, err)
			assert.Len(t, all, 2)

			require.NoError(t, s.remove(first))
			r, err = s.read(second)
			require.NoError(t, err)
			require.NotNil(t, r, "found under its second name although the first is free")
			keep(t, s, second, `{"x":4}`)
			assert.Equal(t, []string{"results/" + second.file()}, s.files(t), "which it takes at the next ADD")
			require.NoError(t, s.remove(second))
			assert.Empty(t, s.files(t))
		})
	}
}

func TestSecondNameTooLongIsFoundOutBeforeAnyPlugin(t *testing.T) {
	s := testStore(t)
	c := strings.Repeat("c", 235)
	keep(t, s, key{"a-b", c, "eth0"}, `{}`)
	_, err := s.begin(&record{key: key{"a", "b-" + c, "eth0"}})
	var refused *RequestError
	assert.ErrorAs(t, err, &refused)
	assert.Len(t, s.files(t), 1)
}

func TestUnstorableIsRefusedBeforeAnyPlugin(t *testing.T) {
	for _, c := range []struct {
		name, field string
		change      func(*RuntimeConf)
	}{
		{"name too long", "attachment", func(rt *RuntimeConf) { rt.ContainerID = strings.Repeat("c", 250) }},
		{"netns is not UTF-8", "netns", func(rt *RuntimeConf) { rt.NetNS = "/n\xff" }},
		{"args are not UTF-8", "args", func(rt *RuntimeConf) { rt.Args = [][2]string{{"a", "\xff"}} }},
		{"capability arguments have no JSON", "capabilityArgs", func(rt *RuntimeConf) { rt.CapabilityArgs = map[string]any{"x": math.Inf(1)} }},
		{"nor functions", "capabilityArgs", func(rt *RuntimeConf) { rt.CapabilityArgs = map[string]any{"x": func() {}} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			c.change(f.rt)
			_, err := f.AddNetworkList(t.Context(), list3(t, v1), f.rt)
			var refused *RequestError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, c.field, refused.Field)
			assert.Equal(t, refused.Error(), err.Error(), "nothing was stored, nothing failed to be")
			assert.Empty(t, f.fake.calls())
			assert.Empty(t, f.store(nil).files(t))
		})
	}
}

// R37: what keeps a record from being written is found out before any plugin.
func TestUnusableCacheDirectory_R37(t *testing.T) {
	for _, dir := range []string{"", "results", "pending"} {
		t.Run("file in the place of cache/"+dir, func(t *testing.T) {
			f := newFixture(t, Options{CacheDir: filepath.Join(t.TempDir(), "cache")})
			path := filepath.Join(f.opts.CacheDir, dir)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
			require.NoError(t, os.WriteFile(path, nil, 0o600))
			result, err := f.AddNetworkList(t.Context(), list3(t, v1), f.rt)
			assert.Nil(t, result)
			var damaged *RecordError
			require.ErrorAs(t, err, &damaged)
			assert.Contains(t, damaged.Path, f.opts.CacheDir)
			assert.ErrorContains(t, err, `failed to set network "net" cached result: `)
			assert.Contains(t, fmt.Sprintf("%+v", err), "no plugin ran")
			if runtime.GOOS != "windows" {
				noDirectory := "to do:     " + filepath.Clean(path) + " is a file and no directory: move it away, or choose another cache directory"
				assert.Contains(t, fmt.Sprintf("%+v", err), noDirectory+"; no plugin ran")
				_, err = f.Attachments(AttachmentKey{})
				_, pendingErr := f.Pending(AttachmentKey{})
				err = join(err, pendingErr)
				assert.ErrorContains(t, err, "not a directory")
				assert.Contains(t, fmt.Sprintf("%+v", err), noDirectory)
				assert.NotContains(t, fmt.Sprintf("%+v", err), "no plugin ran")
			}
			assert.Empty(t, f.fake.calls())

			// Nor does it keep an attachment alive.
			f.fake.take()
			var warned []error
			f.opts.Warn = warnings(&warned)
			assert.NoError(t, f.DelNetworkList(t.Context(), list3(t, v1), f.rt))
			assert.Len(t, f.fake.calls(), 3)
			if runtime.GOOS != "windows" {
				told := map[string]int{}
				for _, err := range joined.List(join(warned...)) {
					told[err.Error()]++
					assert.Contains(t, fmt.Sprintf("%+v", err), "is a file and no directory: move it away, or choose another cache directory")
				}
				assert.NotEmpty(t, told)
				for text, times := range told {
					assert.Equal(t, 1, times, text)
				}
			}
		})
	}
}

// An operator may keep either directory elsewhere; nothing in them leads outside.
func TestCacheDirectoriesMayBeLinks(t *testing.T) {
	f := newFixture(t, Options{})
	outside := t.TempDir()
	for _, dir := range []string{"results", "pending"} {
		require.NoError(t, os.Mkdir(filepath.Join(outside, dir), 0o700))
		if err := os.Symlink(filepath.Join(outside, dir), filepath.Join(f.opts.CacheDir, dir)); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
	}
	list := list3(t, v1)
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	assert.FileExists(t, filepath.Join(outside, "results", "net-c1-eth0"))
	require.NoError(t, f.CheckNetworkList(t.Context(), list, f.rt))
	require.NoError(t, f.DelNetworkList(t.Context(), list, f.rt))
	assert.Empty(t, f.store(nil).files(t))
}

func TestPlantedLinkIsNotFollowed(t *testing.T) {
	f := newFixture(t, Options{})
	victim := filepath.Join(t.TempDir(), "victim")
	require.NoError(t, os.WriteFile(victim, []byte(`{"cniVersion":"1.0.0"}`), 0o600))
	require.NoError(t, os.MkdirAll(filepath.Join(f.opts.CacheDir, "results"), 0o700))
	record := filepath.Join(f.opts.CacheDir, "results", "net-c1-eth0")
	if err := os.Symlink(victim, record); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	list := list3(t, v1)
	var damaged *RecordError
	_, err := f.GetNetworkListCachedResult(list, f.rt)
	require.ErrorAs(t, err, &damaged, "not read")
	assert.Equal(t, record, damaged.Path)
	_, err = f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	data, err := os.ReadFile(victim)
	require.NoError(t, err)
	assert.Equal(t, `{"cniVersion":"1.0.0"}`, string(data), "not written")
	info, err := os.Lstat(record)
	require.NoError(t, err)
	assert.True(t, info.Mode().IsRegular(), "replaced by the record")
	require.NoError(t, f.DelNetworkList(t.Context(), list, f.rt))
	assert.FileExists(t, victim, "not removed")
}

func TestWrongModesAreRepaired(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes here")
	}
	f := newFixture(t, Options{})
	list := list3(t, v1)
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	record := filepath.Join(f.opts.CacheDir, "results", "net-c1-eth0")
	require.NoError(t, os.Chmod(record, 0o044))
	_, err = f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	info, err := os.Stat(record)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

// Somebody may take the directory away while the plugins run.
func TestDirectoryGoneDuringAdd(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("what is open cannot be removed there")
	}
	f := newFixture(t, Options{})
	f.fake.replies["two ADD"] = func(run) ([]byte, error) {
		require.NoError(t, os.RemoveAll(f.opts.CacheDir))
		return []byte(`{}`), nil
	}
	list := list3(t, v1)
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	config, _, err := f.GetNetworkListCachedConfig(list, f.rt)
	require.NoError(t, err)
	assert.NotNil(t, config)
}

func TestRefuseSecondAdd_R17(t *testing.T) {
	list := list3(t, v1)
	f := newFixture(t, Options{RefuseSecondAdd: true})
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	f.fake.calls()
	_, err = f.AddNetworkList(t.Context(), list, f.rt)
	assert.ErrorIs(t, err, ErrAlreadyAttached)
	assert.EqualError(t, err, ErrAlreadyAttached.Error(), "no plugin failed")
	assert.Empty(t, f.fake.calls())
	f.rt.IfName = "eth1"
	_, err = f.AddNetworkList(t.Context(), list, f.rt)
	assert.NoError(t, err, "another interface is another attachment")

	f = newFixture(t, Options{})
	for range 2 {
		_, err = f.AddNetworkList(t.Context(), list, f.rt)
		assert.NoError(t, err, "without the option as upstream")
	}
}

func TestRequireRecord_R20_R21(t *testing.T) {
	list := list3(t, v1)
	f := newFixture(t, Options{RequireRecord: true})
	assert.ErrorIs(t, f.CheckNetworkList(t.Context(), list, f.rt), ErrNoRecord)
	assert.Empty(t, f.fake.calls())
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	assert.NoError(t, f.CheckNetworkList(t.Context(), list, f.rt))

	f = newFixture(t, Options{})
	assert.NoError(t, f.CheckNetworkList(t.Context(), list, f.rt), "without the option as upstream")
	assert.Len(t, f.fake.calls(), 3)
}

// A record is as large as it has to be.
func TestLargeRecord(t *testing.T) {
	f := newFixture(t, Options{})
	list := list3(t, v1)
	result := `{"cniVersion":"1.0.0","vendor":"` + strings.Repeat("x", 3<<20) + `"}`
	f.fake.replies["three ADD"] = result
	f.rt.CapabilityArgs = map[string]any{"large": strings.Repeat("y", 100<<10)}
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	f.fake.take()
	require.NoError(t, f.CheckNetworkList(t.Context(), list, f.rt))
	require.NoError(t, f.DelAttachment(t.Context(), AttachmentKey{"net", "c1", "eth0"}))
	runs := f.fake.take()
	require.Len(t, runs, 6)
	for _, r := range runs {
		assert.True(t, r.prev() == result, "%s %s", r.plugin, r.command)
	}
}
