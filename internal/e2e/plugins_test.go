//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// pluginsVar names the directory of the plugins: for the sandboxed copies of the test
// binary, and for whoever has built them beforehand.
const pluginsVar = "CNIKIT_E2E_PLUGINS"

// pluginsDir returns the directory of the plugins, inside a sandbox.
func pluginsDir() string { return os.Getenv(pluginsVar) }

// builtPlugins returns the directory of the plugins, built once a run at most.
func builtPlugins(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv(pluginsVar); dir != "" {
		return dir
	}
	dir, err := buildPlugins()
	require.NoError(t, err)
	return dir
}

// buildPlugins brings the plugins of internal/testplugins and examples/flannel up to
// date in a directory that outlives the run, so that only the first build takes its time.
var buildPlugins = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "cnikit-e2e", "plugins")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// Two runs at once must not see each other's half-written binaries.
	lock, err := os.Open(dir)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return "", fmt.Errorf("locking %s: %w", dir, err)
	}
	for _, build := range []*exec.Cmd{
		exec.Command("go", "-C", "../testplugins", "build", "-o", dir+"/", "tool"),
		exec.Command("go", "build", "-o", dir+"/", "github.com/cnikit/cnikit/examples/flannel"),
	} {
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", build, err, out)
		}
	}
	return dir, nil
})
