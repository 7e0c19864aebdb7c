package libcni

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const realDisk = "CNIKIT_TEST_REAL_DISK"

// inNamespace runs the calling test again in a process with a mount namespace of
// its own, and returns false; in that process it returns true.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(realDisk) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), realDisk+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil { // it was not started
		if os.Getenv("CI") == "true" {
			t.Fatal("no mount namespace: ", err)
		}
		t.Skip("no mount namespace: ", err)
	}
	require.NoError(t, err, "%s", out)
	return false
}

// disk mounts a file system of 64 KiB and returns a fixture with its records there.
func disk(t *testing.T, warned *[]error) *fixture {
	t.Helper()
	require.NoError(t, syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""))
	dir := t.TempDir()
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"))
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return newFixture(t, Options{CacheDir: dir, Warn: warnings(warned)})
}

func fill(t *testing.T, dir string) {
	err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 128<<10), 0o600)
	require.ErrorIs(t, err, syscall.ENOSPC)
}

func TestFullDisk(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	var warned []error
	f := disk(t, &warned)
	list := list3(t, `"cniVersion":"1.1.0",`)
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	f.rt.ContainerID = "c2"
	f.fake.replies["two ADD"] = errBanana
	_, err = f.AddNetworkList(t.Context(), list, f.rt)
	require.Error(t, err)

	// Full while the plugins run: the old record stays, and the result is there.
	f.rt.ContainerID = "c1"
	f.fake.replies["two ADD"] = func(run) ([]byte, error) { fill(t, f.opts.CacheDir); return []byte(`{"x":1}`), nil }
	f.fake.replies["three ADD"] = `{"x":"` + strings.Repeat("x", 8<<10) + `"}` // more than is left of a page
	result, err := f.AddNetworkList(t.Context(), list, f.rt)
	assert.NotNil(t, result)
	require.ErrorIs(t, err, syscall.ENOSPC)
	var damaged *RecordError
	require.ErrorAs(t, err, &damaged)
	old, err := f.GetNetworkListCachedResult(list, f.rt)
	require.NoError(t, err)
	assert.NotNil(t, old)

	// The intent stays, with a part of the result behind it.
	pending, err := f.Pending(AttachmentKey{ContainerID: "c1"})
	require.NoError(t, err)
	require.Len(t, pending, 1)
	assert.False(t, pending[0].Running)
	assert.Equal(t, string(list.Bytes), string(pending[0].Config))

	// Full before: nothing runs.
	f.fake.take()
	f.rt.ContainerID = "c3"
	_, err = f.AddNetworkList(t.Context(), list, f.rt)
	require.ErrorIs(t, err, syscall.ENOSPC)
	assert.Empty(t, f.fake.calls())

	// DEL and GC write nothing.
	f.rt.ContainerID = "c1"
	require.NoError(t, f.CheckNetworkList(t.Context(), list, f.rt))
	require.NoError(t, f.DelNetworkList(t.Context(), list, f.rt))
	require.NoError(t, f.GCNetworkList(t.Context(), list, &GCArgs{}))
	assert.Empty(t, f.store(nil).files(t))
	assert.Empty(t, warned)
}

// results/ may be on a file system of its own: nothing can be moved there.
func TestResultsOnAnotherDisk(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	var warned []error
	f := disk(t, &warned)
	results := filepath.Join(f.opts.CacheDir, "results")
	require.NoError(t, os.Mkdir(results, 0o700))
	require.NoError(t, syscall.Mount("tmpfs", results, "tmpfs", 0, "size=64k"))
	for _, network := range []string{"net", "n-e-t"} {
		list := mustList(t, `{"name":"`+network+`","cniVersion":"1.1.0","plugins":[{"type":"one"}]}`)
		for range 2 {
			_, err := f.AddNetworkList(t.Context(), list, f.rt)
			require.NoError(t, err)
			assert.Equal(t, []string{"results/" + network + "-c1-eth0"}, f.store(nil).files(t), "no intent is left")
		}
		require.NoError(t, f.CheckNetworkList(t.Context(), list, f.rt))
		require.NoError(t, f.DelNetworkList(t.Context(), list, f.rt))
		assert.Empty(t, f.store(nil).files(t))
	}
	list := list3(t, v1)
	require.NoError(t, syscall.Mount("", results, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	f.fake.take()
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.ErrorIs(t, err, syscall.EROFS)
	assert.Empty(t, f.fake.calls(), "found out before")
	assert.Empty(t, f.store(nil).files(t))
	assert.Empty(t, warned)
}

func TestReadOnlyDisk(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	var warned []error
	f := disk(t, &warned)
	list := list3(t, `"cniVersion":"1.1.0",`)
	for _, id := range []string{"c1", "c2"} {
		f.rt.ContainerID = id
		_, err := f.AddNetworkList(t.Context(), list, f.rt)
		require.NoError(t, err)
	}
	f.rt.ContainerID = "c3"
	f.fake.replies["two ADD"] = errBanana
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.Error(t, err)
	require.NoError(t, syscall.Mount("", f.opts.CacheDir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	f.fake.take()

	_, err = f.AddNetworkList(t.Context(), list, f.rt)
	require.ErrorIs(t, err, syscall.EROFS)
	assert.Empty(t, f.fake.calls())
	f.rt.ContainerID = "c1"
	require.NoError(t, f.CheckNetworkList(t.Context(), list, f.rt))
	f.fake.take()
	require.NoError(t, f.DelNetworkList(t.Context(), list, f.rt))
	assert.NotEmpty(t, f.fake.take()[0].prev())
	require.Len(t, warned, 1, "the record that could not be removed is told")
	assert.ErrorIs(t, warned[0], syscall.EROFS)
	var damaged *RecordError
	require.ErrorAs(t, warned[0], &damaged)
	assert.Equal(t, filepath.Join(f.opts.CacheDir, "results", "net-c1-eth0"), damaged.Path)

	require.NoError(t, f.GCNetworkList(t.Context(), list, valid("c1")))
	var dels []string
	for _, r := range f.fake.take() {
		if r.command == "DEL" && r.plugin == "one" {
			dels = append(dels, r.env["CNI_CONTAINERID"])
		}
	}
	assert.ElementsMatch(t, []string{"c2", "c3"}, dels)
	assert.Len(t, warned, 3)
	require.NoError(t, f.DelContainer(t.Context(), "c3"))
}

// Without permission nothing is taken for "no record". Root has every permission,
// so it becomes somebody else, in a process of its own.
func TestForbiddenDirectory(t *testing.T) {
	if os.Getuid() == 0 {
		if os.Getenv(realDisk) == "" {
			inNamespace(t)
			return
		}
		require.NoError(t, syscall.Setuid(65534))
		base, err := os.MkdirTemp("", "forbidden")
		require.NoError(t, err)
		defer os.RemoveAll(base)
		t.Setenv("TMPDIR", base)
	}
	for _, dir := range []string{"results", "pending"} {
		var warned []error
		path, err := os.MkdirTemp("", dir)
		require.NoError(t, err)
		f := newFixture(t, Options{CacheDir: path, Warn: warnings(&warned)})
		list := list3(t, `"cniVersion":"1.1.0",`)
		_, err = f.AddNetworkList(t.Context(), list, f.rt)
		require.NoError(t, err)
		forbidden := filepath.Join(path, dir)
		require.NoError(t, os.Chmod(forbidden, 0))
		f.fake.take()

		_, err = f.AddNetworkList(t.Context(), list, f.rt)
		assert.ErrorIs(t, err, fs.ErrPermission)
		assert.Empty(t, f.fake.calls())
		var damaged *RecordError
		if dir == "results" {
			err = f.CheckNetworkList(t.Context(), list, f.rt)
			assert.ErrorIs(t, err, fs.ErrPermission)
			require.ErrorAs(t, err, &damaged)
			assert.Equal(t, forbidden, damaged.Path)
			assert.Empty(t, f.fake.calls())
		}
		err = f.GCNetworkList(t.Context(), list, valid("c1"))
		assert.ErrorIs(t, err, fs.ErrPermission)
		assert.ErrorContains(t, err, forbidden)
		f.fake.take()
		require.NoError(t, f.DelNetworkList(t.Context(), list, f.rt), "DEL goes on")
		assert.Len(t, f.fake.calls(), 3)
		require.NotEmpty(t, warned)
		assert.ErrorIs(t, warned[0], fs.ErrPermission)
		require.NoError(t, os.Chmod(forbidden, 0o700))
		require.NoError(t, os.RemoveAll(path))
	}
}
