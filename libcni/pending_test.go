package libcni

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const oneConfig = `{"name":"net","cniVersion":"1.0.0","plugins":[{"type":"one"}]}`

// R30: from before the first plugin runs until the record is written, the intent
// is there, locked; a failed ADD leaves it unlocked.
func TestIntentOfAnAdd_R30(t *testing.T) {
	f := newFixture(t, Options{})
	list := list3(t, v1)
	var during []*PendingAttachment
	look := func(reply error) func(run) ([]byte, error) {
		return func(run) ([]byte, error) {
			var err error
			during, err = f.Pending(AttachmentKey{})
			require.NoError(t, err)
			return []byte(`{}`), reply
		}
	}
	f.rt.Args = [][2]string{{"a", "b"}}
	f.rt.CapabilityArgs = map[string]any{"m": 1.5}
	f.fake.replies["one ADD"] = look(nil)
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	require.Len(t, during, 1)
	p := during[0]
	assert.Equal(t, AttachmentKey{"net", "c1", "eth0"}, p.AttachmentKey)
	assert.True(t, p.Running)
	assert.Equal(t, string(list.Bytes), string(p.Config))
	assert.Equal(t, f.rt.NetNS, p.NetNS)
	assert.Equal(t, f.rt.Args, p.Args)
	assert.Equal(t, f.rt.CapabilityArgs, p.CapabilityArgs)
	assert.False(t, p.Started.IsZero())
	after, err := f.Pending(AttachmentKey{})
	require.NoError(t, err)
	assert.Empty(t, after)

	f.rt.ContainerID = "c2"
	f.fake.replies["one ADD"] = look(errBanana)
	for i := range 3 { // Nomad tries three times without a DEL between
		f.rt.Args = [][2]string{{"try", strconv.Itoa(i)}}
		_, err = f.AddNetworkList(t.Context(), list, f.rt)
		require.Error(t, err)
	}
	after, err = f.Pending(AttachmentKey{ContainerID: "c2"})
	require.NoError(t, err)
	require.Len(t, after, 3, "each ADD that asked for something else has an intent of its own")
	for i, p := range after {
		assert.False(t, p.Running)
		assert.FileExists(t, p.Path)
		assert.True(t, i == 0 || !p.Started.Before(after[i-1].Started), "oldest first")
	}
	assert.Len(t, f.store(nil).files(t), 4, "a record, three intents, nothing unfinished")

	f.fake.take()
	require.NoError(t, f.DelNetworkList(t.Context(), list, f.rt))
	assert.Equal(t, []string{"three DEL", "two DEL", "one DEL"}, f.fake.calls(), "with what this DEL was asked")
	after, err = f.Pending(AttachmentKey{})
	require.NoError(t, err)
	assert.Empty(t, after, "DEL cleans up after all of them")
}

// A runtime that tries again without DEL leaves one intent for each thing it asked
// for, not one for each try.
func TestIntentsOfEqualAddsAreOne(t *testing.T) {
	f := newFixture(t, Options{})
	list := list3(t, v1)
	f.fake.replies = map[string]any{"two ADD": errBanana}
	for range 50 {
		for _, arg := range []string{"x", "y"} {
			f.rt.Args = [][2]string{{"K", arg}}
			_, err := f.AddNetworkList(t.Context(), list, f.rt)
			require.Error(t, err)
		}
	}
	pending, err := f.Pending(AttachmentKey{})
	require.NoError(t, err)
	require.Len(t, pending, 2)
	assert.Equal(t, [][2]string{{"K", "x"}}, pending[0].Args)
	assert.Equal(t, [][2]string{{"K", "y"}}, pending[1].Args)
	f.fake.take()
	require.NoError(t, f.DelContainer(t.Context(), "c1"))
	assert.Len(t, f.fake.calls(), 6)
}

func TestIntentStaysUntilEveryPluginsDelSucceeded(t *testing.T) {
	f := newFixture(t, Options{})
	list := list3(t, v1)
	f.fake.replies = map[string]any{"two ADD": errBanana, "one DEL": errBanana}
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.Error(t, err)
	require.Error(t, f.DelNetworkList(t.Context(), list, f.rt))
	pending, err := f.Pending(AttachmentKey{})
	require.NoError(t, err)
	assert.Len(t, pending, 1)
}

// A living ADD's intent is left alone by DEL and by GC of the same attachment.
func TestRunningAddIsLeftAlone(t *testing.T) {
	f := newFixture(t, Options{WaitForAdd: -1})
	list := list3(t, v1)
	f.fake.replies["two ADD"] = func(run) ([]byte, error) {
		f.fake.take()
		require.NoError(t, f.GCNetworkList(t.Context(), list, &GCArgs{}))
		assert.Empty(t, f.fake.calls(), "GC: not one of nobody's")
		require.NoError(t, f.DelNetworkList(t.Context(), list, f.rt))
		pending, err := f.Pending(AttachmentKey{})
		require.NoError(t, err)
		assert.Len(t, pending, 1)
		return []byte(`{}`), nil
	}
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	attachments, err := f.Attachments(AttachmentKey{})
	require.NoError(t, err)
	assert.Len(t, attachments, 1)
}

// A stale record stays as well while an ADD of its attachment is under way.
func TestStaleRecordOfARunningAddIsLeftAlone(t *testing.T) {
	f := newFixture(t, Options{})
	list := list3(t, v1)
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	f.fake.replies["two ADD"] = func(run) ([]byte, error) {
		f.fake.take()
		require.NoError(t, f.GCNetworkList(t.Context(), list, &GCArgs{}))
		assert.Empty(t, f.fake.calls())
		return []byte(`{}`), nil
	}
	_, err = f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
}

func TestIntentsWithLongNames(t *testing.T) {
	s := testStore(t)
	k := key{strings.Repeat("n", 100), strings.Repeat("c", 145), "eth0"}
	fails(t, s, k, strings.Replace(oneConfig, "net", k.network, 1))
	f := newFixture(t, Options{CacheDir: s.dir})
	pending, err := f.Pending(AttachmentKey{Network: k.network})
	require.NoError(t, err)
	require.Len(t, pending, 1)
	assert.Equal(t, k.exported(), pending[0].AttachmentKey)
	require.NoError(t, f.DelContainer(t.Context(), k.container))
	assert.Equal(t, []string{"one DEL"}, f.fake.calls())
	assert.Empty(t, s.files(t))
}

// An intent can only be torn by a loss of power. Its name still says whose it is,
// and GC has a configuration for the network.
func TestTornIntent(t *testing.T) {
	for name, data := range map[string]string{"empty": "", "half": `{"kind":"cniPend`} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{})
			s := f.store(nil)
			fails(t, s, key{"net", "c1", "eth0"}, oneConfig)
			pending, err := f.Pending(AttachmentKey{})
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(pending[0].Path, []byte(data), 0o600))

			pending, err = f.Pending(AttachmentKey{})
			var damaged *RecordError
			require.ErrorAs(t, err, &damaged)
			assert.Equal(t, pending[0].Path, damaged.Path)
			assert.Equal(t, AttachmentKey{"net", "c1", "eth0"}, pending[0].AttachmentKey)

			err = f.DelAttachment(t.Context(), pending[0].AttachmentKey)
			require.ErrorAs(t, err, &damaged)
			assert.EqualError(t, damaged.Err, "record has no configuration")
			require.NoError(t, f.GCNetworkList(t.Context(), list3(t, v1), &GCArgs{}))
			assert.Equal(t, []string{"three DEL", "two DEL", "one DEL"}, f.fake.calls())
			assert.Empty(t, s.files(t))
		})
	}
}

func TestForeignFilesInPendingAreLeftAlone(t *testing.T) {
	f := newFixture(t, Options{})
	dir := filepath.Join(f.opts.CacheDir, "pending")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "lost+found"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "README"), []byte("x"), 0o600))
	require.NoError(t, f.GCNetworkList(t.Context(), list3(t, v1), &GCArgs{}))
	require.NoError(t, f.DelContainer(t.Context(), "c1"))
	assert.FileExists(t, filepath.Join(dir, "README"))
	assert.DirExists(t, filepath.Join(dir, "lost+found"))

	// Also under the name of an intent: a link is nobody's.
	link := filepath.Join(dir, "net+c1+eth0+0000000000000000")
	if err := os.Symlink("/etc/passwd", link); err != nil {
		t.Skip(err) // not everywhere may everybody make links
	}
	list := list3(t, v1)
	for _, del := range []func() error{
		func() error { return f.GCNetworkList(t.Context(), list, &GCArgs{}) },
		func() error { return f.DelContainer(t.Context(), "c1") },
		func() error { return f.DelNetworkList(t.Context(), list, f.rt) },
	} {
		_, err := f.AddNetworkList(t.Context(), list, f.rt)
		require.NoError(t, err)
		f.fake.take()
		require.NoError(t, del())
		assert.Len(t, f.fake.calls(), 3)
	}
	_, err := os.Lstat(link)
	assert.NoError(t, err)
}

// An intent that goes while it is looked at is none.
func TestIntentThatGoesIsNotListed(t *testing.T) {
	f := newFixture(t, Options{})
	fails(t, f.store(nil), key{"net", "c1", "eth0"}, oneConfig)
	f.fault = func(op, path string) error {
		if op == "lock" {
			require.NoError(t, os.Remove(path))
		}
		return nil
	}
	pending, err := f.Pending(AttachmentKey{})
	require.NoError(t, err)
	assert.Empty(t, pending)
}

func TestUnfinishedFilesAreCleanedAway(t *testing.T) {
	f := newFixture(t, Options{})
	s := f.store(nil)
	for _, dir := range []string{s.resultsPath(), s.pendingPath()} {
		require.NoError(t, os.MkdirAll(dir, 0o700))
	}
	s.fault = func(op, _ string) error {
		if op == "rename" || op == "remove" { // as if killed before
			return errors.New("killed")
		}
		return nil
	}
	_, err := s.begin(&record{key: key{"net", "c1", "eth0"}})
	require.Error(t, err)
	s.fault = nil
	require.Len(t, s.files(t), 1)
	require.NoError(t, f.GCNetworkList(t.Context(), list3(t, v1), &GCArgs{}))
	assert.Len(t, s.files(t), 1, "young: it may just be made")
	attachments, err := f.GetCachedAttachments("")
	require.NoError(t, err)
	assert.Empty(t, attachments)
	s.clean(t)
	assert.Empty(t, s.files(t))
	assert.Empty(t, f.fake.calls())
}

// What looks through the records anyway takes along what a killed writer has left,
// once it is old enough to be nobody's.
func TestWhatCleansUnfinishedFiles(t *testing.T) {
	for name, look := range map[string]func(*CNIConfig) error{
		"GC":           func(c *CNIConfig) error { return c.GCNetworkList(t.Context(), list3(t, v1), &GCArgs{}) },
		"DelContainer": func(c *CNIConfig) error { return c.DelContainer(t.Context(), "another") },
		"listings": func(c *CNIConfig) error {
			_, err := c.Attachments(AttachmentKey{ContainerID: "another"})
			_, pendingErr := c.Pending(AttachmentKey{})
			return errors.Join(err, pendingErr)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{})
			s := f.store(nil)
			young, old := []string{}, time.Now().Add(-2*staleAge)
			for _, dir := range []string{s.resultsPath(), s.pendingPath()} {
				require.NoError(t, os.MkdirAll(dir, 0o700))
				for _, name := range []string{".tmp-old", ".tmp-young"} {
					require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
				}
				require.NoError(t, os.Chtimes(filepath.Join(dir, ".tmp-old"), old, old))
				young = append(young, filepath.Base(dir)+"/.tmp-young")
			}
			require.NoError(t, look(f.CNIConfig))
			assert.ElementsMatch(t, young, s.files(t))
		})
	}
}
