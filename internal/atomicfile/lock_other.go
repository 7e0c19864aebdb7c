//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package atomicfile

import "errors"

const lendable = false

// tryLock knows no locks here. Those of fcntl(2) would not do: they are the
// process's, so it could not tell its own ADD from a dead one's.
func tryLock(uintptr, bool) error { return errors.ErrUnsupported }

func unlock(uintptr) error { return nil }
