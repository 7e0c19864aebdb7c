// Package shared is copied into the generated module: there, upstream's import
// paths lead to cnikit.
package shared

import (
	"testing"

	oursinvoke "github.com/cnikit/cnikit/invoke"
	ours "github.com/cnikit/cnikit/libcni"
	theirs "github.com/containernetworking/cni/libcni"
	theirsinvoke "github.com/containernetworking/cni/pkg/invoke"
)

// Both names of a variable are one variable.
func TestSharedVariables(t *testing.T) {
	if theirs.CacheDir != "/var/lib/cni" {
		t.Errorf("CacheDir is %q", theirs.CacheDir)
	}
	if &theirs.CacheDir != &ours.CacheDir {
		t.Error("CacheDir is a copy: assignments to it are lost")
	}
	if len(theirsinvoke.ExecutableFileExtensions) == 0 {
		t.Error("ExecutableFileExtensions is empty")
	}
	if &theirsinvoke.ExecutableFileExtensions != &oursinvoke.ExecutableFileExtensions {
		t.Error("ExecutableFileExtensions is a copy: assignments to it are lost")
	}
}

// A value of one name's type is one of the other's.
var (
	_ ours.CNI        = (theirs.CNI)(nil)
	_ *ours.CNIConfig = (*theirs.CNIConfig)(nil)
	_ oursinvoke.Exec = (theirsinvoke.Exec)(nil)
)
