//go:build linux

package e2e

import (
	"os"
	"testing"

	"github.com/cnikit/cnikit/libcni"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDelContainer: what either library has attached is detached from the records alone,
// with nobody knowing the configurations any more; a container beside it keeps everything.
func TestDelContainer(t *testing.T) {
	if os.Getenv(insideVar) == "" {
		t.Parallel()
	}
	for name, adder := range map[string]func(plugins string) library{"upstream": upstream, "cnikit": cnikit} {
		t.Run(name, func(t *testing.T) {
			sandbox(t, rootless, func(t *testing.T) string {
				needLinkKind(t, "bridge")
				gone, stays := newContainer(t, "gone"), newContainer(t, "stays")
				stays.serve(t, 80)
				lists := []string{churnList, segment("side", "10.34.0.0/24")}
				lib := adder(pluginsDir())
				attach := func(c *container, port int) {
					for i, list := range lists {
						a := churning(c.name, port)
						a.IfName = []string{"eth0", "eth1"}[i]
						_, err := lib.Add(t.Context(), list, a)
						require.NoError(t, err)
					}
				}
				attach(stays, 8080)
				before := traces(t)

				attach(gone, 8081)
				assert.NotEmpty(t, leftBehind(before, traces(t)))
				ours := libcni.NewCNIConfig([]string{pluginsDir()}, nil)
				require.NoError(t, ours.DelContainer(t.Context(), "gone"))
				assertOnly(t, before)
				assert.NotContains(t, gone.ip(t, "-br link show"), "eth")
				assertReaches(t, nil, "127.0.0.1:8080", "stays")
				require.NoError(t, ours.DelContainer(t.Context(), "gone"), "again")

				require.NoError(t, ours.DelContainer(t.Context(), "stays"))
				assert.Empty(t, libraryFiles(t))
				return ""
			})
		})
	}
}
