// Package migrate holds a program before and after it was moved from
// github.com/containernetworking/cni to this library, and the tests that
// attachments outlive the move, in both directions. README.md is the recipe. It
// is a module of its own, for it needs upstream's libcni.
//
//	go -C examples/migrate test -v .
package migrate
