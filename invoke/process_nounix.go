//go:build !unix

package invoke

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// process is one running plugin, served by os/exec. Systems other than Unix have no
// process groups and no signal that asks a process to end: a plugin whose context
// ends is killed at once, and what it started stays.
type process struct {
	cmd      *exec.Cmd
	group    bool          // there are none
	grace    time.Duration // nothing to wait for
	patience time.Duration // for those who hold the outputs of a plugin that has exited

	waited chan error // the wait's result
	failed chan error // why the plugin has to be stopped

	mu   sync.Mutex
	left bool // nobody wants what comes now
}

// start starts the process with three pipes.
func (p *process) start(_ context.Context, r *run, request []byte) error {
	p.waited, p.failed = make(chan error, 1), make(chan error, 1)
	p.cmd.Stdin = bytes.NewReader(request)
	p.cmd.Stdout, p.cmd.Stderr = p.output(r.stdout.take), p.output(r.stderr.take)
	p.cmd.WaitDelay = p.patience
	if err := p.cmd.Start(); err != nil {
		return err
	}
	r.started = true
	go func() { p.waited <- p.cmd.Wait() }()
	return nil
}

// supervise returns when the process has ended, or has been told to and did not.
func (p *process) supervise(ctx context.Context, r *run) {
	var err error
	select {
	case err = <-p.waited:
	case r.stopped = <-p.failed:
	case <-ctx.Done():
		r.stopped = ctxError(ctx)
	}
	if r.stopped != nil {
		_ = p.cmd.Process.Kill()
		select {
		case err = <-p.waited:
		case <-time.After(p.patience + killWait):
			r.left = true
		}
	}
	p.mu.Lock()
	p.left = true
	p.mu.Unlock()
	if !r.left && (p.cmd.ProcessState == nil || !p.cmd.ProcessState.Success()) {
		r.waitErr = err // not what went wrong with a pipe
	}
	r.stderr.flush()
	if r.stopped == nil {
		select {
		case r.stopped = <-p.failed:
		default:
		}
	}
}

// output takes what the plugin writes.
func (p *process) output(take func([]byte) error) io.Writer {
	return writer(func(data []byte) (int, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.left {
			return len(data), nil
		}
		if err := take(data); err != nil {
			select {
			case p.failed <- err:
			default:
			}
			return 0, err
		}
		return len(data), nil
	})
}

type writer func([]byte) (int, error)

func (w writer) Write(data []byte) (int, error) { return w(data) }

func signalOf(*os.ProcessState) os.Signal { return nil }
