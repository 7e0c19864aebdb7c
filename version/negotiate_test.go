package version_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/version"
)

// TestNegotiate is R10: the highest supported of cniVersion and cniVersions.
func TestNegotiate(t *testing.T) {
	old := version.PluginSupports("0.3.1", "0.4.0", "1.0.0")
	for _, c := range []struct {
		name       string
		cniVersion string
		versions   []string
		plugins    []version.PluginInfo
		want       string
	}{
		{name: "nothing said", want: ""},
		{name: "one version", cniVersion: "0.4.0", want: "0.4.0"},
		{name: "short spelling is passed on", cniVersion: "1.1", want: "1.1"},
		{name: "highest of the list", versions: []string{"1.1.0", "0.4.0", "1.0.0"}, want: "1.1.0"},
		{name: "newer ones are passed over", versions: []string{"99.0.0", "1.1.1", "1.0.0"}, want: "1.0.0"},
		{name: "unreleased ones are passed over", versions: []string{"1.0.5", "1.0.0", "0.5.0"}, want: "1.0.0"},
		{name: "cniVersion counts", cniVersion: "1.0.0", versions: []string{"0.1.0", "0.4.0"}, want: "1.0.0"},
		{name: "newer cniVersion, older list", cniVersion: "1.2.0", versions: []string{"0.4.0", "1.1.0"}, want: "1.1.0"},
		{name: "an empty cniVersion is not 0.1.0 next to others", versions: []string{"0.2.0"}, want: "0.2.0"},
		{name: "an empty entry is 0.1.0", versions: []string{""}, want: ""},
		{name: "the released spelling wins", versions: []string{"1.1.0", "1.1"}, want: "1.1.0"},
		{name: "the released spelling wins, first", versions: []string{"1.1", "1.1.0"}, want: "1.1.0"},
		{name: "a plugin decides", versions: []string{"1.1.0", "1.0.0"}, plugins: []version.PluginInfo{version.All, old}, want: "1.0.0"},
		{name: "a plugin compares letter for letter", versions: []string{"1.0", "0.4.0"}, plugins: []version.PluginInfo{old}, want: "0.4.0"},
		{name: "empty for a plugin", plugins: []version.PluginInfo{version.Legacy}, want: ""},
		{name: "a nil plugin says nothing", cniVersion: "1.1.0", plugins: []version.PluginInfo{nil}, want: "1.1.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := version.Negotiate(c.cniVersion, c.versions, c.plugins...)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

// TestNegotiateFails is R10: newer-only and junk are typed errors.
func TestNegotiateFails(t *testing.T) {
	all := version.All.SupportedVersions()
	for _, c := range []struct {
		name       string
		cniVersion string
		versions   []string
		plugins    []version.PluginInfo
		want       *version.UnsupportedError
		text       string
	}{
		{name: "newer only", cniVersion: "1.2.0",
			want: &version.UnsupportedError{Asked: []string{"1.2.0"}, Supported: all},
			text: `CNI version "1.2.0" is not supported, only ["0.1.0" "0.2.0" "0.3.0" "0.3.1" "0.4.0" "1.0.0" "1.1.0"]`},
		{name: "newer only, several", cniVersion: "3", versions: []string{"2.0"},
			want: &version.UnsupportedError{Asked: []string{"3", "2.0"}, Supported: all},
			text: `none of the CNI versions ["3" "2.0"] is supported, only ["0.1.0" "0.2.0" "0.3.0" "0.3.1" "0.4.0" "1.0.0" "1.1.0"]`},
		{name: "newer only, cniVersion empty", versions: []string{"2.0.0"},
			want: &version.UnsupportedError{Asked: []string{"2.0.0"}, Supported: all},
			text: `CNI version "2.0.0" is not supported, only ["0.1.0" "0.2.0" "0.3.0" "0.3.1" "0.4.0" "1.0.0" "1.1.0"]`},
		{name: "never released", cniVersion: "0.5.0",
			want: &version.UnsupportedError{Asked: []string{"0.5.0"}, Supported: all},
			text: `CNI version "0.5.0" is not supported, only ["0.1.0" "0.2.0" "0.3.0" "0.3.1" "0.4.0" "1.0.0" "1.1.0"]`},
		{name: "not the plugin's", cniVersion: "1.1.0", plugins: []version.PluginInfo{version.All, version.Legacy},
			want: &version.UnsupportedError{Asked: []string{"1.1.0"}, Supported: []string{"0.1.0", "0.2.0"}},
			text: `CNI version "1.1.0" is not supported, only ["0.1.0" "0.2.0"]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := version.Negotiate(c.cniVersion, c.versions, c.plugins...)
			var unsupported *version.UnsupportedError
			require.ErrorAs(t, err, &unsupported)
			assert.Equal(t, c.want, unsupported)
			assert.EqualError(t, err, c.text)
		})
	}
	for name, versions := range map[string][]string{
		"junk beside good ones": {"1.1.0", "0.4.0", "1.0.f"}, "v": {"v1.1.0"}, "pre-release": {"1.1.0-rc1"}, "build": {"1.0.0", "1.1.0+a"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := version.Negotiate("", versions)
			var malformed *version.MalformedError
			require.ErrorAs(t, err, &malformed)
			assert.Equal(t, versions[len(versions)-1], malformed.Version)
			_, err = version.Negotiate(malformed.Version, nil)
			assert.ErrorAs(t, err, &malformed)
		})
	}
}

func ExampleNegotiate() {
	// What the configuration says, and what its two plugins reported.
	v, err := version.Negotiate("1.0.0", []string{"0.4.0", "1.1.0", "1.2.0"},
		version.PluginSupports("0.4.0", "1.0.0", "1.1.0"),
		version.PluginSupports("0.4.0", "1.0.0"))
	fmt.Println(v, err)
	// Output: 1.0.0 <nil>
}
