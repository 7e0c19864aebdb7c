//go:build !windows

package invoke

import "io/fs"

// ExecutableFileExtensions are the endings that a plugin's binary may have beyond
// the plugin's name, in the order in which they are tried: on Unix none. Assign to
// it before the first call, if at all: it is read without a lock.
var ExecutableFileExtensions = []string{""}

func executable(info fs.FileInfo) bool { return info.Mode()&0o111 != 0 }
