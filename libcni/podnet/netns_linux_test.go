package podnet_test

import (
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/libcni/podnet"
)

// Without a network namespace nothing is begun, and the error is about it and not
// about the first plugin that needs it.
func TestAttachWithoutNetNS(t *testing.T) {
	n := newNode(t, "a")
	require.NoError(t, n.Close())
	opts := n.opts
	opts.Exec, opts.NoLoopback = nil, false
	m, err := podnet.Open(t.Context(), opts)
	require.NoError(t, err)
	defer m.Close()
	p := pod("con1", "a")
	p.NetNS = filepath.Join(t.TempDir(), "gone")
	_, err = m.Attach(t.Context(), p)
	require.EqualError(t, err, "attach container con1: network namespace "+p.NetNS+" does not exist: create it first")
	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.NoDirExists(t, filepath.Join(n.opts.CacheDir, "podnet"))

	n.open() // the caller's Exec may run plugins that see other files
	_, err = n.Attach(t.Context(), p)
	require.NoError(t, err)
}
