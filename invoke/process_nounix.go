//go:build !unix

package invoke

import "os"

// Systems other than Unix have no process groups and no signal that asks a process
// to end: a plugin whose context ends is killed at once, and what it started stays.

func (p *process) prepare() {
	p.kill = func() { _ = p.cmd.Process.Kill() }
	p.terminate = p.kill
}

func signalOf(*os.ProcessState) os.Signal { return nil }

// readReady reads nothing: pipes here know no deadlines after which it would be
// called.
func readReady(*os.File, []byte) int { return 0 }

// writeReady writes nothing: writes to pipes always wait here.
func writeReady(*os.File, []byte) int { return 0 }
