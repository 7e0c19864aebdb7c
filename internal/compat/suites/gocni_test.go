package suites

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/internal/compat/alias"
)

// goCNITests is the number of go-cni's tests, subtests included.
const goCNITests = 5

// TestGoCNI runs go-cni's suite with the generated module in upstream's place,
// as README.md tells for any program.
func TestGoCNI(t *testing.T) {
	s := generated(t)
	dir := filepath.Join(workDir, "go-cni")
	require.NoError(t, alias.CopyTree(dir, s.goCNI))
	require.NoError(t, alias.MergeSums(dir, s.Upstream, s.Ours))
	require.NoError(t, alias.Redirect(dir, s.Ours, s.aliases))

	out, err := goTool(dir, "test", "-count=1", "-json", "./...")
	passed := 0
	for line := range strings.Lines(out) {
		var e struct{ Action, Test string }
		if json.Unmarshal([]byte(line), &e) != nil || e.Test == "" {
			continue
		}
		if e.Action == "pass" || e.Action == "fail" || e.Action == "skip" {
			t.Run(e.Test, func(t *testing.T) { assert.Equal(t, "pass", e.Action) })
		}
		if e.Action == "pass" {
			passed++
		}
	}
	assert.NoError(t, err, "%s", tail(out))
	assert.Equal(t, goCNITests, passed, "tests that passed")
}
