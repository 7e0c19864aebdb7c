// Package sandboxtest runs, in a test, an example that runs in a sandbox.
package sandboxtest

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/examples/internal/sandbox"
)

var update = flag.Bool("update", false, "write what the program prints to testdata")

// Run runs the example in the working directory as README tells a reader to, and
// compares what it prints with testdata/output.txt. plugins are those it needs.
//
// Where there are no namespaces, or no plugins yet, it skips the test; where CI is
// "true" the plugins are built, everything has to be there, and it fails.
func Run(t *testing.T, plugins ...string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("network namespaces are Linux's")
	}
	if _, ok := sandbox.Find(plugins...); !ok {
		if os.Getenv("CI") != "true" {
			t.Skip("the plugins are not installed; go run builds them")
		}
		_, err := sandbox.Plugins(plugins...)
		require.NoError(t, err)
	}
	if out, err := exec.Command("unshare", "-Urmn", "true").CombinedOutput(); err != nil {
		unavailable(t, "no namespaces for this user: "+string(out))
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", ".")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s%s", &stdout, &stderr)
	require.Empty(t, stderr.String())
	if *update {
		require.NoError(t, os.WriteFile("testdata/output.txt", stdout.Bytes(), 0o644))
	}
	want, err := os.ReadFile("testdata/output.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), stdout.String())
}

func unavailable(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}
