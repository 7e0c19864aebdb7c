package invoke

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// inNetNS calls fn on a thread that is in the network namespace at path. fn must
// not start goroutines, which would run elsewhere. A fault of the namespace is a
// *netnsError.
//
// The goroutine stays locked to the thread until the thread is back where it came
// from, also when fn panics. If it cannot get back it stays locked for good: it
// must end then, which ends the thread. In-process plugins run in goroutines of
// their own for this.
func inNetNS(path string, fn func() error) error {
	// Not blocking: the path may be a FIFO. Not os.Open: the poller has no business
	// with it.
	target, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return &netnsError{&os.PathError{Op: "open", Path: path, Err: err}}
	}
	defer unix.Close(target)

	runtime.LockOSThread()
	own, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("the thread's own network namespace: %w", err)
	}
	defer unix.Close(own)
	if err := unix.Setns(target, unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread() // it did not leave
		return &netnsError{os.NewSyscallError("setns", err)}
	}
	defer func() {
		if unix.Setns(own, unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
	}()
	return fn()
}

// isOwnNetNS reports whether path is the network namespace of this thread. What
// cannot be looked at is not.
func isOwnNetNS(path string) bool {
	var own, other unix.Stat_t
	return unix.Stat("/proc/thread-self/ns/net", &own) == nil && unix.Stat(path, &other) == nil &&
		own.Dev == other.Dev && own.Ino == other.Ino
}

// setLoopback sets the interface lo of the thread's namespace up or down.
func setLoopback(up bool) error {
	// Any socket will do; AF_INET may be compiled out or filtered.
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, lo); err != nil {
		return fmt.Errorf("reading the flags of lo: %w", err)
	}
	flags := lo.Uint16()
	want := flags &^ unix.IFF_UP
	if up {
		want = flags | unix.IFF_UP
	}
	if want == flags {
		return nil
	}
	lo.SetUint16(want)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("setting the flags of lo: %w", err)
	}
	return nil
}
