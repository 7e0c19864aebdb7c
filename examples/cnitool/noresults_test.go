package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A file in the place of the records is told of once, with what to do.
func TestDelWithAFileInThePlaceOfTheRecords(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the system does not say that it is no directory")
	}
	m := newMachine(t)
	m.conf("10-good.conflist", good)
	results := filepath.Join(m.dir, "cache", "results")
	require.NoError(t, os.WriteFile(results, nil, 0o600))
	_, stderr, status := m.call("del", "good", m.netns("one"))
	assert.Zero(t, status)
	assert.Equal(t, 1, strings.Count(stderr, "Warning:"), stderr)
	assert.Contains(t, stderr, "to do:     "+results+" is a file and no directory: move it away, or choose another cache directory")
}
