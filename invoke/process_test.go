//go:build unix

package invoke

import (
	"context"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func shell(script string) (*process, *run) {
	r := &run{path: "/bin/sh", stdout: bounded{max: 100}}
	return &process{
		cmd:   &exec.Cmd{Path: r.path, Args: []string{"sh", "-c", script}},
		group: true,
		grace: time.Millisecond,
	}, r
}

// A process that is stuck in the kernel does not end when it is killed. Here the
// signals are what goes missing.
func TestProcessStuckInTheKernelIsLeftToTheBackground(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	p, r := shell("echo half; exec sleep 300")
	require.NoError(t, p.start(ctx, r, nil))
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
	for _, polled := range p.polled {
		assert.EqualValues(t, -1, polled.Fd)
	}

	kill()
	for start := time.Now(); syscall.Kill(p.cmd.Process.Pid, 0) == nil; time.Sleep(time.Millisecond) {
		require.Less(t, time.Since(start), 20*time.Second, "it is waited for in the background")
	}
}

// Where the system has no descriptor for a process a goroutine waits for it.
func TestProcessWithoutDescriptor(t *testing.T) {
	tests := []struct {
		name, script, out, err string
	}{
		{"succeeds", "echo 1", "1\n", ""},
		{"fails", "echo 1; exit 3", "1\n", "exit status 3"},
		{"closes its outputs and goes on", "echo 1; exec >&- 2>&-; sleep 0.1; exit 3", "1\n", "exit status 3"},
		{"leaves another behind", "sleep 300 & echo 1", "1\n", ""},
		{"is stopped", "echo ready >&2; exec sleep 300", "", "signal: terminated"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p, r := shell(tt.script)
			p.grace = time.Minute
			r.stderr.line = func(string) { cancel() }
			require.NoError(t, p.start(ctx, r, nil))
			if p.waited == nil {
				require.NoError(t, unix.Close(int(p.polled[pollDeath].Fd)))
				require.NoError(t, p.waitAside())
			}
			p.supervise(ctx, r)
			defer p.kill()
			assert.False(t, r.left)
			assert.Equal(t, tt.out, string(r.stdout.data))
			if tt.err == "" {
				assert.NoError(t, r.waitErr)
			} else {
				assert.EqualError(t, r.waitErr, tt.err)
			}
			assert.Equal(t, ctx.Err(), r.stopped)
		})
	}
}

// The result of a pipeline may come from a program that the shell did not wait for.
func TestLastWriterMayBeLateByAMoment(t *testing.T) {
	t.Parallel()
	p, r := shell("(sleep 0.02; echo late) &")
	p.patience = time.Minute // drainWait is for a machine that is not busy
	require.NoError(t, p.start(t.Context(), r, nil))
	p.supervise(t.Context(), r)
	assert.True(t, r.ok())
	assert.Equal(t, "late\n", string(r.stdout.data))
}

// polling returns a process with nothing but one descriptor.
func polling(i, fd int) *process {
	p := &process{run: &run{}}
	for i := range p.polled {
		p.polled[i].Fd = -1
	}
	p.polled[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	return p
}

// Somebody may write faster than can be read, for ever.
func TestServeEndsWhereThereIsAlwaysMore(t *testing.T) {
	t.Parallel()
	zero, err := unix.Open("/dev/zero", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	p := polling(pollErr, zero)
	defer p.closeAll()
	p.serve(time.Now(), p.silent)
	assert.False(t, p.silent())
	assert.NotEmpty(t, p.run.stderr.String())
}

// Somebody else may have read what we were told is there.
func TestReadOfNothingIsNoEnd(t *testing.T) {
	t.Parallel()
	r, w, err := newPipe()
	require.NoError(t, err)
	defer unix.Close(w)
	require.NoError(t, unix.SetNonblock(r, true))
	p := polling(pollOut, r)
	defer p.closeAll()
	p.polled[pollOut].Revents = unix.POLLIN
	assert.Empty(t, p.read(pollOut))
	assert.EqualValues(t, r, p.polled[pollOut].Fd)
}

// What a plugin that has exited wrote is read to its end: a part that would have had
// room does not make good for one that had not.
func TestTooMuchStaysTooMuch(t *testing.T) {
	t.Parallel()
	r, w, err := newPipe()
	require.NoError(t, err)
	_, err = unix.Write(w, make([]byte, readSize+1))
	require.NoError(t, err)
	require.NoError(t, unix.Close(w))
	p := polling(pollOut, r)
	defer p.closeAll()
	p.run.stdout.max = readSize - 1
	p.serve(time.Now(), p.silent)
	assert.ErrorIs(t, p.failed, errTooMuchOutput)
}

// A plugin may have closed its standard input: who is not heard is not asked again.
func TestWriteToNobodyIsTheEnd(t *testing.T) {
	t.Parallel()
	r, w, err := newPipe()
	require.NoError(t, err)
	require.NoError(t, unix.Close(r))
	p := polling(pollIn, w)
	defer p.closeAll()
	p.request = []byte("{}")
	p.write()
	assert.EqualValues(t, -1, p.polled[pollIn].Fd)
}
