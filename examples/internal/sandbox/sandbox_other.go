//go:build !linux

package sandbox

import (
	"errors"
	"fmt"
	"os"
)

// Main says that this program needs Linux, and ends it.
func Main(func(dir, plugins string) error, ...string) {
	fmt.Fprintln(os.Stderr, "this example makes network namespaces: it needs Linux")
	os.Exit(1)
}

// NewNetns makes network namespaces on Linux only.
func NewNetns(string) error { return errors.ErrUnsupported }

// RemoveNetns removes what [NewNetns] has made.
func RemoveNetns(string) error { return errors.ErrUnsupported }

// In calls functions in network namespaces on Linux only.
func In(string, func() error) error { return errors.ErrUnsupported }
