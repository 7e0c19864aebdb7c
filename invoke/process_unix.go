//go:build unix

package invoke

import (
	"os"
	"syscall"
	"time"
)

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
	pgid, err := syscall.Getpgid(pid)
	return err == nil && pgid != pid
}

func signalOf(state *os.ProcessState) os.Signal {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return status.Signal()
	}
	return nil
}

// readReady reads what a pipe holds and does not wait for more.
func readReady(f *os.File, buf []byte) int {
	conn, err := f.SyscallConn()
	if err != nil || f.SetReadDeadline(time.Time{}) != nil {
		return 0
	}
	n := 0
	_ = conn.Read(func(fd uintptr) bool {
		for {
			n, err = syscall.Read(int(fd), buf)
			if err != syscall.EINTR {
				return true
			}
		}
	})
	return max(n, 0)
}

// writeReady writes what a pipe takes and does not wait until it takes more. It
// returns how much it was: all of it, mostly.
func writeReady(f *os.File, data []byte) int {
	conn, err := f.SyscallConn()
	if err != nil || len(data) == 0 {
		return 0
	}
	written := 0
	_ = conn.Write(func(fd uintptr) bool {
		for written < len(data) {
			n, err := syscall.Write(int(fd), data[written:])
			if err == syscall.EINTR {
				continue
			}
			if err != nil {
				break
			}
			written += n
		}
		return true
	})
	return written
}
