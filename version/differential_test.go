package version_test

import (
	"errors"
	"strconv"
	"testing"

	cniversion "github.com/containernetworking/cni/pkg/version"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/version"
)

// same are the texts that both libraries must read, order and refuse alike.
var same = []string{
	"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0", // released
	"", "0", "1", "1.1", "0.3", "0.0.0", "0.0", // short
	"0.1.1", "0.5.0", "1.0.1", "1.1.1", "1.2.0", "2.0.0", "0.10.0", "0.4567.0", "99.0.0", // never released
	"01.1.0", "1.01", "000.004.000", // leading zeros
	"9223372036854775807.0.0", "0.0.9223372036854775807", // the largest numbers
	".", "..", "...", "0.", "1.", "1.1.", ".1", "1..0", "1.2.3.", // empty parts
	"1.2.3.4", "1.2.3.4.5", // too many parts
	"v1.1.0", "V1.0.0", "1.1.0-rc1", "1.1.0+build", "1.1.0-", "1.x", "*", "asdf", // not numbers
	"1.1.0 ", " 1.1.0", "1. 1", "1.1.0\n", "1.1.0\x00", "1_0.0.0", "0x1.0.0", "1e1.0.0", "١.٠.٠", "\xff", // odd bytes
	"9223372036854775808.0.0", "99999999999999999999.0.0", // out of range
}

// onPurpose are the texts that we read differently, with the reason.
var onPurpose = map[string]string{
	"-1.0.0": "a sign is not part of a version", "+1.1.0": "a sign is not part of a version",
	"1.-1.0": "a sign is not part of a version", "1.1.-0": "a sign is not part of a version",
}

func TestSameAsUpstreamParseVersion(t *testing.T) {
	for _, v := range same {
		t.Run(strconv.Quote(v), func(t *testing.T) {
			wantMajor, wantMinor, wantMicro, wantErr := cniversion.ParseVersion(v)
			major, minor, micro, err := version.ParseVersion(v)
			assert.Equal(t, []int{wantMajor, wantMinor, wantMicro}, []int{major, minor, micro})
			if wantErr == nil {
				assert.NoError(t, err)
				assert.NoError(t, version.Validate(v))
				return
			}
			assert.EqualError(t, err, wantErr.Error())
			assert.EqualError(t, version.Validate(v), wantErr.Error())
		})
	}
}

func TestSameAsUpstreamOrder(t *testing.T) {
	for _, a := range same {
		for _, b := range same {
			wantGreater, wantErr := cniversion.GreaterThan(a, b)
			wantNotLess, _ := cniversion.GreaterThanOrEqualTo(a, b)
			greater, err := version.GreaterThan(a, b)
			notLess, err2 := version.GreaterThanOrEqualTo(a, b)
			assert.Equal(t, err, err2)
			if wantErr != nil {
				assert.EqualError(t, err, wantErr.Error(), "%q and %q", a, b)
			} else {
				assert.NoError(t, err, "%q and %q", a, b)
			}
			assert.Equal(t, wantGreater, greater, "%q > %q", a, b)
			assert.Equal(t, wantNotLess, notLess, "%q >= %q", a, b)
		}
	}
}

func TestSignsAreRefused(t *testing.T) {
	for v, why := range onPurpose {
		_, _, _, err := cniversion.ParseVersion(v)
		require.NoError(t, err, "upstream refuses %q as well: not a difference any more", v)

		err = version.Validate(v)
		var malformed *version.MalformedError
		require.ErrorAs(t, err, &malformed, "%q: %s", v, why)
		assert.Equal(t, v, malformed.Version)
		assert.ErrorIs(t, err, strconv.ErrSyntax)
		assert.False(t, version.Known(v))
	}
}

func TestSameAsUpstreamIdentifiers(t *testing.T) {
	assert.Equal(t, cniversion.Current(), version.Current())
	assert.Equal(t, cniversion.All.SupportedVersions(), version.All.SupportedVersions())
	assert.Equal(t, cniversion.Legacy.SupportedVersions(), version.Legacy.SupportedVersions())
	assert.Equal(t, []string{"0.4.0", "1.0.0", "1.1.0"}, version.VersionsStartingFrom("0.4.0").SupportedVersions())
	assert.Panics(t, func() { version.VersionsStartingFrom("1.1") })
	assert.Panics(t, func() { version.PluginSupports() })

	info, err := new(version.PluginDecoder).Decode([]byte(`{"cniVersion":"1.1.0","supportedVersions":["1.0.0"]}`))
	require.NoError(t, err)
	assert.Equal(t, []string{"1.0.0"}, info.SupportedVersions())
	assert.Equal(t, &version.ErrorIncompatible{Config: "1.1", Supported: []string{"1.0.0"}}, new(version.Reconciler).Check("1.1", info))

	v, err := new(version.ConfigDecoder).Decode([]byte(`{}`))
	require.NoError(t, err)
	assert.Equal(t, "0.1.0", v)

	res, err := version.NewResult("1.0.0", []byte(`{"cniVersion":"1.0.0"}`))
	require.NoError(t, err)
	assert.Equal(t, "1.0.0", res.Version())
}

// TestKnownIsAll keeps the table of this package on what the result types,
// which are upstream's, can decode.
func TestKnownIsAll(t *testing.T) {
	all := version.All.SupportedVersions()
	for _, v := range all {
		assert.True(t, version.Known(v), v)
		_, err := version.NewResult(v, []byte(`{"cniVersion":"`+v+`"}`))
		assert.NoError(t, err, v)
	}
	assert.Equal(t, version.Current(), all[len(all)-1])

	_, err := version.Negotiate("99.0.0", nil)
	var unsupported *version.UnsupportedError
	require.True(t, errors.As(err, &unsupported))
	assert.Equal(t, all, unsupported.Supported)
}
