//go:build linux

package e2e

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
)

// casts say which library does what: one adds the attachments, the other one does the
// rest. The reference alone comes first.
var casts = []struct {
	name        string
	adder, rest func(plugins string) library
}{
	{"upstream", upstream, upstream},
	{"cnikit", cnikit, cnikit},
	{"from-upstream-to-cnikit", upstream, cnikit},
	{"from-cnikit-to-upstream", cnikit, upstream},
}

// perform plays once with each library alone, and once with each one taking over what the
// other one added, every time in a sandbox of its own. Every performance has to go well,
// and to return the same as the first one, the reference's: what the plugins said.
func perform(t *testing.T, p privilege, play func(t *testing.T, adder, rest library) string) {
	t.Helper()
	if os.Getenv(insideVar) == "" {
		t.Parallel()
	}
	told := ""
	for _, c := range casts {
		t.Run(c.name, func(t *testing.T) {
			heard := sandbox(t, p, func(t *testing.T) string {
				return play(t, c.adder(pluginsDir()), c.rest(pluginsDir()))
			})
			if told == "" {
				told = heard
				if os.Getenv(insideVar) == "" {
					t.Logf("the plugins said:\n%s", heard)
				}
			}
			assert.Equal(t, told, heard, "what the plugins said, as against the reference")
		})
	}
}
