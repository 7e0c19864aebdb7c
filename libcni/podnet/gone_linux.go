package podnet

import "golang.org/x/sys/unix"

// namespacesAreFiles says that a Pod's NetNS is a path.
const namespacesAreFiles = true

// notMounted reports whether what is at path is no namespace but a file of an
// ordinary file system.
func notMounted(path string) bool {
	var fs unix.Statfs_t
	if unix.Statfs(path, &fs) != nil {
		return false
	}
	kind := uint32(fs.Type) // its type differs between architectures
	return kind != unix.NSFS_MAGIC && kind != unix.PROC_SUPER_MAGIC
}
