package invoketest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
)

// impersonated are the plugins that this program can be. It is set once, by Main,
// and makes sure that Dir is not used without it: the processes would be the tests
// again, without end.
var impersonated atomic.Pointer[map[string]*invoke.Plugin]

// Main is for TestMain: it runs the tests and ends the program. Run under the name
// of one of the plugins, the program is that plugin instead, a real process with
// all that belongs to one. [Dir] makes a plugin directory for it. [Plugins] and the
// plugin of [TestExec] are always among the plugins.
//
//	func TestMain(m *testing.M) {
//		invoketest.Main(m, map[string]*invoke.Plugin{"bridge": {Add: addBridge}})
//	}
func Main(m *testing.M, plugins map[string]*invoke.Plugin) {
	all := Plugins()
	all[contractName] = contractPlugin()
	maps.Copy(all, plugins)
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	if all[name] != nil {
		// Not os.Exit: under the race detector that takes a second, for each run.
		syscall.Exit(impersonate(name, all))
	}
	impersonated.Store(&all)
	os.Exit(m.Run())
}

// Dir returns a directory with a file for each of the named plugins of [Main], or
// for all of them. It goes with the test.
func Dir(t testing.TB, plugins ...string) string {
	t.Helper()
	all := impersonated.Load()
	if all == nil {
		t.Fatal("invoketest: Dir without Main: TestMain must call invoketest.Main")
	}
	if len(plugins) == 0 {
		plugins = slices.Sorted(maps.Keys(*all))
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatalf("invoketest: %v", err)
	}
	dir := t.TempDir()
	for _, name := range plugins {
		if (*all)[name] == nil {
			t.Fatalf("invoketest: Main knows no plugin %q", name)
		}
		if err := install(self, filepath.Join(dir, name)); err != nil {
			t.Fatalf("invoketest: plugin %q: %v", name, err)
		}
	}
	return dir
}

// install makes the program available under another name.
func install(self, path string) error {
	if runtime.GOOS != "windows" {
		return os.Symlink(self, path)
	}
	// Links need rights there, or the same volume.
	path += ".exe"
	if os.Link(self, path) == nil {
		return nil
	}
	in, err := os.Open(self)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// impersonate is the main function of a plugin and returns its exit status.
func impersonate(name string, plugins map[string]*invoke.Plugin) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	reply, err := callPlugin(ctx, name, plugins, os.Stdin)
	if err != nil {
		var failure *invoke.PluginError
		if errors.As(err, &failure) {
			fmt.Fprint(os.Stderr, failure.Stderr)
		}
		said := &types.Error{Code: types.ErrInternal, Msg: err.Error()}
		errors.As(err, &said)
		if reply, err = json.Marshal(said); err != nil {
			return 2
		}
		_, _ = os.Stdout.Write(reply)
		return 1
	}
	if _, err := os.Stdout.Write(reply); err != nil {
		return 2
	}
	return 0
}

func callPlugin(ctx context.Context, name string, plugins map[string]*invoke.Plugin, in io.Reader) ([]byte, error) {
	stdin, err := io.ReadAll(in)
	if err != nil && !errors.Is(err, fs.ErrClosed) {
		return nil, types.NewError(types.ErrIOFailure, "reading the request: "+err.Error(), "")
	}
	exec := &invoke.InProcess{Plugins: plugins}
	path, err := exec.FindInPath(name, nil)
	if err != nil {
		return nil, err
	}
	return exec.ExecPlugin(ctx, path, stdin, nil)
}
