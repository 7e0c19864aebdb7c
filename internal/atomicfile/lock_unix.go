//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package atomicfile

import (
	"errors"
	"os"
	"syscall"
)

// nonblock keeps the opening of a named pipe from waiting for its other end.
const nonblock = syscall.O_NONBLOCK

// tryLock takes the lock of an open file or returns [ErrLocked]. The lock is the
// open file's, not the process's: another opening of it by this process is
// refused too. It ends when the file is closed.
func tryLock(f *os.File) error {
	var err error
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != syscall.EINTR {
			break
		}
	}
	switch {
	case err == syscall.EWOULDBLOCK:
		return ErrLocked
	case err == syscall.ENOLCK, err == syscall.EINVAL, err == syscall.EBADF, errors.Is(err, errors.ErrUnsupported):
		return errors.ErrUnsupported // a file system without locks
	}
	return err
}
