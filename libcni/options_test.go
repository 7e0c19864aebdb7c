package libcni

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/internal/atomicfile"
	"github.com/cnikit/cnikit/invoke"
)

// lookingExec shows each run's context and environment to look.
type lookingExec struct {
	*fakeExec
	look func(ctx context.Context, environ []string)
}

func (e *lookingExec) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	e.look(ctx, environ)
	return e.fakeExec.ExecPlugin(ctx, path, stdin, environ)
}

// verbs runs every verb once on a network and returns their names.
func (f *fixture) verbs(t *testing.T) []string {
	t.Helper()
	f.fake.replies["VERSION"] = `{"cniVersion":"1.1.0","supportedVersions":["1.1.0"]}`
	list := mustList(t, `{"name":"net","cniVersion":"1.1.0","plugins":[{"type":"one"}]}`)
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	require.NoError(t, f.CheckNetworkList(t.Context(), list, f.rt))
	require.NoError(t, f.GetStatusNetworkList(t.Context(), list))
	require.NoError(t, f.DelNetworkList(t.Context(), list, f.rt))
	require.NoError(t, f.GCNetworkList(t.Context(), list, &GCArgs{}))
	_, err = f.ValidateNetworkList(t.Context(), list)
	require.NoError(t, err)
	return []string{"ADD", "CHECK", "STATUS", "DEL", "GC", "VERSION"}
}

// R16: what plugins are given to delegate with, and what they are found by, has
// neither empty nor relative entries.
func TestPluginPathIsAbsolute_R16(t *testing.T) {
	dir := t.TempDir()
	dir, err := filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	t.Chdir(dir)
	f := newFixture(t, Options{})
	f.Path = []string{"", "bin", filepath.Join(dir, "x")}
	want := []string{filepath.Join(dir, "bin"), filepath.Join(dir, "x")}
	f.verbs(t)
	for _, r := range f.fake.take() {
		if r.command != "VERSION" { // which says "dummy"
			assert.Equal(t, strings.Join(want, string(os.PathListSeparator)), r.env["CNI_PATH"], r.command)
		}
	}
	finding := &findingExec{fakeExec: f.fake}
	f.exec = finding
	f.verbs(t)
	for _, dirs := range finding.asked {
		assert.Equal(t, want, dirs)
	}
	assert.Len(t, finding.asked, 6)
}

// findingExec notes where plugins are looked for.
type findingExec struct {
	*fakeExec
	asked [][]string
}

func (e *findingExec) FindInPath(plugin string, dirs []string) (string, error) {
	e.asked = append(e.asked, slices.Clone(dirs))
	return e.fakeExec.FindInPath(plugin, dirs)
}

func TestEnvAndObserverAreForEveryVerb(t *testing.T) {
	t.Setenv("CNIKIT_TEST_SECRET", "x")
	t.Setenv("CNIKIT_TEST_OPEN", "y")
	var observed []string
	f := newFixture(t, Options{
		Env:      invoke.EnvPolicy{Allow: []string{"CNIKIT_TEST_OPEN"}},
		Observer: &invoke.Observer{End: func(_ context.Context, c *invoke.Call, _ *invoke.Outcome) { observed = append(observed, c.Command) }},
	})
	f.exec = &lookingExec{f.fake, func(_ context.Context, environ []string) {
		assert.Contains(t, environ, "CNIKIT_TEST_OPEN=y")
		assert.NotContains(t, environ, "CNIKIT_TEST_SECRET=x")
	}}
	assert.Equal(t, f.verbs(t), observed)
}

// The CNIConfig's directory goes before the RuntimeConf's, and that before CacheDir.
func TestCacheDirectoryPrecedence(t *testing.T) {
	defer func(dir string) { CacheDir = dir }(CacheDir)
	own, given := t.TempDir(), t.TempDir()
	CacheDir = t.TempDir()
	for _, c := range []struct{ own, given, want string }{{own, given, own}, {"", given, given}, {"", "", CacheDir}} {
		f := newFixture(t, Options{})
		f.cacheDir, f.rt.CacheDir = c.own, c.given
		_, err := f.AddNetworkList(t.Context(), list3(t, v1), f.rt)
		require.NoError(t, err)
		assert.FileExists(t, filepath.Join(c.want, "results", "net-c1-eth0"))
		require.NoError(t, f.DelNetworkList(t.Context(), list3(t, v1), f.rt))
		assert.NoFileExists(t, filepath.Join(c.want, "results", "net-c1-eth0"))
	}
}

// R37: a record is synced before it has its name; an intent when it is to stay. With
// NoSync neither is.
func TestRecordsAreSynced_R37(t *testing.T) {
	for _, noSync := range []bool{false, true} {
		f := newFixture(t, Options{NoSync: noSync})
		if !atomicfile.Moves {
			t.Skip("intent and record are two files here")
		}
		for _, dir := range []string{"results", "pending"} {
			require.NoError(t, os.MkdirAll(filepath.Join(f.opts.CacheDir, dir), 0o700))
		}
		var synced []string
		f.fault = func(op, path string) error {
			if op == "sync" || op == "rename" {
				synced = append(synced, op+" "+filepath.Base(filepath.Dir(path)))
			}
			return nil
		}
		want := []string{"rename pending", "sync pending", "rename results"}
		failed := []string{"rename pending", "sync pending"}
		if noSync {
			want, failed = []string{"rename pending", "rename results"}, []string{"rename pending"}
		}
		_, err := f.AddNetworkList(t.Context(), list3(t, v1), f.rt)
		require.NoError(t, err)
		assert.Equal(t, want, synced)
		synced = nil
		f.fake.replies["two ADD"] = errBanana
		_, err = f.AddNetworkList(t.Context(), list3(t, v1), f.rt)
		require.Error(t, err)
		assert.Equal(t, failed, synced)
	}
}

// R30: a rollback has a time of its own, with the values of the caller's context.
func TestRollbackHasATimeOfItsOwn_R30(t *testing.T) {
	type key struct{}
	for given, want := range map[time.Duration]time.Duration{0: 30 * time.Second, time.Minute: time.Minute} {
		f := newFixture(t, Options{Rollback: true, RollbackTimeout: given})
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "kept"))
		f.fake.replies["two ADD"] = func(run) ([]byte, error) { cancel(); return nil, errBanana }
		dels := 0
		f.exec = &lookingExec{f.fake, func(ctx context.Context, environ []string) {
			if !slices.Contains(environ, "CNI_COMMAND=DEL") {
				return
			}
			dels++
			assert.NoError(t, ctx.Err())
			assert.Equal(t, "kept", ctx.Value(key{}))
			deadline, ok := ctx.Deadline()
			assert.True(t, ok)
			assert.WithinDuration(t, time.Now().Add(want), deadline, 20*time.Second)
		}}
		_, err := f.AddNetworkList(ctx, list3(t, v1), f.rt)
		assert.ErrorIs(t, err, errBanana)
		assert.Equal(t, 3, dels)
	}
}
