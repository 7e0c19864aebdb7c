package version

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKnown(t *testing.T) {
	for _, v := range []string{"", "1.1", "1", "0.3", "01.1.0", "0.4"} {
		assert.True(t, Known(v), "%q", v)
	}
	for _, v := range []string{"1.2.0", "0.5.0", "1.0.1", "0", "2", "v1.1.0", "1.1.0-rc", "junk", "."} {
		assert.False(t, Known(v), "%q", v)
	}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "0.1.0", 0}, {"0.1", "", 0}, {"1.1", "1.1.0", 0}, {"1", "1.0.0", 0},
		{"0.4.0", "1.0.0", -1}, {"0.10.0", "0.4.0", 1}, {"1.1.0", "1.1.1", -1}, {"0.3.1", "0.3", 1},
	} {
		got, err := Compare(c.a, c.b)
		require.NoError(t, err)
		assert.Equal(t, c.want, got, "%q, %q", c.a, c.b)
	}
	_, err := Compare("junk-a", "junk-b")
	assert.EqualError(t, err, `failed to convert major version part "junk-a": strconv.Atoi: parsing "junk-a": invalid syntax`)
	_, err = Compare("1.1.0", "1.1.0.0")
	assert.EqualError(t, err, `invalid version "1.1.0.0": too many parts`)
}

// TestShortcutsAllocateNothing holds the known versions to the path without
// parsing: versions are compared several times per call of libcni.
func TestShortcutsAllocateNothing(t *testing.T) {
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		_, _ = Compare("0.4.0", "1.1.0")
		_, _ = Supports("1.0.0", Status)
		_, _, _, _ = ParseVersion("1.1.0")
		_ = Validate("")
		_ = Known("0.3.1")
	}))
}

// FuzzCompare: versions have a total order, and the shortcuts of Compare, Known
// and ParseVersion say what the parser says.
func FuzzCompare(f *testing.F) {
	for _, s := range [][3]string{
		{"0.1.0", "", "0.1"}, {"0.4.0", "1.0.0", "1.1.0"}, {"1", "1.1", "1.1.1"}, {"v1.0.0", "1.0.0-rc1", "1.0.0+b"},
		{"-1.0.0", "+1.0.0", "1.0.0"}, {"01.1.0", "1.01", "1."}, {"9223372036854775807", "9223372036854775808", "0"},
	} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		for _, v := range []string{a, b, c} {
			major, minor, micro, err := ParseVersion(v)
			require.Equal(t, err == nil, Validate(v) == nil)
			if err != nil {
				var malformed *MalformedError
				require.ErrorAs(t, err, &malformed)
				require.Equal(t, v, malformed.Version)
				require.False(t, Known(v))
				continue
			}
			require.True(t, major >= 0 && minor >= 0 && micro >= 0)
			if v != "" {
				m, n, o, err := parse(v)
				require.NoError(t, err)
				require.Equal(t, [3]int{m, n, o}, [3]int{major, minor, micro})
			}
		}
		ab, errAB := Compare(a, b)
		ba, errBA := Compare(b, a)
		require.Equal(t, errAB == nil, errBA == nil)
		slow, errSlow := compareParsed(a, b)
		require.Equal(t, errAB, errSlow)
		require.Equal(t, ab, slow, "the shortcut and the parser disagree on %q and %q", a, b)
		if errAB != nil {
			require.True(t, Validate(a) != nil || Validate(b) != nil)
			return
		}
		require.Equal(t, ab, -ba, "antisymmetry of %q and %q", a, b)
		if ab == 0 {
			require.Equal(t, Known(a), Known(b))
		}
		bc, err := Compare(b, c)
		if err != nil {
			return
		}
		ac, err := Compare(a, c)
		require.NoError(t, err)
		if ab <= 0 && bc <= 0 {
			require.LessOrEqual(t, ac, 0, "transitivity of %q, %q, %q", a, b, c)
		}
	})
}
