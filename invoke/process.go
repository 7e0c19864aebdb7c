package invoke

import (
	"context"
	"os"
	"os/exec"
	"sync/atomic"
	"time"
)

const (
	// drainWait is how long others that hold a plugin's outputs may go on writing
	// after the plugin has exited: long enough for the last program of a pipeline
	// that the plugin's shell did not wait for.
	drainWait = 100 * time.Millisecond
	// killWait is how long a killed process is waited for. One that is stuck in
	// the kernel is left to the background.
	killWait = 500 * time.Millisecond
)

// process is one running plugin.
type process struct {
	cmd   *exec.Cmd
	group bool // leads a process group of its own
	grace time.Duration

	terminate, kill func() // signal the group

	stdin          *os.File // our end
	stdout, stderr *reader

	// dead is closed when the process has ended and somebody waits for it. On Linux
	// it has not been reaped then, so that its number still is its group's and
	// nobody else's.
	dead    chan struct{}
	state   atomic.Int32
	waitErr error // after reap
}

// States of a process: it runs, it has ended and is the supervisor's to reap, or the
// supervisor has gone and wait reaps it when it ends.
const (
	running = iota
	ended
	abandoned
)

// start starts the process with three pipes and the goroutines that serve them.
func (p *process) start(r *run, stdin []byte) error {
	in, out, errs, err := openPipes()
	if err != nil {
		return err
	}
	rest := stdin[writeReady(in.write, stdin):]
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = in.read, out.write, errs.write
	p.prepare()
	if err := p.cmd.Start(); err != nil {
		closeAll(in.read, in.write, out.read, out.write, errs.read, errs.write)
		return err
	}
	closeAll(in.read, out.write, errs.write)
	r.started = true
	p.stdin, p.dead = in.write, make(chan struct{})
	p.stdout = newReader(out.read, r.stdout.take)
	p.stderr = newReader(errs.read, r.stderr.take)
	go p.wait()
	go p.stdout.loop()
	go p.stderr.loop()
	if len(rest) == 0 {
		closeAll(p.stdin)
		return nil
	}
	go func() {
		_, _ = p.stdin.Write(rest) // a plugin may exit without reading its request
		closeAll(p.stdin)
	}()
	return nil
}

type pipe struct{ read, write *os.File }

func openPipes() (in, out, errs pipe, err error) {
	for _, p := range []*pipe{&in, &out, &errs} {
		if *p, err = newPipe(p == &in); err != nil {
			closeAll(in.read, in.write, out.read, out.write)
			return in, out, errs, err
		}
	}
	return in, out, errs, nil
}

// closeAll closes the files; nil ones and a second time do no harm.
func closeAll(files ...*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// supervise returns when the process has ended, or has been told to and did not.
func (p *process) supervise(ctx context.Context, r *run) {
	r.stopped = p.watch(ctx)
	drain := time.Now().Add(drainWait)
	if r.stopped != nil {
		p.stop()
		drain = time.Now()
		r.left = p.state.CompareAndSwap(running, abandoned)
	}
	if !r.left {
		<-p.dead
		p.reap()
		r.waitErr = p.waitErr
	}
	p.stdout.hurry(drain)
	p.stderr.hurry(drain)
	p.stdout.close()
	p.stderr.close()
	closeAll(p.stdin)
	r.stderr.flush()
	if r.stopped == nil {
		r.stopped = p.stdout.err
	}
}

// watch returns nil when the process has ended, else why it has to be stopped.
func (p *process) watch(ctx context.Context) error {
	stdout := p.stdout.done
	for {
		select {
		case <-p.dead:
			return nil
		case <-stdout:
			if p.stdout.err != nil {
				return p.stdout.err
			}
			stdout = nil // closed by the plugin, which goes on
		case <-ctx.Done():
			select {
			case <-p.dead:
				return nil // it was faster
			default:
				return ctxError(ctx)
			}
		}
	}
}

// stop asks the process and its group to end, and after the grace period makes
// them. It does not wait longer than the last of them takes, as far as that can be
// seen: by the outputs, which all of them have got.
func (p *process) stop() {
	if p.grace > 0 {
		p.terminate()
		within(p.grace, p.dead, p.stdout.done, p.stderr.done)
	}
	p.kill()
	within(killWait, p.dead)
}

// within waits until all channels are closed, but not longer than d.
func within(d time.Duration, all ...<-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for _, c := range all {
		select {
		case <-c:
		case <-timer.C:
			return
		}
	}
}
