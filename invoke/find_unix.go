//go:build !windows

package invoke

import "io/fs"

// ExecutableFileExtensions are the endings that a plugin's binary may have beyond
// the plugin's name, in the order in which they are tried.
var ExecutableFileExtensions = []string{""}

func executable(info fs.FileInfo) bool { return info.Mode()&0o111 != 0 }
