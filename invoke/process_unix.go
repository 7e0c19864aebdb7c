//go:build unix

package invoke

import (
	"context"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is one running plugin. The caller's goroutine does all there is to do, and
// waits in poll(2) for what happens next. That takes a thread, as waiting for a process
// does anyway; goroutines for the pipes would have to be woken one after the other,
// which costs a good part of what a small plugin takes (BenchmarkRawExec).
type process struct {
	cmd   *exec.Cmd
	group bool // leads a process group of its own
	grace time.Duration
	// patience is for those who hold the outputs of a plugin that has exited.
	patience time.Duration

	terminate, kill func() // signal the group

	run     *run
	polled  [5]unix.PollFd // what is waited for; what is closed has -1
	request []byte         // what has not been written to the plugin yet
	buf     []byte         // for reading
	failed  error          // why the plugin has to be stopped, besides its context's end

	unwatch func()     // the context
	waited  chan error // the wait's result, where a goroutine waits
}

// What is polled: our ends of the pipes, a descriptor that becomes readable when the
// process has ended, and one that does when the context has.
const (
	pollIn = iota
	pollOut
	pollErr
	pollDeath
	pollCtx
)

// start starts the process with three pipes.
func (p *process) start(ctx context.Context, r *run, request []byte) (err error) {
	for i := range p.polled {
		p.polled[i].Fd = -1
	}
	defer func() {
		if err != nil {
			p.closeAll()
		}
	}()
	var theirs [3]*os.File
	defer func() {
		for _, f := range theirs {
			_ = f.Close()
		}
	}()
	for i := range theirs {
		if theirs[i], err = p.pipe(i); err != nil {
			return err
		}
	}
	if err = p.watch(ctx); err != nil {
		return err
	}
	p.run, p.request = r, request
	p.write()
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = theirs[pollIn], theirs[pollOut], theirs[pollErr]
	p.prepare()
	if err = p.cmd.Start(); err != nil {
		return err
	}
	r.started = true
	if err = p.watchEnd(); err != nil {
		p.kill()
		_ = p.cmd.Wait()
	}
	return err
}

// supervise returns when the process has ended, or has been told to and did not.
func (p *process) supervise(ctx context.Context, r *run) {
	reaped := false
	defer func() {
		if !reaped {
			go p.reap()
		}
		p.closeAll()
	}()
	p.serve(time.Time{}, func() bool { return p.dead() || p.failed != nil || ctx.Err() != nil })
	if !p.dead() {
		if r.stopped = p.failed; r.stopped == nil {
			r.stopped = ctxError(ctx)
		}
		p.stop()
		p.patience = 0
	}
	if r.left = !p.dead(); !r.left {
		r.waitErr, reaped = p.reap(), true
	}
	p.serve(time.Now().Add(p.patience), p.silent)
	r.stderr.flush()
	if r.stopped == nil {
		r.stopped = p.failed
	}
}

// stop asks the process and its group to end, and after the grace period makes
// them. It does not wait longer than the last of them takes, as far as that can be
// seen: by the outputs, which all of them have got.
func (p *process) stop() {
	if p.grace > 0 {
		p.terminate()
		p.serve(time.Now().Add(p.grace), func() bool { return p.dead() && p.silent() })
	}
	p.kill()
	p.serve(time.Now().Add(killWait), p.dead)
}

func (p *process) dead() bool   { return p.polled[pollDeath].Fd < 0 }
func (p *process) silent() bool { return p.polled[pollOut].Fd < 0 && p.polled[pollErr].Fd < 0 }

// prepare makes the process the leader of a group, unless Prepare has made it the
// leader of a session, which leads a group too.
func (p *process) prepare() {
	p.terminate = func() { p.signal(syscall.SIGTERM) }
	p.kill = func() { p.signal(syscall.SIGKILL) }
	if !p.group {
		return
	}
	attr := &syscall.SysProcAttr{}
	if p.cmd.SysProcAttr != nil {
		*attr = *p.cmd.SysProcAttr // Prepare may give the same one to several
	}
	attr.Setpgid, attr.Pgid = !attr.Setsid, 0
	p.cmd.SysProcAttr = attr
}

// signal sends sig to the group. The process gets it too where it has left the
// group. What cannot be signalled is not waited for in vain: the callers' patience
// is limited.
func (p *process) signal(sig syscall.Signal) {
	pid := p.cmd.Process.Pid
	if !p.group || syscall.Kill(-pid, sig) != nil || leftGroup(pid) {
		_ = p.cmd.Process.Signal(sig)
	}
}

func leftGroup(pid int) bool {
	pgid, err := unix.Getpgid(pid)
	return err == nil && pgid != pid
}

func signalOf(state *os.ProcessState) os.Signal {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return status.Signal()
	}
	return nil
}

// reap is called once. It waits for the process where it has not ended.
func (p *process) reap() error {
	if p.waited != nil {
		return <-p.waited
	}
	return p.cmd.Wait()
}

// waitAside waits for the process in a goroutine, which reaps it. A signal to its
// group may come after that: the number is free then only if the group is empty, and
// systems do not give a number out again at once.
func (p *process) waitAside() error {
	r, w, err := newPipe()
	if err != nil {
		return err
	}
	p.polled[pollDeath] = unix.PollFd{Fd: int32(r), Events: unix.POLLIN}
	p.waited = make(chan error, 1)
	go func() {
		p.waited <- p.cmd.Wait()
		_ = unix.Close(w)
	}()
	return nil
}
