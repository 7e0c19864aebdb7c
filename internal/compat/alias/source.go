package alias

import (
	"fmt"
	"os/exec"
	"strings"
)

// ModuleDir returns the directory with the source of a module, in the version
// that the go.mod of the module in dir ("": the current directory) selects. It
// is downloaded if need be.
func ModuleDir(dir, module string) (string, error) {
	if _, err := goCommand(dir, "mod", "download", module); err != nil {
		return "", err
	}
	out, err := goCommand(dir, "list", "-m", "-f", "{{.Dir}}", module)
	return strings.TrimSpace(out), err
}

// goCommand runs the go tool in dir and returns what it prints. What it says
// on stderr is part of the error.
func goCommand(dir string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out), nil
}
