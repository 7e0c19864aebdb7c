package invoketest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/version"
)

// TB is the part of testing.TB that an [Exec] uses.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Cleanup(func())
}

// Exec is an invoke.Exec without processes and files: it holds the runs that a test
// expects against those that happen, and replies as it was told. It is safe for
// concurrent use; the fields must be set before the first run.
//
// A run that was not expected, or not now, or with another request fails the test,
// with what is different in its log, and the caller gets an error. So does, at the
// end of the test, a run that was expected and has not happened. VERSION is the
// exception: unless a Run expects it, every plugin supports all known versions.
type Exec struct {
	// AnyOrder is for callers that run plugins at the same time: a run is then the
	// first one of those expected that has its names.
	AnyOrder bool

	// Missing are plugins that FindInPath does not find.
	Missing []string

	version.PluginDecoder

	t TB

	mu    sync.Mutex
	want  []*expected
	calls []*invoke.Call
	over  bool // the test has ended
}

var _ invoke.Exec = (*Exec)(nil)

// expected is a Run and how often it is still expected.
type expected struct {
	Run
	left int
}

// NewExec returns an Exec that expects the given runs in their order.
func NewExec(t TB, runs ...Run) *Exec {
	t.Helper()
	e := &Exec{t: t}
	e.Expect(runs...)
	t.Cleanup(e.finish)
	return e
}

// Expect adds runs to those that are expected.
func (e *Exec) Expect(runs ...Run) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, run := range runs {
		e.want = append(e.want, &expected{Run: run, left: max(run.Times, 1)})
	}
}

// Calls returns the runs that have happened, in the order in which they began,
// those that nobody expected included.
func (e *Exec) Calls() []*invoke.Call {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.calls)
}

// ExecPlugin replies as the run that is expected next says. When ctx has ended
// nothing runs.
func (e *Exec) ExecPlugin(ctx context.Context, pluginPath string, stdinData []byte, environ []string) ([]byte, error) {
	e.t.Helper()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	call := newCall(pluginPath, stdinData, environ)
	run, err := e.match(call)
	if err != nil {
		return nil, err
	}
	return run.reply(ctx, call)
}

// FindInPath finds every plugin but the Missing ones, in the first of the
// directories.
func (e *Exec) FindInPath(plugin string, paths []string) (string, error) {
	if slices.Contains(e.Missing, plugin) {
		return "", &invoke.NotFoundError{Plugin: plugin, Dirs: paths}
	}
	if len(paths) == 0 {
		paths = []string{"/invoketest"}
	}
	return filepath.Join(paths[0], plugin), nil
}

// match finds and uses up the expected run that a call is.
func (e *Exec) match(call *invoke.Call) (*Run, error) {
	e.t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, call)
	found := e.find(call)
	switch {
	case found == nil && call.Command == "VERSION":
		return &Run{Do: allVersions}, nil
	case found == nil:
		return nil, e.fail("unexpected run\n  got:  %s\n  want: %s%s", name(call), e.next(), e.history())
	case found.Times != AnyTimes:
		found.left--
	}
	if diff := found.diff(call); len(diff) > 0 {
		return nil, e.fail("run %d: %s: not as expected\n  %s", len(e.calls), name(call), strings.Join(diff, "\n  "))
	}
	return &found.Run, nil
}

// find returns the run that a call is, or nil.
func (e *Exec) find(call *invoke.Call) *expected {
	var stub *expected
	first := true
	for _, want := range e.want {
		switch {
		case want.left == 0:
		case want.Times == AnyTimes:
			if stub == nil && want.is(call) {
				stub = want
			}
		case (first || e.AnyOrder) && want.is(call):
			return want
		default:
			first = false
		}
	}
	return stub
}

// next says what would have been right.
func (e *Exec) next() string {
	var lines []string
	for _, want := range e.want {
		if want.left > 0 && want.Times != AnyTimes {
			lines = append(lines, want.String())
			if !e.AnyOrder {
				break
			}
		}
	}
	if len(lines) == 0 {
		return "none"
	}
	return strings.Join(lines, "\n     or ")
}

// history lists the runs before the last one.
func (e *Exec) history() string {
	if len(e.calls) < 2 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n  after:")
	for i, call := range e.calls[:len(e.calls)-1] {
		fmt.Fprintf(&b, "\n    %d. %s", i+1, name(call))
	}
	return b.String()
}

// fail fails the test, unless that has ended, and returns the error for the
// caller. The lock is held.
func (e *Exec) fail(format string, args ...any) error {
	e.t.Helper()
	text := "invoketest: " + fmt.Sprintf(format, args...)
	if !e.over {
		e.t.Errorf("%s", text)
	}
	return errors.New(text)
}

// finish complains about the runs that have not happened.
func (e *Exec) finish() {
	e.mu.Lock()
	defer e.mu.Unlock()
	var unused []string
	for _, want := range e.want {
		if want.left > 0 && want.Times != AnyTimes {
			want.Times = want.left
			unused = append(unused, want.String())
		}
	}
	if len(unused) > 0 {
		_ = e.fail("expected, and not run\n  %s", strings.Join(unused, "\n  "))
	}
	e.over = true
}

// newCall reads from a plugin's arguments what they are for.
func newCall(path string, stdin []byte, environ []string) *invoke.Call {
	if environ == nil {
		environ = os.Environ()
	}
	env := func(name string) string {
		value, _ := lookupEnv(environ, name)
		return value
	}
	call := &invoke.Call{
		Plugin: filepath.Base(path), Path: path,
		Command: env("CNI_COMMAND"), ContainerID: env("CNI_CONTAINERID"), IfName: env("CNI_IFNAME"),
		Stdin: slices.Clone(stdin), Environ: slices.Clone(environ),
	}
	if request, err := decode(stdin); err == nil {
		if object, ok := request.(map[string]any); ok {
			call.Network, _ = object["name"].(string)
		}
	}
	return call
}

func name(call *invoke.Call) string {
	return describe(call.Command, call.Plugin, call.ContainerID, call.IfName)
}

// allVersions is the reply to VERSION of a plugin that supports all of them.
func allVersions(context.Context, *invoke.Call) ([]byte, error) {
	var reply strings.Builder
	err := version.All.Encode(&reply)
	return []byte(reply.String()), err
}
