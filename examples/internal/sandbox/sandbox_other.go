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

// NewNetns, RemoveNetns and In do nothing but fail.
func NewNetns(string) error         { return errors.ErrUnsupported }
func RemoveNetns(string) error      { return errors.ErrUnsupported }
func In(string, func() error) error { return errors.ErrUnsupported }
