//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package atomicfile

import "golang.org/x/sys/unix"

// access asks with the rights that the next call would have.
func access(dir int, name string, mode uint32) error {
	return unix.Faccessat(dir, name, mode, unix.AT_EACCESS)
}
