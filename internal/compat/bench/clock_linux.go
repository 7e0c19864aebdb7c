package bench

import (
	"syscall"
	"time"
	"unsafe"
)

// threadTime returns how long this goroutine's thread, which it must be locked to,
// has had a processor: what the clock on the wall shows on an idle machine, and
// nearly the same on a busy one. getrusage(2) would do for long slices only: on many
// kernels it moves with the scheduler's ticks.
func threadTime() time.Duration {
	const clockThreadCPUTime = 3 // CLOCK_THREAD_CPUTIME_ID
	var now syscall.Timespec
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockThreadCPUTime, uintptr(unsafe.Pointer(&now)), 0); errno != 0 {
		return 0
	}
	return time.Duration(now.Nano())
}
