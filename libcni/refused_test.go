package libcni

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/types"
)

// A list whose version a plugin does not speak leaves an ADD that no DEL with it can
// undo. It must not be there for ever: the plugin has made nothing.
func TestFailedAddOfAVersionThatAPluginDoesNotSpeak(t *testing.T) {
	const (
		speaks  = `{"cniVersion":"1.1.0","supportedVersions":["0.4.0","1.0.0","1.1.0"]}`
		speaks1 = `{"cniVersion":"1.1.0","supportedVersions":["1","1.1","1.0.0","1.1.0"]}`
		older   = `{"cniVersion":"0.4.0","supportedVersions":["0.3.1","0.4.0"]}`
	)
	incompatible := types.NewError(types.ErrIncompatibleCNIVersion, "incompatible CNI versions", "")
	k := AttachmentKey{"net", "c1", "eth0"}
	mended := list3(t, `"cniVersion":"1.0.0",`)
	dels := map[string]func(f *fixture) error{
		"DelAttachment": func(f *fixture) error { return f.DelAttachment(t.Context(), k) },
		"DelContainer":  func(f *fixture) error { return f.DelContainer(t.Context(), k.ContainerID) },
		"GC":            func(f *fixture) error { return f.GCNetworkList(t.Context(), mended, &GCArgs{}) },
	}
	for name, c := range map[string]struct {
		version string
		plugin  any // what two says to VERSION
		said    error
		goes    bool
	}{
		"one number":                      {"1", speaks, incompatible, true},
		"two numbers":                     {"1.1", speaks, incompatible, true},
		"a version before the plugin's":   {"1.1.0", older, incompatible, true},
		"said by a plugin that two calls": {"1.1", speaks1, incompatible, false},
		"another error":                   {"1.1", speaks, errBanana, false},
		"VERSION fails":                   {"1.1", errBanana, incompatible, false},
	} {
		for verb, del := range dels {
			t.Run(name+", "+verb, func(t *testing.T) {
				var warned []error
				f := newFixture(t, Options{Warn: func(_ context.Context, err error) { warned = append(warned, err) }})
				f.fake.replies = map[string]any{"two ADD": c.said, "two DEL": c.said, "two VERSION": c.plugin, "VERSION": speaks1}
				list := list3(t, `"cniVersion":"`+c.version+`",`)
				_, err := f.AddNetworkList(t.Context(), list, f.rt)
				require.ErrorIs(t, err, c.said)
				require.ErrorIs(t, f.DelNetworkList(t.Context(), list, f.rt), c.said, "as upstream's")
				f.fake.take()

				err = del(f)
				pending, pendingErr := f.Pending(AttachmentKey{})
				require.NoError(t, pendingErr)
				if !c.goes {
					assert.ErrorIs(t, err, c.said)
					assert.Len(t, pending, 1)
					assert.NotContains(t, f.fake.calls(), "one DEL")
					return
				}
				require.NoError(t, err)
				assert.Empty(t, pending)
				assert.Equal(t, []string{"three DEL", "two DEL", "two VERSION", "one DEL"}, f.fake.calls()[:4], "what one made goes")
				require.Len(t, warned, 1)
				assert.ErrorIs(t, warned[0], incompatible)
			})
		}
	}

	t.Run("rolled back", func(t *testing.T) {
		f := newFixture(t, Options{Rollback: true})
		f.fake.replies = map[string]any{"two ADD": incompatible, "two DEL": incompatible, "two VERSION": speaks}
		_, err := f.AddNetworkList(t.Context(), list3(t, `"cniVersion":"1",`), f.rt)
		assert.EqualError(t, err, `plugin type="two" failed (add): incompatible CNI versions`)
		assert.Equal(t, []string{"one ADD", "two ADD", "three DEL", "two DEL", "two VERSION", "one DEL"}, f.fake.calls())
		pending, err := f.Pending(AttachmentKey{})
		require.NoError(t, err)
		assert.Empty(t, pending)
	})
	t.Run("of an ADD that succeeded the record stays", func(t *testing.T) {
		f := newFixture(t, Options{})
		_, err := f.AddNetworkList(t.Context(), list3(t, `"cniVersion":"1.1.0",`), f.rt)
		require.NoError(t, err)
		f.fake.replies = map[string]any{"two DEL": incompatible, "two VERSION": older}
		for verb, del := range dels {
			assert.ErrorIs(t, del(f), incompatible, verb)
		}
		attachments, err := f.Attachments(AttachmentKey{})
		require.NoError(t, err)
		assert.Len(t, attachments, 1)
	})
}
