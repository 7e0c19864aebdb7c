//go:build !linux

package invoke

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
