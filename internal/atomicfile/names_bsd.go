//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package atomicfile

import "os"

// readNames returns the names in an open directory and closes it. It is left to
// package os. On macOS unix.ReadDirent finds its place again by counting: it misses
// files while others are removed, and what it opens may be inherited by a process that
// is being started. Elsewhere a small buffer is an error on some file systems.
func readNames(fd int) ([]string, error) {
	f := os.NewFile(uintptr(fd), ".")
	defer f.Close()
	return f.Readdirnames(-1)
}
