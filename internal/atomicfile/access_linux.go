package atomicfile

import "golang.org/x/sys/unix"

// access asks with the rights that the next call would have. Linux before 5.8, and
// some who filter calls of the system, do not answer it.
func access(dir int, name string, mode uint32) error {
	return unix.Faccessat2(dir, name, mode, unix.AT_EACCESS)
}
