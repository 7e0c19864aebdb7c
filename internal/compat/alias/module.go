package alias

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// writeModule writes go.mod and go.sum of the generated module: upstream's
// requirements and, in addition, this library at its directory. OpenTelemetry
// stays among the former, for nothing here minds what is not imported.
func writeModule(dir string, o Options) error {
	if err := copyFile(filepath.Join(dir, "go.mod"), filepath.Join(o.Upstream, "go.mod")); err != nil {
		return err
	}
	if err := MergeSums(dir, o.Upstream, o.Ours); err != nil {
		return err
	}
	return Redirect(dir, o.Ours, "")
}

// Redirect edits the go.mod in dir so that the module there is built with this
// library in the directory ours and, unless aliases is empty, with the
// generated module in that directory in upstream's place. It is what the
// recipe in README.md does by hand.
func Redirect(dir, ours, aliases string) error {
	edits := []string{
		"mod", "edit", "-go=1.25.0", "-toolchain=none",
		"-require=" + Ours + "@v0.0.0",
		"-replace=" + Ours + "=" + ours,
	}
	if aliases != "" {
		edits = append(edits, "-replace="+Upstream+"="+aliases)
	}
	_, err := goCommand(dir, edits...)
	return err
}

// MergeSums writes dir/go.sum with the lines of all the go.sum files in from,
// and its own if there is one.
func MergeSums(dir string, from ...string) error {
	lines := map[string]bool{}
	for _, d := range append(from, dir) {
		data, err := os.ReadFile(filepath.Join(d, "go.sum"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		for line := range strings.Lines(string(data)) {
			lines[strings.TrimSpace(line)] = true
		}
	}
	all := make([]string, 0, len(lines))
	for line := range lines {
		all = append(all, line)
	}
	sort.Strings(all)
	return os.WriteFile(filepath.Join(dir, "go.sum"), []byte(strings.Join(all, "\n")+"\n"), 0o644)
}
