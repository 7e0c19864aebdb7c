//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestReadmePrograms runs the programs of README.md on a host as README.md says it has to
// be, and holds the error that it shows against the one that is printed.
func TestReadmePrograms(t *testing.T) {
	if os.Getenv(insideVar) == "" {
		t.Parallel()
		needPrivilege(t, rootless)
		require.NoError(t, buildReadmePrograms())
	}
	sandbox(t, rootless, func(t *testing.T) string {
		needLinkKind(t, "bridge")
		usualPlaces(t)
		web := newContainer(t, "web-1")

		mynet := shownNetwork(t)
		installNetwork(t, "mynet", mynet)
		stdout, stderr, status := readmeProgram(t, "attach")
		assert.Contains(t, stdout, `"address": "10.88.0.2/24"`)
		assert.Empty(t, stderr)
		assert.Zero(t, status)

		installNetwork(t, "mynet", strings.Replace(mynet, `"plugins": [`, `"plugins": [
			{"type": "bridge", "bridge": "mynet", "ipam": {"type": "host-local", "subnet": "10.88.0.0/24"}},
			{"type": "tuning", "sysctl": {"net.core.somaxcon": "500"}}], "was": [`, 1))
		stdout, stderr, status = readmeProgram(t, "attach")
		assert.Empty(t, stdout)
		assert.Equal(t, shownError(t), withoutTimes(stderr))
		assert.Equal(t, 1, status)
		assert.Empty(t, libraryFiles(t))

		installNetwork(t, "frontend", strings.NewReplacer("mynet", "frontend", "10.88", "10.89").Replace(mynet))
		installNetwork(t, "backend", strings.NewReplacer("mynet", "backend", "10.88", "10.90").Replace(mynet))
		stdout, stderr, status = readmeProgram(t, "networks")
		assert.Equal(t, "frontend eth0 [10.89.0.2]\nbackend back0 [10.90.0.2]\n", stdout)
		assert.Empty(t, stderr)
		assert.Zero(t, status)

		assert.Len(t, strings.Split(strings.TrimSpace(web.ip(t, "-br link show")), "\n"), 1, "nothing but lo is left")
		return ""
	})
}

// usualPlaces makes /etc/cni/net.d and /opt/cni/bin of a sandbox, without root: /etc is a
// directory of links to what was in it.
func usualPlaces(t *testing.T) {
	t.Helper()
	for to, from := range map[string]string{"/run/etc": "/etc", "/run/plugins": pluginsDir()} {
		require.NoError(t, os.Mkdir(to, 0o755))
		require.NoError(t, unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""))
	}
	for _, dir := range []string{"/etc", "/opt"} {
		require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755"))
	}
	entries, err := os.ReadDir("/run/etc")
	require.NoError(t, err)
	for _, e := range entries {
		if e.Name() != "cni" {
			require.NoError(t, os.Symlink("/run/etc/"+e.Name(), "/etc/"+e.Name()))
		}
	}
	require.NoError(t, os.MkdirAll("/etc/cni/net.d", 0o755))
	require.NoError(t, os.Mkdir("/opt/cni", 0o755))
	require.NoError(t, os.Symlink("/run/plugins", "/opt/cni/bin"))
}

func installNetwork(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile("/etc/cni/net.d/"+name+".conflist", []byte(text), 0o600))
}

// readmeProgram runs one of the examples that README.md shows.
func readmeProgram(t *testing.T, name string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(readmeDir(), name))
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil {
		require.True(t, errors.As(err, &exit), "%v", err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// shownNetwork is the network that README.md shows.
func shownNetwork(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, block, found := strings.Cut(string(readme), "```json\n")
	require.True(t, found, "README.md shows no network")
	block, _, _ = strings.Cut(block, "```")
	return block
}

// shownError is the error that README.md shows.
func shownError(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, block, found := strings.Cut(string(readme), "```\nplugin type=")
	require.True(t, found, "README.md shows no error")
	block, _, _ = strings.Cut(block, "```")
	return withoutTimes("plugin type=" + block)
}

var times = regexp.MustCompile(`(?m)^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d |( elapsed: +)\S+$`)

func withoutTimes(text string) string { return times.ReplaceAllString(text, "$1") }

func readmeDir() string {
	cache, _ := os.UserCacheDir()
	return filepath.Join(cache, "cnikit-e2e", "readme")
}

var buildReadmePrograms = sync.OnceValue(func() error {
	for _, name := range []string{"attach", "networks"} {
		build := exec.Command("go", "build", "-o", filepath.Join(readmeDir(), name), "github.com/cnikit/cnikit/examples/"+name)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", build, err, out)
		}
	}
	return nil
})
