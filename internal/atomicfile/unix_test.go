//go:build unix

package atomicfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestModesSurviveTheUmask(t *testing.T) {
	base := t.TempDir()
	defer syscall.Umask(syscall.Umask(0o777))
	d, err := Create(filepath.Join(base, "a", "b"), nil)
	require.NoError(t, err)
	defer d.Close()
	require.NoError(t, put(d, "file", "x"))
	for path, mode := range map[string]fs.FileMode{filepath.Dir(d.path): 0o700, d.path: 0o700, d.Path("file"): 0o600} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), path)
	}
}

func TestReadDoesNotWaitForANamedPipe(t *testing.T) {
	d := open(t, nil)
	require.NoError(t, syscall.Mkfifo(d.Path("pipe"), 0o600))
	_, err := d.Read("pipe")
	assert.ErrorContains(t, err, "not a regular file")
}
