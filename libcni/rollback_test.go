package libcni

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/types"
)

// R30: the whole list in reverse, the plugin that failed included, also when the
// caller's context is over.
func TestRollback_R30(t *testing.T) {
	f := newFixture(t, Options{Rollback: true})
	list := list3(t, v1)
	ctx, cancel := context.WithCancel(t.Context())
	f.fake.replies = map[string]any{
		"one ADD": `{"cniVersion":"1.0.0","x":1}`,
		"two ADD": func(run) ([]byte, error) { cancel(); return nil, errBanana },
	}
	_, err := f.AddNetworkList(ctx, list, f.rt)
	assert.EqualError(t, err, `plugin type="two" failed (add): plugin error: banana`, "the cause alone")
	runs := f.fake.take()
	require.Len(t, runs, 5)
	for i, plugin := range []string{"three", "two", "one"} {
		assert.Equal(t, plugin+" DEL", runs[2+i].plugin+" "+runs[2+i].command)
		assert.Equal(t, `{"cniVersion":"1.0.0","x":1}`, runs[2+i].prev(), "the last result there is")
	}
	assert.Empty(t, f.store(nil).files(t), "nothing is left to clean")
}

func TestRollbackBelow040HasNoPrevResult(t *testing.T) {
	f := newFixture(t, Options{Rollback: true})
	f.fake.replies["three ADD"] = errBanana
	_, err := f.AddNetworkList(t.Context(), list3(t, `"cniVersion":"0.3.1",`), f.rt)
	require.Error(t, err)
	for _, r := range f.fake.take()[3:] {
		assert.Empty(t, r.prev())
	}
}

func TestRollbackThatFailsLeavesTheIntent(t *testing.T) {
	f := newFixture(t, Options{Rollback: true})
	list := list3(t, v1)
	f.fake.replies = map[string]any{"two ADD": errBanana, "three DEL": errors.New("cherry")}
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	assert.EqualError(t, err, "plugin type=\"two\" failed (add): plugin error: banana\nrollback: plugin type=\"three\" failed (delete): cherry")
	var cause *types.Error
	require.ErrorAs(t, err, &cause)
	assert.Same(t, errBanana, cause, "the first cause is the first found")
	assert.Equal(t, []string{"one ADD", "two ADD", "three DEL", "two DEL", "one DEL"}, f.fake.calls(), "it goes on")
	pending, err := f.Pending(AttachmentKey{})
	require.NoError(t, err)
	assert.Len(t, pending, 1)
}

// A second ADD that fails must not cost the attachment its address.
func TestRollbackSparesAnAttachmentInUse(t *testing.T) {
	f := newFixture(t, Options{Rollback: true})
	list := list3(t, v1)
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	f.fake.replies["two ADD"] = errBanana
	f.fake.calls()
	_, err = f.AddNetworkList(t.Context(), list, f.rt)
	assert.ErrorIs(t, err, ErrAlreadyAttached)
	assert.ErrorContains(t, err, "not rolled back: ")
	assert.Equal(t, []string{"one ADD", "two ADD"}, f.fake.calls())
	assert.Len(t, f.store(nil).files(t), 2, "record and intent")
}

func TestNoRollbackWithoutTheOption(t *testing.T) {
	f := newFixture(t, Options{})
	f.fake.replies["two ADD"] = errBanana
	_, err := f.AddNetworkList(t.Context(), list3(t, v1), f.rt)
	require.Error(t, err)
	assert.Equal(t, []string{"one ADD", "two ADD"}, f.fake.calls())
}
