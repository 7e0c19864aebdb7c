package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/cnikit/cnikit/invoke"
)

// packages are where the plugins come from that have to be built.
var packages = map[string]string{
	"bridge":     "github.com/containernetworking/plugins/plugins/main/bridge",
	"host-local": "github.com/containernetworking/plugins/plugins/ipam/host-local",
}

// Plugins returns a directory that has the named plugins: the first one of
// CNI_PATH, then /opt/cni/bin, then one in the user's cache directory, where they
// are built, once, from the sources that internal/testplugins names.
func Plugins(names ...string) (string, error) {
	if dir, ok := Find(names...); ok {
		return dir, nil
	}
	built, err := cacheDir()
	if err != nil {
		return "", err
	}
	return built, build(built, names)
}

// Find is Plugins without building anything.
func Find(names ...string) (dir string, ok bool) {
	built, _ := cacheDir()
	for _, dir := range append(filepath.SplitList(os.Getenv("CNI_PATH")), "/opt/cni/bin", built) {
		if dir != "" && has(dir, names) {
			return dir, true
		}
	}
	return "", false
}

func cacheDir() (string, error) {
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "cnikit-examples", "plugins"), err
}

func has(dir string, names []string) bool {
	for _, name := range names {
		if _, err := invoke.FindInPath(name, []string{dir}); err != nil {
			return false
		}
	}
	return true
}

func build(dir string, names []string) error {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	module := strings.TrimSpace(string(out))
	if err != nil || filepath.Base(module) != "go.mod" {
		return errors.Join(fmt.Errorf("no directory of CNI_PATH has the plugins %s: install them, or run this in a clone of cnikit", strings.Join(names, ", ")), err)
	}
	fmt.Fprintf(os.Stderr, "building the plugins %s in %s, once\n", strings.Join(names, ", "), dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	args := []string{"-C", filepath.Join(filepath.Dir(module), "internal", "testplugins"), "build", "-o", dir + string(filepath.Separator)}
	for _, name := range names {
		args = append(args, packages[name])
	}
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, text)
	}
	return nil
}
