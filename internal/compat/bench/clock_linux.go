package bench

import (
	"syscall"
	"time"
)

// threadTime returns how long this goroutine's thread, which it must be locked to,
// has had a processor: what the clock on the wall shows on an idle machine, and
// nearly the same on a busy one.
func threadTime() time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var usage syscall.Rusage
	if err := syscall.Getrusage(thread, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
