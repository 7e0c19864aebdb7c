//go:build !linux

package invoke

import (
	"errors"
	"fmt"
	"runtime"
)

func inNetNS(string, func() error) error {
	return fmt.Errorf("%s has no network namespaces: %w", runtime.GOOS, errors.ErrUnsupported)
}

func isOwnNetNS(string) bool { return false }

func setLoopback(bool) error { return errors.ErrUnsupported }
