package invoketest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// patience is how long an Exec may take to come back from a run that is to end.
const patience = 20 * time.Second

// TestExec holds an Exec against the contract that this library relies on, one
// subtest a clause. newExec is called for each of them. It gets the plugin that the
// Exec is to run, by its type: an Exec that runs functions takes it from there; one
// that runs processes finds it as a file in the directory that is given to its
// FindInPath, provided that TestMain calls [Main].
func TestExec(t *testing.T, newExec func(t *testing.T, plugins map[string]*invoke.Plugin) invoke.Exec) {
	clauses := []struct {
		name string
		test func(*contract)
	}{
		{"a result is returned", (*contract).result},
		{"a large result is returned whole", (*contract).largeResult},
		{"no output is no error", (*contract).noOutput},
		{"an error object is an error with its code", (*contract).errorObject},
		{"stdin arrives byte for byte", (*contract).stdin},
		{"the environment arrives and nothing else", (*contract).environment},
		{"no environment is the one of this process", (*contract).inherited},
		{"arguments are not changed", (*contract).arguments},
		{"the end of the context ends the call", (*contract).deadline},
		{"nothing runs after the end of the context", (*contract).ended},
		{"a missing plugin is ErrPluginNotFound", (*contract).notFound},
		{"VERSION is answered and decoded", (*contract).version},
		{"runs at the same time do not mix", (*contract).concurrent},
	}
	for _, clause := range clauses {
		t.Run(clause.name, func(t *testing.T) {
			c := &contract{T: t, tmp: t.TempDir(), dir: t.TempDir()}
			if impersonated.Load() != nil {
				c.dir = Dir(t, contractName)
			}
			c.exec = newExec(t, map[string]*invoke.Plugin{contractName: contractPlugin()})
			path, err := c.exec.FindInPath(contractName, []string{c.dir})
			if err != nil {
				t.Fatalf("FindInPath(%q): %v", contractName, err)
			}
			c.path = path
			clause.test(c)
		})
	}
}

// contract is one clause of the contract being looked at.
type contract struct {
	*testing.T
	exec      invoke.Exec
	path      string
	dir, tmp  string
	container string
}

// request is a configuration that tells the plugin what to do.
func (c *contract) request(do string) []byte {
	return fmt.Appendf(nil, `{"cniVersion":"1.0.0","name":"contract","type":%q,"do":%q,"out":%q}`,
		contractName, do, filepath.Join(c.tmp, "out"))
}

func (c *contract) environ(verb string) []string {
	container := c.container
	if container == "" {
		container = "c1"
	}
	args := &invoke.Args{Command: verb, ContainerID: container, NetNS: "/netns", IfName: "eth0", Path: c.dir}
	return invoke.EnvPolicy{Allow: []string{"PATH", "SYSTEMROOT", "GOCOVERDIR"}}.Environ(args)
}

func (c *contract) run(verb, do string) ([]byte, error) {
	return c.exec.ExecPlugin(c.Context(), c.path, c.request(do), c.environ(verb))
}

// mustRun runs the plugin and returns its output and what it has seen.
func (c *contract) mustRun(stdin []byte, environ []string) ([]byte, seen) {
	c.Helper()
	reply, err := c.exec.ExecPlugin(c.Context(), c.path, stdin, environ)
	if err != nil {
		c.Fatalf("ExecPlugin: %v", err)
	}
	data, err := os.ReadFile(filepath.Join(c.tmp, "out"))
	if err != nil {
		c.Fatalf("the plugin has not run: %v", err)
	}
	var s seen
	if err := json.Unmarshal(data, &s); err != nil {
		c.Fatalf("the plugin has written %q: %v", data, err)
	}
	return reply, s
}

func (c *contract) result() {
	reply, _ := c.mustRun(c.request("look"), c.environ("ADD"))
	result, err := invoke.CheckResult(reply, "1.0.0")
	if err != nil {
		c.Fatalf("got %q: %v", reply, err)
	}
	if !strings.Contains(string(result), `"c1"`) {
		c.Errorf("got %s, want a result with the container's ID in it", result)
	}
}

func (c *contract) largeResult() {
	reply, err := c.run("ADD", "large")
	if err != nil {
		c.Fatalf("ExecPlugin: %v", err)
	}
	if _, err := invoke.CheckResult(reply, "1.0.0"); err != nil || len(reply) < largeSize {
		c.Errorf("got %d bytes, want at least %d; %v", len(reply), largeSize, err)
	}
}

func (c *contract) noOutput() {
	reply, _ := c.mustRun(c.request("look"), c.environ("DEL"))
	if len(reply) != 0 {
		c.Errorf("got %q, want nothing", reply)
	}
}

func (c *contract) errorObject() {
	_, err := c.run("ADD", "fail")
	var said *types.Error
	if !errors.As(err, &said) {
		c.Fatalf("got %v (%T), want a *types.Error in it", err, err)
	}
	if want := *contractError(); *said != want {
		c.Errorf("got %+v, want %+v", *said, want)
	}
}

func (c *contract) stdin() {
	head, _ := strings.CutSuffix(string(c.request("look")), "}")
	for name, tail := range map[string]string{
		"numbers": `,"a":9007199254740993,"b":1.0,"c":1e400,"d":"\u00e9\/"}` + " \n\n",
		"a lot":   `,"a":"` + strings.Repeat("0123456789", 200_000) + `"}`,
	} {
		want := head + tail
		if _, s := c.mustRun([]byte(want), c.environ("DEL")); string(s.Stdin) != want {
			c.Errorf("%s: the plugin has read %d bytes, not the %d that were sent, or other ones", name, len(s.Stdin), len(want))
		}
	}
}

func (c *contract) environment() {
	c.Setenv("INVOKETEST_OUTER", "yes")
	want := append(c.environ("DEL"), "INVOKETEST_EMPTY=", "INVOKETEST_ODD=a=b;c\nd", "INVOKETEST_TWICE=1", "INVOKETEST_TWICE=2")
	_, s := c.mustRun(c.request("look"), want)
	for _, kv := range want {
		if kv != "INVOKETEST_TWICE=1" && !slices.Contains(s.Environ, kv) {
			c.Errorf("the plugin has no %q", kv)
		}
	}
	if value, ok := lookupEnv(s.Environ, "INVOKETEST_OUTER"); ok {
		c.Errorf("the plugin has INVOKETEST_OUTER=%s, which was not given", value)
	}
	if value, _ := lookupEnv(s.Environ, "INVOKETEST_TWICE"); value != "2" {
		c.Errorf("got INVOKETEST_TWICE=%s, want the last one, 2", value)
	}
}

func (c *contract) inherited() {
	for _, kv := range append(c.environ("DEL"), "INVOKETEST_OUTER=yes") {
		name, value, _ := strings.Cut(kv, "=")
		c.Setenv(name, value)
	}
	if _, s := c.mustRun(c.request("look"), nil); !slices.Contains(s.Environ, "INVOKETEST_OUTER=yes") {
		c.Error("the plugin has no INVOKETEST_OUTER")
	}
}

func (c *contract) arguments() {
	stdin, environ := c.request("look"), append(c.environ("ADD"), "Z=1", "A=1")
	environ = append(make([]string, 0, 2*len(environ)), environ...)
	stdinWas, environWas := slices.Clone(stdin), slices.Clone(environ[:cap(environ)])
	c.mustRun(stdin, environ)
	if !slices.Equal(stdin, stdinWas) || !slices.Equal(environ[:cap(environ)], environWas) {
		c.Error("the Exec has changed what it was given, which other plugins are given too")
	}
}

// after calls fn and reports when it does not come back.
func (c *contract) after(fn func() error) error {
	c.Helper()
	done := make(chan error, 1)
	go func() { done <- fn() }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		c.Fatalf("ExecPlugin has not returned within %v", patience)
		return nil
	}
}

func (c *contract) deadline() {
	ctx, cancel := context.WithTimeout(c.Context(), 200*time.Millisecond)
	defer cancel()
	err := c.after(func() error {
		_, err := c.exec.ExecPlugin(ctx, c.path, c.request("hang"), c.environ("ADD"))
		return err
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		c.Errorf("got %v, want context.DeadlineExceeded in it", err)
	}
}

func (c *contract) ended() {
	ctx, cancel := context.WithCancel(c.Context())
	cancel()
	err := c.after(func() error {
		_, err := c.exec.ExecPlugin(ctx, c.path, c.request("look"), c.environ("ADD"))
		return err
	})
	if !errors.Is(err, context.Canceled) {
		c.Errorf("got %v, want context.Canceled in it", err)
	}
	if _, err := os.Stat(filepath.Join(c.tmp, "out")); !errors.Is(err, fs.ErrNotExist) {
		c.Error("the plugin has run")
	}
}

func (c *contract) notFound() {
	path, err := c.exec.FindInPath("invoketest-missing", []string{c.dir})
	if !errors.Is(err, invoke.ErrPluginNotFound) {
		c.Errorf("got %q, %v, want invoke.ErrPluginNotFound", path, err)
	}
}

func (c *contract) version() {
	info, err := invoke.GetVersionInfo(c.Context(), c.path, c.exec)
	if err != nil {
		c.Fatal(err)
	}
	if got, want := info.SupportedVersions(), version.All.SupportedVersions(); !slices.Equal(got, want) {
		c.Errorf("got %q, want %q", got, want)
	}
}

func (c *contract) concurrent() {
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			one := &contract{T: c.T, exec: c.exec, path: c.path, dir: c.dir, tmp: c.tmp, container: fmt.Sprintf("container-%d", i)}
			reply, err := one.run("ADD", "name")
			if err != nil || !strings.Contains(string(reply), `"`+one.container+`"`) {
				c.Errorf("got %q, %v for %s", reply, err, one.container)
			}
		})
	}
	wg.Wait()
}
