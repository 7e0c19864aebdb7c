package invoke

import (
	"os"

	"golang.org/x/sys/unix"
)

// newPipe makes the pipe to or from a plugin. The runtime polls our end only: with
// os.Pipe it would take the plugin's end up as well, and let go of it for the
// plugin, twelve calls of the system for a process (BenchmarkRawExec).
func newPipe(toPlugin bool) (pipe, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return pipe{}, os.NewSyscallError("pipe2", err)
	}
	ours := fds[0]
	if toPlugin {
		ours = fds[1]
	}
	err := unix.SetNonblock(ours, true)
	p := pipe{os.NewFile(uintptr(fds[0]), "|0"), os.NewFile(uintptr(fds[1]), "|1")}
	if err != nil {
		closeAll(p.read, p.write)
		return pipe{}, os.NewSyscallError("fcntl", err)
	}
	return p, nil
}

// wait waits for the end of the process and leaves it to be reaped by the
// supervisor: until then no new process can have its number, and a signal to its
// group cannot hit another.
func (p *process) wait() {
	for unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	if p.state.CompareAndSwap(running, ended) {
		close(p.dead)
		return
	}
	_ = p.cmd.Wait()
}

// reap is called once, after dead.
func (p *process) reap() { p.waitErr = p.cmd.Wait() }
