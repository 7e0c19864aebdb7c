package invoke_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
)

func put(t *testing.T, dir, name string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"), mode))
	return path
}

func TestFindInPath(t *testing.T) {
	empty, first, second := t.TempDir(), t.TempDir(), t.TempDir()
	want := put(t, first, "bridge", 0o755)
	put(t, second, "bridge", 0o755)
	plain := put(t, first, "plain", 0o600)
	put(t, second, "plain", 0o600)
	blocked := put(t, first, "blocked", 0o600)
	better := put(t, second, "blocked", 0o755)
	require.NoError(t, os.Mkdir(filepath.Join(first, "folder"), 0o755))
	behind := put(t, second, "folder", 0o755)

	got, err := invoke.FindInPath("bridge", []string{empty, first, second})
	require.NoError(t, err)
	assert.Equal(t, want, got, "the first directory that has it")

	got, err = invoke.FindInPath("plain", []string{empty, first, second})
	require.NoError(t, err)
	assert.Equal(t, plain, got, "not executable, but there is nothing better")

	got, err = invoke.FindInPath("folder", []string{first, second})
	require.NoError(t, err)
	assert.Equal(t, behind, got, "a directory is nothing to run")

	if runtime.GOOS != "windows" {
		got, err = invoke.FindInPath("blocked", []string{first, second})
		require.NoError(t, err)
		assert.Equal(t, better, got, "a file that is not executable does not hide one that is")
		got, err = invoke.FindInPath("blocked", []string{first})
		require.NoError(t, err)
		assert.Equal(t, blocked, got)
	}
}

func TestFindInPathErrors(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o755))
	tests := []struct {
		name, plugin string
		paths        []string
		want         string
		notFound     bool
	}{
		{"no name", "", []string{dir}, "no plugin name provided", false},
		{"no paths", "bridge", nil, "no paths provided", false},
		{"slash", "../bridge", []string{dir}, "invalid plugin name: ../bridge", false},
		{"backslash, on every system", `..\bridge`, []string{dir}, `invalid plugin name: ..\bridge`, false},
		{"missing", "bridge", []string{dir}, `failed to find plugin "bridge" in path [` + dir + `]`, true},
		{"directory", "folder", []string{dir}, `failed to find plugin "folder" in path [` + dir + `]: ` + filepath.Join(dir, "folder") + " is a directory", true},
		{"the parent", "..", []string{dir}, `failed to find plugin ".." in path [` + dir + `]: ` + filepath.Dir(dir) + " is a directory", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := invoke.FindInPath(tt.plugin, tt.paths)
			require.EqualError(t, err, tt.want)
			var missing *invoke.NotFoundError
			if !tt.notFound {
				assert.NotErrorIs(t, err, invoke.ErrPluginNotFound)
				return
			}
			assert.ErrorIs(t, err, invoke.ErrPluginNotFound)
			require.ErrorAs(t, err, &missing)
			assert.Equal(t, tt.plugin, missing.Plugin)
			assert.Equal(t, tt.paths, missing.Dirs)
			assert.Equal(t, tt.want+"\n    to do:     install it in "+dir+", or name the directory that has it in the plugin path,"+
				` or correct the "type" in the network's configuration`, fmt.Sprintf("%+v", err))
		})
	}
}

func TestFindInPathDanglingLink(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "bridge")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	_, err := invoke.FindInPath("bridge", []string{dir})
	assert.ErrorIs(t, err, invoke.ErrPluginNotFound)
	assert.ErrorContains(t, err, "is a link that leads nowhere")
}

func TestFindInPathUnreadableDirectory(t *testing.T) {
	dir := t.TempDir()
	file := put(t, dir, "file", 0o644)
	_, err := invoke.FindInPath("bridge", []string{file}) // ENOTDIR
	assert.ErrorIs(t, err, invoke.ErrPluginNotFound)
	if runtime.GOOS != "windows" {
		var pathErr *fs.PathError
		assert.ErrorAs(t, err, &pathErr)
	}
}

// R16: what $PATH or the working directory have is not found by an empty entry.
func TestR16EmptyAndRelativePathEntries(t *testing.T) {
	dir := t.TempDir()
	dir, err := filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	t.Chdir(dir)
	t.Setenv("PATH", dir)
	put(t, dir, "bridge", 0o755)

	_, err = invoke.FindInPath("bridge", []string{""})
	assert.ErrorIs(t, err, invoke.ErrPluginNotFound)

	require.NoError(t, os.Mkdir("bin", 0o755))
	want := put(t, filepath.Join(dir, "bin"), "bridge", 0o755)
	got, err := invoke.FindInPath("bridge", []string{"", "bin"})
	require.NoError(t, err)
	assert.Equal(t, want, got)

	dirs, err := invoke.SearchDirs([]string{"", "bin", filepath.Join(dir, "x") + string(filepath.Separator)})
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(dir, "bin"), filepath.Join(dir, "x") + string(filepath.Separator)}, dirs,
		"absolute entries stay as they are written")
}
