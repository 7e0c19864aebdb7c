package atomicfile

import (
	"errors"

	"golang.org/x/sys/windows"
)

const lendable = false // a lock is the process's that took it

// tryLock takes the lock of an open file, alone or shared with others who share it,
// or returns [ErrLocked]. Locks of Windows keep others from reading, so what is
// locked is one byte far behind the end. The lock ends when the file is closed.
func tryLock(fd uintptr, share bool) error {
	flags := uint32(windows.LOCKFILE_FAIL_IMMEDIATELY)
	if !share {
		flags |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	err := windows.LockFileEx(windows.Handle(fd), flags, 0, 1, 0, farBehind())
	switch {
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION), errors.Is(err, windows.ERROR_IO_PENDING):
		return ErrLocked
	case errors.Is(err, windows.ERROR_NOT_SUPPORTED), errors.Is(err, windows.ERROR_INVALID_FUNCTION):
		return errors.ErrUnsupported // a file system without locks
	}
	return err
}

// unlock does at once what the system does some time after the closing.
func unlock(fd uintptr) error {
	return windows.UnlockFileEx(windows.Handle(fd), 0, 1, 0, farBehind())
}

func farBehind() *windows.Overlapped { return &windows.Overlapped{OffsetHigh: 1 << 30} }
