package podnet_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/libcni/podnet"
)

// In a log line an attachment is its key, with what its type adds and no more.
func TestAttachmentsAsText(t *testing.T) {
	n := newNode(t, "a")
	got, err := n.Attach(t.Context(), pod("con1", "a"))
	require.NoError(t, err)
	assert.Equal(t, "a/con1/eth0", fmt.Sprint(got[0].AttachmentKey))
	assert.Equal(t, "a/con1/eth0 [10.0.0.2]", fmt.Sprint(got[0]))
	left := podnet.Leftover{AttachmentKey: got[0].AttachmentKey}
	assert.Equal(t, "[a/con1/eth0]", fmt.Sprint([]podnet.Leftover{left}))
	left.Err = errors.New("no")
	assert.Equal(t, "a/con1/eth0: no", fmt.Sprint(left))
}
