//go:build unix

package invoke

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// readSize is how much is read from a pipe at once; results and log lines are
	// mostly shorter.
	readSize = 2 << 10
	// maxRead is how much is read at once from a plugin that writes a lot.
	maxRead = 64 << 10
	// maxPipe is as much as a pipe may hold: what a plugin wrote before it exited
	// is never more than that behind what was read.
	maxPipe = 1 << 20
)

// pipe makes the pipe behind one of the plugin's three descriptors, lists our end and
// returns the plugin's. Reading from ours never waits: the plugin may have opened it
// once more and read what we were told is there.
func (p *process) pipe(i int) (theirs *os.File, err error) {
	r, w, err := newPipe()
	if err != nil {
		return nil, err
	}
	ours, other, ready := r, w, unix.PollFd{Events: unix.POLLIN}
	if i == pollIn {
		ours, other, ready = w, r, unix.PollFd{Events: unix.POLLOUT}
	}
	ready.Fd = int32(ours)
	p.polled[i] = ready
	return os.NewFile(uintptr(other), "|"), os.NewSyscallError("fcntl", unix.SetNonblock(ours, true))
}

// watch makes the end of ctx something that is polled: it closes a pipe.
func (p *process) watch(ctx context.Context) error {
	if ctx.Done() == nil {
		return nil
	}
	r, w, err := newPipe()
	if err != nil {
		return err
	}
	p.polled[pollCtx] = unix.PollFd{Fd: int32(r), Events: unix.POLLIN}
	hangUp := func() { _ = unix.Close(w) }
	stop := context.AfterFunc(ctx, hangUp)
	p.unwatch = func() {
		if stop() {
			hangUp()
		}
	}
	return nil
}

// serve writes and reads what can be until it is enough or the time is up; no time is
// any time. What has been written before the time was up is read.
func (p *process) serve(until time.Time, enough func() bool) {
	const most = maxPipe / readSize // reads of what others than the plugin never cease to write
	for late := 0; late < most && !enough(); {
		wait := -1
		if !until.IsZero() {
			left := min(time.Until(until), time.Hour) + time.Millisecond - 1
			if wait = max(int(left/time.Millisecond), 0); wait == 0 {
				late++
			}
		}
		n, err := unix.Poll(p.polled[:], wait)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			p.failed = os.NewSyscallError("poll", err)
			return
		case n == 0 && wait == 0:
			return
		}
		for i := range p.polled {
			if p.polled[i].Revents != 0 {
				p.happened(i)
			}
		}
	}
}

// happened deals with what poll has found.
func (p *process) happened(i int) {
	switch i {
	case pollIn:
		p.write()
	case pollOut:
		if data := p.read(i); len(data) > 0 && p.failed == nil {
			p.failed = p.run.stdout.take(data)
		}
	case pollErr:
		_ = p.run.stderr.take(p.read(i))
	default:
		p.close(i)
	}
}

// read reads once. It closes the pipe at its end.
func (p *process) read(i int) []byte {
	if p.polled[i].Revents&unix.POLLIN == 0 {
		p.close(i)
		return nil
	}
	if p.buf == nil {
		p.buf = make([]byte, readSize)
	}
	n, err := unix.Read(int(p.polled[i].Fd), p.buf)
	if n == 0 || err != nil && err != unix.EINTR && err != unix.EAGAIN {
		p.close(i)
	}
	data := p.buf[:max(n, 0)]
	if n == len(p.buf) && n < maxRead {
		p.buf = make([]byte, min(4*n, maxRead))
	}
	return data
}

// write writes what the plugin's standard input takes, and closes it when that was
// all or nobody reads it: a plugin may exit without reading its request.
func (p *process) write() {
	for len(p.request) > 0 {
		n, err := unix.Write(int(p.polled[pollIn].Fd), p.request)
		switch err {
		case nil:
			p.request = p.request[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			return
		default:
			p.request = nil
		}
	}
	p.close(pollIn)
}

func (p *process) close(i int) {
	if p.polled[i].Fd >= 0 {
		_ = unix.Close(int(p.polled[i].Fd))
		p.polled[i] = unix.PollFd{Fd: -1}
	}
}

func (p *process) closeAll() {
	if p.unwatch != nil {
		p.unwatch()
	}
	for i := range p.polled {
		p.close(i)
	}
}
