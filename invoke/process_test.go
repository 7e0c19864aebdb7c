//go:build unix

package invoke

import (
	"context"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A process that is stuck in the kernel does not end when it is killed. Here the
// signals are what goes missing.
func TestProcessStuckInTheKernelIsLeftToTheBackground(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &run{path: "/bin/sh", stdout: bounded{max: 100}}
	p := &process{
		cmd:   &exec.Cmd{Path: r.path, Args: []string{"sh", "-c", "echo half; exec sleep 300"}},
		group: true,
		grace: time.Millisecond,
	}
	require.NoError(t, p.start(r, nil))
	kill := p.kill
	p.terminate, p.kill = func() {}, func() {}
	cancel()
	start := time.Now()
	p.supervise(ctx, r)
	assert.Less(t, time.Since(start), 20*time.Second)

	assert.True(t, r.left)
	err := r.diagnose()
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorContains(t, err, "context canceled (it has been killed but has not ended)")
	assert.Equal(t, -1, err.ExitCode)
	_, closed := p.stdout.file.Stat()
	assert.ErrorIs(t, closed, os.ErrClosed)

	kill()
	for start := time.Now(); syscall.Kill(p.cmd.Process.Pid, 0) == nil; time.Sleep(time.Millisecond) {
		require.Less(t, time.Since(start), 20*time.Second, "it is waited for in the background")
	}
}
