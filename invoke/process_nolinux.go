//go:build !linux

package invoke

import "os"

// newPipe makes the pipe to or from a plugin.
func newPipe(bool) (p pipe, err error) {
	p.read, p.write, err = os.Pipe()
	return p, err
}

// wait waits for the process and reaps it. A signal to its group may come after
// that: the number is free then only if the group is empty, and systems do not give
// a number out again at once.
func (p *process) wait() {
	p.waitErr = p.cmd.Wait()
	if p.state.CompareAndSwap(running, ended) {
		close(p.dead)
	}
}

// reap has nothing left to do.
func (p *process) reap() {}
