// Package suites runs the tests of other projects against this library. All of
// them come from the module cache, unchanged.
package suites

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/internal/compat/alias"
)

var oursFlag = flag.String("ours", "", "`directory` of the library to test instead of this repository's")

var workDir string // of all generated modules of this run

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		var err error
		if workDir, err = os.MkdirTemp("", "cnikit-compat-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(workDir)
		return m.Run()
	}())
}

// sources are the directories that everything is generated from.
type sources struct {
	alias.Options
	goCNI   string
	aliases string // the generated module
}

var generate = sync.OnceValues(func() (*sources, error) {
	s := &sources{Options: alias.Options{Tests: true, Ours: *oursFlag}, aliases: filepath.Join(workDir, "cni")}
	var err error
	if s.Upstream, err = alias.ModuleDir("", alias.Upstream); err != nil {
		return nil, err
	}
	if s.goCNI, err = alias.ModuleDir("", "github.com/containerd/go-cni"); err != nil {
		return nil, err
	}
	if s.Ours == "" {
		if s.Ours, err = alias.ModuleDir("", alias.Ours); err != nil {
			return nil, err
		}
	}
	return s, alias.Generate(s.aliases, s.Options)
})

func generated(t *testing.T) *sources {
	t.Helper()
	s, err := generate()
	require.NoError(t, err)
	return s
}

// goTool runs the go tool in a generated module and returns what it printed.
// The module's go.mod is completed on the way, from the module proxy.
func goTool(dir string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	// trimpath keeps the name of the temporary directory out of the build, so
	// that the next run finds this one's packages in the build cache. The
	// suites build plugins with the same settings.
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod -trimpath -buildvcs=false", "GOWORK=off", "GOTOOLCHAIN=local")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return string(out), err
}
