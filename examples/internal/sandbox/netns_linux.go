package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// NewNetns makes a network namespace and binds it to path, a file that it creates.
func NewNetns(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o444)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	err = onThread(
		func() error { return unix.Unshare(unix.CLONE_NEWNET) },
		func() error { return unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "") },
	)
	if err != nil {
		return errors.Join(fmt.Errorf("network namespace %s: %w", path, err), os.Remove(path))
	}
	return nil
}

// RemoveNetns removes what [NewNetns] has made. The namespace itself ends with the
// last process or socket that is in it.
func RemoveNetns(path string) error {
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmounting %s: %w", path, err)
	}
	return os.Remove(path)
}

// In calls f on a thread that is in the network namespace. Sockets that f makes
// stay there, whoever uses them later.
func In(path string, f func() error) error {
	netns, err := os.Open(path)
	if err != nil {
		return err
	}
	defer netns.Close()
	return onThread(func() error { return unix.Setns(int(netns.Fd()), unix.CLONE_NEWNET) }, f)
}

// onThread calls f on a thread that enter has taken into another network
// namespace, and takes the thread back.
func onThread(enter, f func() error) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	if err := enter(); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	err = f()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, back) // and no other goroutine gets this thread
	}
	runtime.UnlockOSThread()
	return err
}
