//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestForbiddenRecords: what may not be read is not damaged. Nothing is forbidden
// to root, who runs it as somebody else.
func TestForbiddenRecords(t *testing.T) {
	if os.Geteuid() == 0 {
		asNobody(t)
		return
	}
	m := newMachine(t)
	results := filepath.Join(m.dir, "cache", "results")
	require.NoError(t, os.Mkdir(results, 0))
	t.Cleanup(func() { _ = os.Chmod(results, 0o700) })
	stdout, stderr, status := m.call("attachments")
	assert.Equal(t, 1, status)
	assert.NotContains(t, stdout, "Damaged")
	assert.Contains(t, stderr, "permission denied")

	stdout, _, status = m.call("doctor")
	assert.Equal(t, 2, status)
	assert.Contains(t, stdout, "this user may not read all of it")
	assert.NotContains(t, stdout, "damaged")
	assert.Contains(t, stdout, results+": takes no file, so that every ADD fails")
}

// asNobody runs the test that calls it in a process of another user, from a copy of
// the test binary that this user can reach.
func asNobody(t *testing.T) {
	t.Helper()
	const nobody = 65534
	dir, err := os.MkdirTemp("", "cnitool")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	binary, err := os.ReadFile(must(os.Executable()))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "test"), binary, 0o755))
	for _, path := range []string{dir, filepath.Join(dir, "test")} {
		require.NoError(t, os.Chown(path, nobody, nobody))
	}

	cmd := exec.Command(filepath.Join(dir, "test"), "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name())
}

func must(path string, err error) string {
	if err != nil {
		panic(err)
	}
	return path
}
