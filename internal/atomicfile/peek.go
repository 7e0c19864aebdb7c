package atomicfile

import (
	"errors"
	"sync"
)

// peeking keeps those of this process who peek from being seen by each other, however
// long one of them does not get a processor.
var peeking sync.Mutex

// Peek opens a file to read it and reports whether who made it with [Dir.Temp], or
// somebody it was lent to, still holds it. Others who peek at it, or have it from
// [Dir.Lock], do not count: as long as one of these can have the lock, the owner has
// let go. The error is fs.ErrNotExist if the file is gone, also if the owner removed it,
// or moved it away, and let go of it meanwhile.
//
// The two kinds of lock tell who is there: an owner's is shared, theirs is not. (Who
// peeks has a shared one for a moment as well, so it is asked more than once, for the
// sake of other processes.) Where there are no locks, a young file is held.
func (d *Dir) Peek(name string) (f *File, held bool, err error) {
	if f, err = d.openToLock(name); err != nil {
		return nil, false, err
	}
	peeking.Lock()
	defer peeking.Unlock()
	for range 3 {
		err := f.lockOld()
		switch {
		case err == nil:
			f.locked = false
			_ = f.h.unlock()
			if err := f.same(); err != nil {
				_ = f.h.close()
				return nil, false, err
			}
			return f, false, nil
		case !errors.Is(err, ErrLocked):
			_ = f.h.close()
			return nil, false, err
		}
		switch err := f.h.lock(shared); {
		case errors.Is(err, ErrLocked):
			return f, false, nil
		case err != nil: // no locks here
			return f, true, nil
		}
		_ = f.h.unlock()
	}
	return f, true, nil
}
