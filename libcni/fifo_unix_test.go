//go:build unix

package libcni

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func makeFIFO(t *testing.T, path string) bool {
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	return true
}
