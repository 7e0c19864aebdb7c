package libcni

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/internal/atomicfile"
)

// A process may die, or the machine, while the result is written behind an intent, and
// before that has become the record: the file is cut off anywhere in the result.
func TestCutOffWhileIntentBecomesRecord(t *testing.T) {
	if !atomicfile.Moves {
		t.Skip("intent and record are two files here")
	}
	w := openWorld(t, t.TempDir(), true)
	cut := func(n int) (left bool) {
		w.cni.fault = func(op, path string) error {
			if (op == "rename" || op == "link") && strings.Contains(path, "results") {
				return errInjected
			}
			return nil
		}
		rt := w.rt("c1")
		rt.Args = [][2]string{{"K", "V"}}
		_, err := w.cni.AddNetworkList(t.Context(), w.list, rt)
		require.ErrorIs(t, err, errInjected)
		w.cni.fault = nil
		pending, err := w.cni.Pending(AttachmentKey{})
		require.NoError(t, err)
		require.Len(t, pending, 1)
		data, err := os.ReadFile(pending[0].Path)
		require.NoError(t, err)
		_, err = decodeRecord(data)
		require.NoError(t, err, "the whole record")
		from := bytes.LastIndex(data, []byte(`,"result":`))
		require.Positive(t, from)
		require.NoError(t, os.Truncate(pending[0].Path, int64(min(from+n, len(data)))))
		pending, err = w.cni.Pending(AttachmentKey{})
		require.NoError(t, err)
		require.Equal(t, rt.Args, pending[0].Args)
		require.Equal(t, string(w.list.Bytes), string(pending[0].Config))
		return from+n < len(data)
	}
	for n, left := 0, true; left; n++ {
		for _, clean := range []func() error{
			func() error { return w.cni.DelContainer(t.Context(), "c1") },
			func() error { return w.cni.GCNetworkList(t.Context(), w.list, &GCArgs{}) },
		} {
			left = cut(n)
			require.Len(t, w.exec.state(t, "c1"), 3)
			require.NoError(t, clean(), "cut off after %d bytes", n)
			require.Empty(t, w.exec.state(t, ""), "cut off after %d bytes", n)
			require.Empty(t, w.cni.store(nil).files(t))
		}
	}
}

// The result of an ADD that was cut off before its intent became the record is the
// prevResult of its DEL, if it is whole.
func TestDelOfAnAddThatWasNotRecorded(t *testing.T) {
	if !atomicfile.Moves {
		t.Skip("intent and record are two files here")
	}
	verbs := maps.Clone(dels)
	verbs["GC"] = func(f *fixture, ctx context.Context, list *NetworkConfigList) error {
		return f.GCNetworkList(ctx, list, &GCArgs{})
	}
	const result = `{"cniVersion":"1.0.0","dns":{"domain":"last"}}`
	for name, del := range verbs {
		for part, cut := range map[string]int64{"whole": 0, "without its last brace": 2} {
			t.Run(name+", "+part, func(t *testing.T) {
				f := newFixture(t, Options{})
				list := mustList(t, oneConfig)
				f.fault = func(op, path string) error {
					if op == "rename" && filepath.Base(filepath.Dir(path)) == "results" {
						return errInjected
					}
					return nil
				}
				f.fake.replies["one ADD"] = result
				_, err := f.AddNetworkList(t.Context(), list, f.rt)
				require.ErrorIs(t, err, errInjected)
				f.fault = nil
				pending, err := f.Pending(AttachmentKey{})
				require.NoError(t, err)
				require.Len(t, pending, 1)
				info, err := os.Stat(pending[0].Path)
				require.NoError(t, err)
				require.NoError(t, os.Truncate(pending[0].Path, info.Size()-cut))
				f.fake.take()
				require.NoError(t, del(f, t.Context(), list))
				runs := f.fake.take()
				require.Len(t, runs, 1)
				want := result
				if cut > 0 {
					want = ""
				}
				assert.Equal(t, want, runs[0].prev())
				assert.Empty(t, f.store(nil).files(t))
			})
		}
	}
}

// Of several the last one counts, in whatever order the directory has them.
func TestLastResultIsDels(t *testing.T) {
	s, k := testStore(t), key{"net", "c1", "eth0"}
	s.fault = func(op, path string) error {
		if op == "rename" && filepath.Dir(path) == s.resultsPath() {
			return errInjected
		}
		return nil
	}
	for _, n := range []string{"1", "2", "3"} {
		in, err := s.begin(&record{key: k, config: []byte(oneConfig), args: [][2]string{{"TRY", n}}})
		require.NoError(t, err)
		require.ErrorIs(t, in.commit([]byte(`{"x":`+n+`}`)), errInjected)
	}
	fails(t, s, k, oneConfig) // without a result
	all := s.intents(k)
	defer all.close()
	require.Len(t, all.names, 4)
	var err error
	all.files, _, err = lockIntents(all.dir, all.names, k)
	require.NoError(t, err)
	for range all.files {
		all.files = append(all.files[1:], all.files[0])
		assert.Equal(t, `{"x":3}`, string(all.finished(k).result))
	}
}

// Two attachments of one name that are made at the same moment do not overwrite each
// other's record.
func TestAttachmentsOfOneNameAtOnce(t *testing.T) {
	one, two := key{"a-b", "c", "d"}, key{"a", "b-c", "d"}
	s := testStore(t)
	other := *s
	meanwhile := sync.OnceFunc(func() { keep(t, &other, two, `{"x":2}`) })
	s.fault = func(op, path string) error {
		if (op == "link" || op == "rename") && filepath.Dir(path) == s.resultsPath() {
			meanwhile()
		}
		return nil
	}
	in, err := s.begin(&record{key: one, config: []byte(oneConfig)})
	require.NoError(t, err)
	require.NoError(t, in.commit([]byte(`{"x":1}`)))
	for k, want := range map[key]string{one: `{"x":1}`, two: `{"x":2}`} {
		r, err := other.read(k)
		require.NoError(t, err)
		require.NotNil(t, r)
		assert.Equal(t, want, string(r.result))
	}
}

// What has an attachment's first name and is no record of one that may have it is
// replaced.
func TestRecordAstrayIsReplaced(t *testing.T) {
	s := testStore(t)
	k, astray := key{"a-b", "c", "d"}, key{"a", "other", "d"}
	keep(t, s, astray, `{"x":1}`)
	require.NoError(t, os.Rename(filepath.Join(s.resultsPath(), astray.file()), filepath.Join(s.resultsPath(), k.file())))
	keep(t, s, k, `{"x":2}`)
	assert.Equal(t, []string{"results/" + k.file()}, s.files(t))
}

// A copy that fails leaves the intent and nothing else.
func TestCopyThatFails(t *testing.T) {
	f := newFixture(t, Options{})
	f.fault = func(op, path string) error {
		switch {
		case filepath.Dir(path) != f.store(nil).resultsPath():
		case op == "rename":
			return errors.ErrUnsupported
		case op == "write" || op == "sync":
			return errInjected
		}
		return nil
	}
	result, err := f.AddNetworkList(t.Context(), list3(t, v1), f.rt)
	assert.NotNil(t, result)
	require.ErrorIs(t, err, errInjected)
	files := f.store(nil).files(t)
	require.Len(t, files, 1)
	assert.Contains(t, files[0], "pending/net+c1+eth0+")
}

// Between the two steps of a renaming that replaces nothing, an ADD may be cut off: its
// file is then intent and record at once.
func TestIntentThatIsTheRecord(t *testing.T) {
	verbs := maps.Clone(dels)
	for name, args := range map[string]*GCArgs{"GC": {}, "GC of others": valid("c1")} {
		verbs[name] = func(f *fixture, ctx context.Context, list *NetworkConfigList) error {
			return f.GCNetworkList(ctx, list, args)
		}
	}
	for name, verb := range verbs {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{})
			s, k := f.store(nil), key{"net", "c1", "eth0"}
			keep(t, s, k, `{"cniVersion":"1.0.0"}`)
			err := os.Link(filepath.Join(s.resultsPath(), k.file()), filepath.Join(s.pendingPath(), k.pendingName(1)))
			if err != nil {
				t.Skip("no links here: ", err)
			}
			require.NoError(t, verb(f, t.Context(), mustList(t, oneConfig)))
			if name == "GC of others" {
				assert.Empty(t, f.fake.calls())
				assert.Equal(t, []string{"results/net-c1-eth0"}, s.files(t))
				return
			}
			assert.Equal(t, []string{"one DEL"}, f.fake.calls())
			assert.Empty(t, s.files(t))
		})
	}
}

// Where there are no locks, what a failed ADD leaves is free at once all the same.
func TestFailedAddWithoutLocks(t *testing.T) {
	f := newFixture(t, Options{WaitForAdd: -1})
	f.fault = func(op, _ string) error {
		if op == "lock" {
			return errors.ErrUnsupported
		}
		return nil
	}
	list := mustList(t, oneConfig)
	f.fake.replies["one ADD"] = errBanana
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.ErrorIs(t, err, errBanana)
	require.NoError(t, f.GCNetworkList(t.Context(), list, &GCArgs{}))
	assert.Empty(t, f.store(nil).files(t))
}
