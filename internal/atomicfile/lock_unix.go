//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package atomicfile

import (
	"errors"
	"syscall"
)

// lendable says that a lock is shared with the processes that inherit the file.
const lendable = true

// tryLock takes the lock of an open file, alone or shared with others who share it,
// or returns [ErrLocked]. The lock is the open file's, not the process's: another
// opening of it by this process is refused too. It ends when the file is unlocked,
// or closed by all who have inherited it.
func tryLock(fd uintptr, share bool) error {
	mode := syscall.LOCK_EX
	if share {
		mode = syscall.LOCK_SH
	}
	var err error
	for {
		err = syscall.Flock(int(fd), mode|syscall.LOCK_NB)
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

func unlock(fd uintptr) error { return syscall.Flock(int(fd), syscall.LOCK_UN) }
