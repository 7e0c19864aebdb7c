package atomicfile

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

const nonblock = 0

// tryLock takes the lock of an open file or returns [ErrLocked]. Locks of Windows
// keep others from reading, so what is locked is one byte far behind the end. The
// lock ends when the file is closed.
func tryLock(f *os.File) error {
	behind := &windows.Overlapped{OffsetHigh: 1 << 30}
	err := windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, behind)
	switch {
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION), errors.Is(err, windows.ERROR_IO_PENDING):
		return ErrLocked
	case errors.Is(err, windows.ERROR_NOT_SUPPORTED), errors.Is(err, windows.ERROR_INVALID_FUNCTION):
		return errors.ErrUnsupported // a file system without locks
	}
	return err
}
