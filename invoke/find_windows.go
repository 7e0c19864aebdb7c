package invoke

import "io/fs"

// ExecutableFileExtensions are the endings that a plugin's binary may have beyond
// the plugin's name, in the order in which they are tried: on Windows ".exe" and
// none. Assign to it before the first call, if at all: it is read without a lock.
var ExecutableFileExtensions = []string{".exe", ""}

func executable(fs.FileInfo) bool { return true }
