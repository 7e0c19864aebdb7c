//go:build unix

package invoke_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
)

// prompt tells a call that comes back from one that hangs. It is far above what a
// loaded machine needs and far below what the plugins of these tests sleep.
const prompt = 20 * time.Second

// faultRun is how a plugin ended whose context had ended.
type faultRun struct {
	out     []byte
	err     error
	failed  *invoke.PluginError
	elapsed time.Duration
	stderr  string
}

// runUntilReady runs the script and ends the context when it prints "ready" to
// standard error. The cause is context.Canceled.
func runUntilReady(t *testing.T, e *invoke.RawExec, path string) faultRun {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var stderr bytes.Buffer
	e.Stderr = writerFunc(func(p []byte) (int, error) {
		if bytes.Contains(p, []byte("ready")) {
			cancel()
		}
		return stderr.Write(p)
	})
	start := time.Now()
	out, err := e.ExecPlugin(ctx, path, nil, nil)
	r := faultRun{out: out, err: err, elapsed: time.Since(start), stderr: stderr.String()}
	require.Less(t, r.elapsed, prompt)
	require.ErrorAs(t, err, &r.failed)
	assert.ErrorIs(t, err, context.Canceled)
	return r
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// alive reports whether a process runs; one that only waits to be reaped does not.
func alive(pid int) bool {
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		return !strings.Contains(string(stat), ") Z ")
	}
	return runtime.GOOS != "linux" && syscall.Kill(pid, 0) == nil
}

func pidIn(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	return pid
}

func assertGone(t *testing.T, pid int) {
	t.Helper()
	assert.Eventually(t, func() bool { return !alive(pid) }, prompt, time.Millisecond, "process %d is still there", pid)
}

// fifo makes a named pipe: a shell that opens it waits without a child.
func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	return path
}

func TestDeadlineWithGrandchildHoldingStdout(t *testing.T) {
	t.Parallel()
	pid := filepath.Join(t.TempDir(), "pid")
	r := runUntilReady(t, &invoke.RawExec{Grace: time.Minute},
		script(t, `sleep 300 & echo $! > `+pid+`; echo ready >&2; wait`))
	assertGone(t, pidIn(t, pid))
	assert.Equal(t, syscall.SIGTERM, r.failed.Signal)
	assert.EqualError(t, r.err, `netplugin failed: "ready\n": context canceled (signal: terminated)`)
}

func TestDeadlineWithGrandchildThatIgnoresSIGTERM(t *testing.T) {
	t.Parallel()
	pid := filepath.Join(t.TempDir(), "pid")
	r := runUntilReady(t, &invoke.RawExec{Grace: 300 * time.Millisecond},
		script(t, `sh -c 'trap "" TERM; echo $$ > `+pid+`; echo ready >&2; sleep 300' & wait`))
	assertGone(t, pidIn(t, pid))
	assert.GreaterOrEqual(t, r.elapsed, 300*time.Millisecond, "the grandchild has the grace period too")
}

func TestDeadlineWithChildThatIgnoresSIGTERM(t *testing.T) {
	t.Parallel()
	r := runUntilReady(t, &invoke.RawExec{Grace: 100 * time.Millisecond},
		script(t, `trap "" TERM; echo ready >&2; while :; do sleep 1; done`))
	assert.Equal(t, syscall.SIGKILL, r.failed.Signal)
	assert.Equal(t, -1, r.failed.ExitCode)
}

// A plugin that has moved to another process group gets the signals all the same,
// also when a child of its keeps the old group alive.
func TestDeadlineWithPluginThatLeftItsGroup(t *testing.T) {
	if os.Getenv("LEAVE_GROUP") != "" { // in the plugin
		group, err := syscall.Getpgid(os.Getppid())
		require.NoError(t, err)
		require.NoError(t, syscall.Setpgid(0, group))
		_, _ = os.Stderr.WriteString("ready\n")
		time.Sleep(5 * time.Minute)
		return
	}
	t.Parallel()
	r := runUntilReady(t, &invoke.RawExec{Grace: time.Minute},
		script(t, `sleep 300 & LEAVE_GROUP=1 exec '`+os.Args[0]+`' -test.run '^TestDeadlineWithPluginThatLeftItsGroup$'`))
	assert.Equal(t, syscall.SIGTERM, r.failed.Signal)
	assert.Less(t, r.elapsed, time.Minute)
}

func TestDeadlineWithoutGrace(t *testing.T) {
	t.Parallel()
	r := runUntilReady(t, &invoke.RawExec{Grace: -1}, script(t, `echo ready >&2; sleep 300`))
	assert.Equal(t, syscall.SIGKILL, r.failed.Signal)
}

func TestSIGTERMTrapCleansUpInTime(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "cleaned")
	r := runUntilReady(t, &invoke.RawExec{Grace: time.Minute}, script(t,
		`trap 'echo > `+file+`; echo "{\"code\": 100, \"msg\": \"rolled back\"}"; exit 4' TERM; echo ready >&2; read x < `+fifo(t)))
	assert.FileExists(t, file)
	assert.Equal(t, 4, r.failed.ExitCode)
	assert.EqualError(t, r.err, "rolled back")
	assert.EqualValues(t, 100, r.failed.Code)
}

// A plugin that answers SIGTERM by finishing has been stopped all the same: nobody
// knows what it left undone.
func TestSuccessAfterSIGTERMIsAnError(t *testing.T) {
	t.Parallel()
	r := runUntilReady(t, &invoke.RawExec{Grace: time.Minute},
		script(t, `trap 'exit 0' TERM; echo ready >&2; read x < `+fifo(t)))
	assert.Equal(t, 0, r.failed.ExitCode)
	assert.Nil(t, r.out)
}

func TestDeadlineText(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeoutCause(context.Background(), 2*time.Second, errors.New("the pod is gone"))
	defer cancel()
	_, err := new(invoke.RawExec).ExecPlugin(ctx, script(t, `sleep 300`), nil, nil)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.EqualError(t, err, "netplugin failed with no error message: context deadline exceeded: the pod is gone (signal: terminated)")
}

func TestContextThatHasEndedRunsNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	file := filepath.Join(t.TempDir(), "ran")
	_, err := new(invoke.RawExec).ExecPlugin(ctx, script(t, `echo > `+file), nil, nil)
	assert.ErrorIs(t, err, context.Canceled)
	assert.EqualError(t, err, "netplugin failed with no error message: context canceled")
	assert.NoFileExists(t, file)
}

func TestBackgroundChildHoldsOutputs(t *testing.T) {
	for _, status := range []int{0, 1} {
		t.Run(fmt.Sprintf("exit %d", status), func(t *testing.T) {
			t.Parallel()
			pid := filepath.Join(t.TempDir(), "pid")
			path := script(t, `sleep 300 & echo $! > `+pid+`; printf result; printf note >&2; exit `+strconv.Itoa(status))
			start := time.Now()
			var stderr bytes.Buffer
			out, err := (&invoke.RawExec{Stderr: &stderr}).ExecPlugin(context.Background(), path, nil, nil)
			assert.Less(t, time.Since(start), prompt)
			assert.Equal(t, "note", stderr.String())
			if status == 0 {
				require.NoError(t, err)
				assert.Equal(t, "result", string(out))
			} else {
				assert.ErrorContains(t, err, `"result"`)
			}
			background := pidIn(t, pid)
			assert.True(t, alive(background), "what a plugin leaves behind on purpose stays")
			_ = syscall.Kill(background, syscall.SIGKILL)
		})
	}
}
