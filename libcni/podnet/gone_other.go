//go:build !linux

package podnet

// namespacesAreFiles is about Linux's namespaces: elsewhere NetNS is another name.
const namespacesAreFiles = false

// notMounted is about Linux's namespaces.
func notMounted(string) bool { return false }
