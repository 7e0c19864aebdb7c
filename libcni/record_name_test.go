package libcni

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRecordNames(t *testing.T) {
	k := key{"net", "c1", "eth0"}
	assert.Equal(t, "net-c1-eth0", k.file(), "upstream's")
	assert.Equal(t, foldsCase, k.shared())
	assert.True(t, key{"a-b", "c", "d"}.shared())
	assert.True(t, key{"a", "b-c", "d"}.shared())
	assert.True(t, key{"a", "b", "c-d"}.shared())
	assert.True(t, strings.HasPrefix(k.secondFile(), "net-c1-eth0#"))
	assert.NotEqual(t, key{"a-b", "c", "d"}.secondFile(), key{"a", "b-c", "d"}.secondFile())

	assert.NoError(t, key{strings.Repeat("n", 100), strings.Repeat("c", 150), "i12"}.storable())
	assert.ErrorContains(t, key{strings.Repeat("n", 100), strings.Repeat("c", 150), "i123"}.storable(), "256 bytes")
}

func TestPendingNames(t *testing.T) {
	random := strings.Repeat("f", pendingRandom)
	for _, k := range []key{{"net", "c1", "eth0"}, {"a.b-c", "d-e_f", "x+y+z"}} {
		got, ok := pendingKey(k.pendingPrefix() + random)
		assert.True(t, ok)
		assert.Equal(t, k, got)
	}
	long := key{strings.Repeat("n", 100), strings.Repeat("c", 145), "eth0"}
	assert.LessOrEqual(t, len(long.pendingPrefix())+pendingRandom, maxName)
	_, ok := pendingKey(long.pendingPrefix() + random)
	assert.False(t, ok, "only the content tells")
	for _, name := range []string{"", "x", random, "+++" + random, "a+b+" + random, "lost+found", "a+b+c" + random} {
		_, ok := pendingKey(name)
		assert.False(t, ok, name)
	}
}

// Two attachments never have the same file: their first names may be equal, and
// then not their second ones, nor one's first and the other's second.
func FuzzRecordName(f *testing.F) {
	f.Add("a-b", "c", "d", "a", "b-c", "d")
	f.Add("n", "c", "eth0#x", "n", "c", "eth0")
	f.Add("n", "c", "a+b", "n", "c", "a")
	f.Fuzz(func(t *testing.T, n1, c1, i1, n2, c2, i2 string) {
		a, b := key{n1, c1, i1}, key{n2, c2, i2}
		if a.validate() != nil || b.validate() != nil {
			return
		}
		require.True(t, a.owns(a.file()) && a.owns(a.secondFile()))
		require.True(t, mayBeRecord(a.file()) && mayBeRecord(a.secondFile()))
		require.True(t, a.exported().names()(a.file()) && a.exported().names()(a.secondFile()))
		random := strings.Repeat("0", pendingRandom)
		if got, ok := pendingKey(a.pendingPrefix() + random); ok {
			require.Equal(t, a, got)
		}
		if a == b {
			return
		}
		require.NotEqual(t, a.secondFile(), b.secondFile())
		require.NotEqual(t, a.file(), b.secondFile())
		require.NotEqual(t, a.secondFile(), b.file())
		if !a.shared() {
			require.NotEqual(t, a.file(), b.file(), "not shared")
		}
		require.False(t, strings.HasPrefix(a.pendingPrefix()+random, b.pendingPrefix()) &&
			len(a.pendingPrefix()) == len(b.pendingPrefix()))
	})
}
