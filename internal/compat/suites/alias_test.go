package suites

import (
	_ "embed"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/internal/compat/alias"
)

//go:embed testdata/shared_test.go
var sharedTest []byte

// TestSharedVariables assigns through upstream's names and looks at ours.
func TestSharedVariables(t *testing.T) {
	s := generated(t)
	dir := filepath.Join(s.aliases, "shared")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "shared_test.go"), sharedTest, 0o644))
	out, err := goTool(s.aliases, "test", "./shared")
	require.NoError(t, err, "%s", tail(out))
}

// TestBuilds compiles upstream's own command against the generated module, on
// each of the systems that upstream provides for.
func TestBuilds(t *testing.T) {
	s := generated(t)
	for _, system := range []string{"linux", "darwin", "windows"} {
		t.Run(system, func(t *testing.T) {
			t.Setenv("GOOS", system)
			out, err := goTool(s.aliases, "vet", "./cnitool/...", "./libcni", "./pkg/invoke")
			require.NoError(t, err, "%s", tail(out))
		})
	}
}

// TestGenerateRefusesFullDirectory: nobody's files are written over.
func TestGenerateRefusesFullDirectory(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mine"), nil, 0o644))
	err := alias.Generate(dir, generated(t).Options)
	require.ErrorContains(t, err, "is not empty")
	require.NoDirExists(t, filepath.Join(dir, "libcni"))
}
