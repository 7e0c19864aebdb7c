package apidiff

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// loader type-checks packages. All that it loads share one set of imported
// packages, so that a type which two of them import is the same type.
type loader struct {
	t       *testing.T
	fset    *token.FileSet
	export  map[string]string         // import path to the compiler's export data
	checked map[string]*types.Package // packages loaded from source
	gc      types.Importer
}

// newLoader builds export data for the given packages, which must be
// importable from this module, and all that they import.
func newLoader(t *testing.T, packages ...string) *loader {
	l := &loader{t: t, fset: token.NewFileSet(), export: map[string]string{}, checked: map[string]*types.Package{}}
	l.gc = importer.ForCompiler(l.fset, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(l.export[path])
	})
	list := json.NewDecoder(bytes.NewReader(goList(t, append([]string{"-export", "-deps", "-json=ImportPath,Export"}, packages...)...)))
	for list.More() {
		var p struct{ ImportPath, Export string }
		require.NoError(t, list.Decode(&p))
		l.export[p.ImportPath] = p.Export
	}
	return l
}

// Import implements types.Importer. A package that cannot be imported from
// this module (a dependency of a package loaded from source) is an empty one.
func (l *loader) Import(importPath string) (*types.Package, error) {
	switch p, ok := l.checked[importPath]; {
	case importPath == "unsafe":
		return types.Unsafe, nil
	case ok:
		return p, nil
	case l.export[importPath] != "":
		return l.gc.Import(importPath)
	}
	p := types.NewPackage(importPath, path.Base(importPath))
	p.MarkComplete()
	return p, nil
}

// source type-checks the declarations of the package in dir. Function bodies
// are left out: they alone use what cannot be imported from here.
func (l *loader) source(importPath, dir string) *types.Package {
	info, err := build.ImportDir(dir, 0)
	require.NoError(l.t, err)
	var files []*ast.File
	for _, name := range info.GoFiles {
		f, err := parser.ParseFile(l.fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		require.NoError(l.t, err)
		files = append(files, f)
	}
	conf := types.Config{
		Importer: l, IgnoreFuncBodies: true,
		Error: func(err error) {
			if !strings.Contains(err.Error(), "imported and not used") {
				require.NoError(l.t, err)
			}
		},
	}
	l.checked[importPath], _ = conf.Check(importPath, l.fset, files, nil)
	return l.checked[importPath]
}

// standardImports lists what the packages in dirs import of the standard library.
func standardImports(t *testing.T, dirs ...string) []string {
	found := map[string]bool{}
	for _, dir := range dirs {
		info, err := build.ImportDir(dir, 0)
		require.NoError(t, err)
		for _, p := range info.Imports {
			if first, _, _ := strings.Cut(p, "/"); !strings.Contains(first, ".") {
				found[p] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func goList(t *testing.T, args ...string) []byte {
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "go list %s: %s", strconv.Quote(strings.Join(args, " ")), &stderr)
	return out
}
