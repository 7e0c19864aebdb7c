package version_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/version"
)

func TestSupports(t *testing.T) {
	since := map[version.Feature]string{
		version.Check: "0.4.0", version.DelPrevResult: "0.4.0", version.GC: "1.1.0", version.Status: "1.1.0",
	}
	for f, min := range since {
		assert.Equal(t, min, f.Since(), f)
		has := false
		for _, v := range version.All.SupportedVersions() {
			has = has || v == min
			got, err := version.Supports(v, f)
			require.NoError(t, err)
			assert.Equal(t, has, got, "%s in %s", f, v)
		}
	}
	for v, want := range map[string]bool{"": false, "1.1": true, "1.0.9": false, "2": true} {
		got, err := version.Supports(v, version.GC)
		require.NoError(t, err)
		assert.Equal(t, want, got, v)
	}
	_, err := version.Supports("junk", version.GC)
	var malformed *version.MalformedError
	assert.ErrorAs(t, err, &malformed)
}

func TestFeatureOfAnotherMind(t *testing.T) {
	for _, f := range []version.Feature{0, version.Status + 1, 255} {
		got, err := version.Supports("1.1.0", f)
		assert.NoError(t, err)
		assert.False(t, got)
		assert.Empty(t, f.Since())
		assert.Equal(t, fmt.Sprintf("Feature(%d)", uint8(f)), f.String())
	}
}

func ExampleSupports() {
	for _, v := range []string{"0.3.1", "0.4.0", "1.1"} {
		check, _ := version.Supports(v, version.Check)
		gc, _ := version.Supports(v, version.GC)
		fmt.Println(v, check, gc)
	}
	// Output:
	// 0.3.1 false false
	// 0.4.0 true false
	// 1.1 true true
}

// Versions are compared as versions, however they are written.
func ExampleCompare() {
	for _, pair := range [][2]string{{"1.1", "1.1.0"}, {"", "0.2.0"}, {"0.10.0", "0.4.0"}} {
		order, err := version.Compare(pair[0], pair[1])
		fmt.Println(order, err, version.Known(pair[0]))
	}
	_, err := version.Compare("v1.0.0", "1.0.0")
	var malformed *version.MalformedError
	fmt.Println(errors.As(err, &malformed))
	// Output:
	// 0 <nil> true
	// -1 <nil> true
	// 1 <nil> false
	// true
}
