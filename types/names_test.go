package types_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	cnitypes "github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/utils"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/types"
)

var names = []string{
	"", "a", "0", "Z9", "eth0", "pod-1.net_2", ".", "..", "...", "-a", "_a", ".a", "a.", "a-", "a..b",
	"a b", "a\t", "a\n", "\na", "a\r", "a\v", "a\x00", "\x00", "a/b", "/", "../a", "a\\b", "a:b", "a;b", "a=b", "a%41",
	"é", "aé", "日本", "a\u00a0b", "a\u0085b", "a\u2003b", "a\u200bb", "a\xff", "\xff", "a\xed\xa0\x80", "a\ufffd",
	"fifteen-bytes-0", "sixteen-bytes-00", strings.Repeat("x", 300), strings.Repeat("é", 7), strings.Repeat("é", 8),
}

// TestNamesLikeUpstream is R1, R13 and R14 without the verbs.
func TestNamesLikeUpstream(t *testing.T) {
	for _, s := range names {
		agree(t, s)
	}
}

// FuzzNames: the three checks say what upstream's say, in text and code, except
// that no interface name has a NUL byte or bytes that are not UTF-8.
func FuzzNames(f *testing.F) {
	for _, s := range names {
		f.Add(s)
	}
	f.Fuzz(agree)
}

func agree(t *testing.T, s string) {
	same(t, utils.ValidateContainerID(s), types.ValidateContainerID(s), s)
	same(t, utils.ValidateNetworkName(s), types.ValidateNetworkName(s), s)
	theirs, ours := utils.ValidateInterfaceName(s), types.ValidateInterfaceName(s)
	if theirs != nil || !strings.Contains(s, "\x00") && utf8.ValidString(s) {
		same(t, theirs, ours, s)
		return
	}
	var e *types.Error
	require.ErrorAs(t, ours, &e, "%q", s)
	require.Equal(t, types.ErrInvalidEnvironmentVariables, e.Code)
}

func same(t *testing.T, theirs *cnitypes.Error, ours error, s string) {
	t.Helper()
	if theirs == nil {
		require.NoError(t, ours, "%q", s)
		return
	}
	require.Equal(t, error(theirs), ours, "%q", s)
}

func TestInterfaceNameMustBeWritable(t *testing.T) {
	for name, want := range map[string]string{
		"eth\x000": "interface name contains a NUL byte",
		"eth\xff":  "interface name is not valid UTF-8",
	} {
		require.Nil(t, utils.ValidateInterfaceName(name), "upstream refuses %q as well: not a difference any more", name)
		assert.Equal(t, types.NewError(types.ErrInvalidEnvironmentVariables, want, ""), types.ValidateInterfaceName(name))
	}
}

func TestGoodNamesAllocateNothing(t *testing.T) {
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		_ = types.ValidateContainerID("4f1d8a0b7c")
		_ = types.ValidateNetworkName("pod-net")
		_ = types.ValidateInterfaceName("eth0")
	}))
}

// Names are looked at before they become environment variables and file names. The
// errors have the specification's codes.
func ExampleValidateContainerID() {
	for _, err := range []error{
		types.ValidateContainerID("4f1d8a0b7c"),
		types.ValidateContainerID("../4f1d8a0b7c"),
		types.ValidateNetworkName("my net"),
		types.ValidateInterfaceName("vethweb0123456789"),
	} {
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// invalid characters in containerID; ../4f1d8a0b7c
	// invalid characters found in network name; my net
	// interface name is too long; interface name should be less than 16 characters
}
