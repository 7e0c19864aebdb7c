package invoke

import "golang.org/x/sys/unix"

// wait waits for the process. It is not reaped before it is released: until then
// no new process can have its number, and a signal to its group cannot hit another.
func (p *process) wait() {
	for unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	close(p.dead)
	<-p.release
	p.waitErr = p.cmd.Wait()
	close(p.reaped)
}
