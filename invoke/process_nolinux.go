//go:build unix && !linux

package invoke

import (
	"os"
	"syscall"
)

// newPipe returns the two ends of a pipe that no plugin inherits.
func newPipe() (r, w int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil {
		return -1, -1, os.NewSyscallError("pipe", err)
	}
	syscall.CloseOnExec(fds[0])
	syscall.CloseOnExec(fds[1])
	return fds[0], fds[1], nil
}

// watchEnd makes the end of the process something that is polled.
func (p *process) watchEnd() error { return p.waitAside() }
