package invoke

import (
	"os"

	"golang.org/x/sys/unix"
)

// newPipe returns the two ends of a pipe that no plugin inherits.
func newPipe() (r, w int, err error) {
	var fds [2]int
	err = os.NewSyscallError("pipe2", unix.Pipe2(fds[:], unix.O_CLOEXEC))
	return fds[0], fds[1], err
}

// watchEnd makes the end of the process something that is polled. It is left to be
// reaped by the supervisor: until then no new process can have its number, and a
// signal to its group cannot hit another.
func (p *process) watchEnd() error {
	fd, err := unix.PidfdOpen(p.cmd.Process.Pid, 0)
	if err != nil {
		return p.waitAside() // before Linux 5.3, or forbidden
	}
	p.polled[pollDeath] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	return nil
}
