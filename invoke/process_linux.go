package invoke

import "golang.org/x/sys/unix"

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
