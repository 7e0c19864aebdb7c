package invoke

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cnikit/cnikit/internal/inherit"
)

const (
	defaultGrace     = 2 * time.Second
	defaultMaxStdout = 16 << 20

	// busyBudget is how long a file that somebody is still writing is tried, and
	// busyStep the longest pause between two tries.
	busyBudget = 5 * time.Second
	busyStep   = 250 * time.Millisecond
)

// RawExec runs plugins as processes. The zero value is ready to use; it is safe
// for concurrent use as long as Stderr and Prepare are, and must not be changed
// while it is used.
//
// A plugin is started with three pipes, on Unix as the leader of a process group of
// its own. Whatever happens to it and to what it started, ExecPlugin returns soon
// after the plugin's own process has ended or its context has: see there.
//
// Of descriptors that Go opened a plugin gets no others, with one exception: in an ADD
// of package libcni, on Unix, descriptor 10, or one after those of Prepare, is the ADD's
// intent, for reading. As long as the plugin, or what it started, has it open, its lock
// says that somebody is at work; a plugin need not know of it. Descriptors 3 to 9, which
// are those that shell scripts use, are closed then.
type RawExec struct {
	// Stderr gets what plugins write to standard error, in whole lines, while they
	// run and whether they succeed or fail. It should not block: the call waits, and
	// stops no plugin meanwhile. nil discards it; a failed plugin's error has its last
	// part in any case.
	Stderr io.Writer

	// Grace is the time between SIGTERM and SIGKILL for a plugin whose context has
	// ended. 0 is two seconds, a negative value is no time.
	Grace time.Duration

	// MaxStdout is how many bytes a plugin may write to standard output before it
	// is stopped. 0 is 16 MiB.
	MaxStdout int

	// Prepare, when set, is called with every process before it is started and may
	// change it: directory, environment, credentials, namespaces, another file to
	// run. Standard input and outputs and the process group are set afterwards. It
	// is called once for each try when the plugin's file is busy.
	Prepare func(*exec.Cmd)

	// ShareGroup leaves the plugin in the caller's process group. It is for
	// callers that are plugins themselves: signals to their group then reach what
	// they run. When the context ends only the plugin's own process is stopped.
	ShareGroup bool
}

// ExecPlugin runs the plugin at pluginPath with stdinData as its standard input
// and environ as its environment (nil: this process's) and returns its standard
// output.
//
// When ctx ends the plugin's process group gets SIGTERM and, unless everything in
// it has ended before the grace period has, SIGKILL. Then the call returns, also
// when a process cannot be killed or another one holds the outputs. A plugin that
// exits by itself while a process that it started holds its outputs has exited:
// the call returns what was written until then, and leaves that process alone.
//
// A file that is open for writing ("text file busy") is tried again for five
// seconds or until ctx ends.
//
// Errors are of type [*PluginError]; errors.Is finds ctx.Err() in them when it was
// the context that ended the plugin.
func (e *RawExec) ExecPlugin(ctx context.Context, pluginPath string, stdinData []byte, environ []string) ([]byte, error) {
	start := time.Now()
	call := &Call{Plugin: filepath.Base(pluginPath), Path: pluginPath, Stdin: stdinData, Environ: environ}
	run := e.exec(ctx, call)
	if run.ok() {
		keepStderr(ctx, &run.stderr)
		return run.stdout.data, nil
	}
	err := run.diagnose()
	err.Elapsed = time.Since(start)
	err.name(call)
	return nil, err
}

// FindInPath is the function [FindInPath].
func (e *RawExec) FindInPath(plugin string, paths []string) (string, error) {
	return FindInPath(plugin, paths)
}

// exec runs a process for the call, and another one while the file is busy.
func (e *RawExec) exec(ctx context.Context, call *Call) *run {
	path, err := absolute(call.Path)
	if err != nil {
		return &run{path: call.Path, environ: call.Environ, startErr: err}
	}
	deadline := time.Now().Add(busyBudget)
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, busyStep) {
		r := &run{
			path:    path,
			environ: call.Environ,
			stdout:  bounded{max: e.MaxStdout},
			stderr:  tail{forward: e.Stderr, line: stderrSink(ctx)},
		}
		if r.stdout.max == 0 {
			r.stdout.max = defaultMaxStdout
		}
		e.once(ctx, r, call.Stdin)
		if !errors.Is(r.startErr, syscall.ETXTBSY) || time.Now().Add(pause).After(deadline) {
			return r
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			r.stopped = ctxError(ctx)
			return r
		}
	}
}

// once starts one process and sees it to its end.
func (e *RawExec) once(ctx context.Context, r *run, stdin []byte) {
	if ctx.Err() != nil {
		r.stopped = ctxError(ctx)
		return
	}
	cmd := &exec.Cmd{Path: r.path, Args: []string{r.path}, Env: r.environ}
	if e.Prepare != nil {
		e.Prepare(cmd)
	}
	bequeath(cmd, inherit.File(ctx))
	p := &process{cmd: cmd, group: !e.ShareGroup, grace: e.Grace, patience: drainWait}
	if p.grace == 0 {
		p.grace = defaultGrace
	}
	if r.startErr = p.start(ctx, r, stdin); r.startErr == nil {
		p.supervise(ctx, r)
	}
}

// firstHeirloom is above the descriptors that a shell script may name: many begin
// with "exec 3>&1".
const firstHeirloom = 10

// bequeath makes the process inherit the file, and after it all that it starts, but
// for what closes descriptors that it does not know.
func bequeath(cmd *exec.Cmd, file *os.File) {
	if file == nil {
		return
	}
	const padding = firstHeirloom - 3 // after the three pipes
	files := append(make([]*os.File, 0, padding+1), cmd.ExtraFiles...)
	files = files[:max(len(files), padding)] // nil: closed
	cmd.ExtraFiles = append(files, file)
}

// absolute keeps a bare name from being looked for in $PATH or run from wherever
// the process happens to be.
func absolute(path string) (string, error) {
	switch {
	case filepath.IsAbs(path):
		return path, nil
	case !strings.ContainsAny(path, `/\`):
		return "", errors.New("plugin path \"" + path + "\" names no directory")
	}
	return filepath.Abs(path)
}

// ctxError returns why ctx ended: its error, and its cause where that says more.
func ctxError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || errors.Is(err, cause) {
		return err
	}
	return &stopError{err, cause}
}

// stopError is a context's error with the cause that its owner gave it.
type stopError struct{ err, cause error }

func (e *stopError) Error() string   { return e.err.Error() + ": " + e.cause.Error() }
func (e *stopError) Unwrap() []error { return []error{e.err, e.cause} }

// sinkKey is the context key of the function that gets a plugin's standard error
// line by line.
type sinkKey struct{}

// withStderrSink returns a context that makes a RawExec hand each line of the
// plugin's standard error to sink, without its newline and while the plugin runs.
// It is called from one goroutine, and not after the call has returned.
func withStderrSink(ctx context.Context, sink func(line string)) context.Context {
	return context.WithValue(ctx, sinkKey{}, sink)
}

func stderrSink(ctx context.Context) func(string) {
	sink, _ := ctx.Value(sinkKey{}).(func(string))
	return sink
}

// keptKey is the context key of a [keptStderr].
type keptKey struct{}

// keptStderr is what a plugin that exited with status 0 wrote to standard error: its
// reply may turn out to be none. The text is a string.
type keptStderr struct{ text atomic.Value }

func keepStderr(ctx context.Context, t *tail) {
	if kept, ok := ctx.Value(keptKey{}).(*keptStderr); ok && len(t.data) > 0 {
		kept.text.Store(t.String())
	}
}

// runsProcesses reports whether an Exec keeps standard error for who asks.
func runsProcesses(exec Exec) bool {
	switch e := exec.(type) {
	case *DefaultExec:
		return true
	case *limiter:
		return runsProcesses(e.Exec)
	case *InProcess:
		return runsProcesses(orDefault(e.Exec))
	}
	return false
}
