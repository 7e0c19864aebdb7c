package bench

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// A Burst is what many ADDs at once do to the process that calls them. It is
// measured in a process that does nothing else.
type Burst struct {
	PerSecond float64 // ADDs
	Threads   int     // that the process has come to have
	PeakKiB   int     // the most memory it has had
}

// Burst attaches containers with that many callers at once, rounds times, each a
// chain of 3 processes.
func (b *Bench) Burst(library string, callers, rounds int) (*Burst, error) {
	for _, lib := range libraries {
		if lib.String() != library {
			continue
		}
		dir, err := os.MkdirTemp(b.dir, "")
		if err != nil {
			return nil, err
		}
		o, err := burstRow(callers, limit)(b, dir, lib)
		if err != nil {
			return nil, err
		}
		start := time.Now()
		for i := range rounds {
			if _, err := o.run(i); err != nil {
				return nil, err
			}
		}
		status, _ := os.ReadFile("/proc/self/status")
		return &Burst{
			PerSecond: float64(callers*rounds) / time.Since(start).Seconds(),
			Threads:   number(string(status), "Threads:"),
			PeakKiB:   number(string(status), "VmHWM:"),
		}, nil
	}
	return nil, fmt.Errorf("no library %q", library)
}

// number returns the number after a name in the status of a process; 0 where
// there is none.
func number(status, name string) (n int) {
	_, after, _ := strings.Cut(status, name)
	_, _ = fmt.Sscan(after, &n)
	return n
}
