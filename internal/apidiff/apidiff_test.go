package apidiff

import (
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	module   = "github.com/cnikit/cnikit/"
	upstream = "github.com/containernetworking/cni/"
)

// standsFor lists the packages whose API is here too, and where.
var standsFor = map[string]string{
	upstream + "pkg/types":   module + "types",
	upstream + "pkg/version": module + "version",
	upstream + "pkg/invoke":  module + "invoke",
	upstream + "libcni":      module + "libcni",
}

// fromSource lists, in the order of their imports, those of them that this
// module cannot import: they need modules that it does not require.
var fromSource = []string{upstream + "pkg/invoke", upstream + "libcni"}

// TestAPI: whoever changes the import path compiles. Every exported identifier
// exists here, is of the same kind and has the same type.
func TestAPI(t *testing.T) {
	l := load(t)
	for _, path := range slices.Sorted(maps.Keys(standsFor)) {
		t.Run(path, func(t *testing.T) {
			theirs, ours := l.mustImport(t, path), l.mustImport(t, standsFor[path])
			require.NotEmpty(t, theirs.Scope().Names())
			c := &comparison{same: standsFor}
			c.packages(theirs, ours)
			assert.Empty(t, c.missing, "what %s lacks of %s:\n%s", ours.Path(), theirs.Path(), strings.Join(c.missing, "\n"))
		})
	}
}

// TestCNI: mocks implement libcni.CNI, so it has upstream's methods and no other.
func TestCNI(t *testing.T) {
	l := load(t)
	theirs := l.mustImport(t, upstream+"libcni").Scope().Lookup("CNI").Type().Underlying().(*types.Interface)
	ours := l.mustImport(t, module+"libcni").Scope().Lookup("CNI").Type().Underlying().(*types.Interface)
	assert.Equal(t, 16, theirs.NumMethods())
	assert.True(t, (&comparison{same: standsFor}).equal(theirs, ours))
}

// load makes all packages of standsFor importable.
func load(t *testing.T) *loader {
	root := strings.TrimSpace(string(goList(t, "-m", "-f", "{{.Dir}}", strings.TrimSuffix(upstream, "/"))))
	require.NotEmpty(t, root)
	dir := func(path string) string { return filepath.Join(root, strings.TrimPrefix(path, upstream)) }

	packages := slices.Sorted(maps.Values(standsFor))
	for path := range standsFor {
		if !slices.Contains(fromSource, path) {
			packages = append(packages, path)
		}
	}
	for _, path := range fromSource {
		packages = append(packages, standardImports(t, dir(path))...)
	}
	l := newLoader(t, packages...)
	for _, path := range fromSource {
		l.source(path, dir(path))
	}
	return l
}

func (l *loader) mustImport(t *testing.T, path string) *types.Package {
	p, err := l.Import(path)
	require.NoError(t, err)
	require.True(t, p.Complete())
	return p
}
