// Package layers holds the test that keeps the packages in their order.
package layers

import (
	"go/build"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	module   = "github.com/cnikit/cnikit"
	upstream = "github.com/containernetworking/cni/pkg/"
)

// allowed lists, for each package, everything outside the standard library
// that its code (not its tests) may import. A package that is not listed may
// import nothing: a new package needs a line here and a reason.
var allowed = map[string][]string{
	".":                   {},
	"internal/rawjson":    {},
	"internal/joined":     {},
	"internal/shell":      {},
	"internal/atomicfile": {"golang.org/x/sys/unix", "golang.org/x/sys/windows"},
	"internal/inherit":    {},
	"version": {
		"github.com/Masterminds/semver/v3",
		upstream + "version", upstream + "types", upstream + "types/create",
	},
	"types": {
		module + "/version",
		upstream + "types", upstream + "types/100", upstream + "types/040",
		upstream + "types/020", upstream + "types/create",
	},
	"invoke": {
		module + "/types", module + "/version", module + "/internal/rawjson", module + "/internal/inherit",
		upstream + "types/100", // decode.go fills its structs
		"golang.org/x/sys/unix", "golang.org/x/sys/windows",
	},
	"invoke/invoketest": {
		module + "/invoke", module + "/types", module + "/version", module + "/internal/rawjson",
	},
	"libcni": {
		module + "/invoke", module + "/types", module + "/version",
		module + "/internal/rawjson", module + "/internal/atomicfile", module + "/internal/inherit",
		module + "/internal/joined", module + "/internal/shell",
	},
	"libcni/podnet": {
		module + "/libcni", module + "/invoke", module + "/types", module + "/version",
		module + "/internal/rawjson", module + "/internal/atomicfile", module + "/internal/joined",
		module + "/internal/shell",
		"github.com/fsnotify/fsnotify", "golang.org/x/sys/unix", "golang.org/x/sys/windows",
	},
}

// TestLayers reads the import clauses of every package of the root module, for
// every system, and holds them against the table.
func TestLayers(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	seen := 0
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		rel := filepath.ToSlash(must(filepath.Rel(root, path)))
		if skip(rel, path) {
			return filepath.SkipDir
		}
		for _, goos := range []string{"linux", "darwin", "windows", "freebsd"} {
			ctx := build.Default
			ctx.GOOS, ctx.CgoEnabled = goos, false
			pkg, err := ctx.ImportDir(path, 0)
			if _, none := err.(*build.NoGoError); none {
				continue
			}
			if !assert.NoError(t, err, rel) {
				continue
			}
			seen++
			for _, imp := range pkg.Imports {
				if !strings.Contains(strings.Split(imp, "/")[0], ".") {
					continue // the standard library
				}
				assert.True(t, slices.Contains(allowed[rel], imp),
					"GOOS=%s: package %q imports %q, which its row of the table does not allow", goos, rel, imp)
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.NotZero(t, seen)
}

// skip leaves out what may import anything: examples, and nested modules.
func skip(rel, path string) bool {
	if rel == "." {
		return false
	}
	if base := filepath.Base(path); strings.HasPrefix(base, ".") || base == "testdata" || rel == "examples" {
		return true
	}
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
