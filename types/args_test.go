package types_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/types"
)

func TestParseArgs(t *testing.T) {
	for s, want := range map[string]types.Args{
		"":                  nil,
		"A=1":               {{"A", "1"}},
		"FOO=BAR;ABC=123":   {{"FOO", "BAR"}, {"ABC", "123"}},
		"A=;B=x=y;C=a b\nc": {{"A", ""}, {"B", "x=y"}, {"C", "a b\nc"}},
		"A=1;B=2;A=3":       {{"A", "1"}, {"B", "2"}, {"A", "3"}},
	} {
		got, err := types.ParseArgs(s)
		require.NoError(t, err, s)
		assert.Equal(t, want, got, s)
		assert.Equal(t, s, got.String())
	}
}

func TestParseArgsRefuses(t *testing.T) {
	for s, want := range map[string]string{
		"A":         `CNI_ARGS: pair 0, key "A": has no '='`,
		"A=1;":      `CNI_ARGS: pair 1, key "": has no '='`,
		";A=1":      `CNI_ARGS: pair 0, key "": has no '='`,
		"A=1;;B=2":  `CNI_ARGS: pair 1, key "": has no '='`,
		"=1":        `CNI_ARGS: pair 0, key "": the key is empty`,
		"A=1;B\x00": `CNI_ARGS: pair 1, key "B\x00": has no '='`,
		"A\x00=1":   `CNI_ARGS: pair 0, key "A\x00": the key has one of ';', '=' and NUL`,
		"A=\x00":    `CNI_ARGS: pair 0, key "A": the value has ';' or NUL`,
	} {
		got, err := types.ParseArgs(s)
		assert.Nil(t, got, s)
		assert.EqualError(t, err, want, s)
		var argsError *types.ArgsError
		assert.ErrorAs(t, err, &argsError)
	}
}

func TestArgsSet(t *testing.T) {
	var args types.Args
	require.NoError(t, args.Set("A", "1"))
	require.NoError(t, args.Set("B", "x=y"))
	require.NoError(t, args.Set("A", ""))
	assert.Equal(t, types.Args{{"A", ""}, {"B", "x=y"}}, args)

	for _, c := range [][2]string{{"", "v"}, {"a;b", "v"}, {"a=b", "v"}, {"a\x00", "v"}, {"k", "a;b"}, {"k", "\x00"}} {
		before := slices.Clone(args)
		err := args.Set(c[0], c[1])
		var argsError *types.ArgsError
		require.ErrorAs(t, err, &argsError, "%q", c)
		assert.Equal(t, 2, argsError.Index)
		assert.Equal(t, c[0], argsError.Key)
		assert.NotNil(t, errors.Unwrap(err))
		assert.Equal(t, before, args)
		assert.Error(t, types.Args{c}.Validate(), "%q", c)
	}
	assert.NoError(t, args.Validate())
	assert.NoError(t, types.Args(nil).Validate())
}

func TestArgsSetOfSeveral(t *testing.T) {
	args := types.Args{{"A", "1"}, {"B", "2"}, {"A", "3"}, {"C", "4"}}
	v, ok := args.Get("A")
	assert.True(t, ok)
	assert.Equal(t, "3", v, "the last one counts, as with LoadArgs")
	_, ok = args.Get("D")
	assert.False(t, ok)

	require.NoError(t, args.Set("A", "5"))
	assert.Equal(t, types.Args{{"A", "5"}, {"B", "2"}, {"C", "4"}}, args)
}

func TestArgsSetLeavesTheSourceAlone(t *testing.T) {
	shared := make([][2]string, 1, 8)
	shared[0] = [2]string{"A", "1"}
	args := types.Args(shared)
	require.NoError(t, args.Set("A", "2"))
	require.NoError(t, args.Set("B", "2"))
	other := types.Args(shared)
	require.NoError(t, other.Set("C", "3"))

	assert.Equal(t, [][2]string{{"A", "1"}}, shared)
	assert.Equal(t, "A=2;B=2", args.String())
	assert.Equal(t, "A=1;C=3", other.String())
}

func TestPodArgs(t *testing.T) {
	// The type of libcni's RuntimeConf.Args: no conversion.
	var args [][2]string = types.Pod{Namespace: "shop", Name: "cart-0", InfraContainerID: "4f1d", UID: "77e0"}.Args()
	assert.Equal(t, [][2]string{
		{"IgnoreUnknown", "1"}, {"K8S_POD_NAMESPACE", "shop"}, {"K8S_POD_NAME", "cart-0"},
		{"K8S_POD_INFRA_CONTAINER_ID", "4f1d"}, {"K8S_POD_UID", "77e0"},
	}, args)
	assert.Equal(t, "IgnoreUnknown=1;K8S_POD_NAME=p", types.Pod{Name: "p"}.Args().String())
	assert.Error(t, types.Pod{Name: "p;IgnoreUnknown=0"}.Args().Validate())
}

// FuzzArgs: what is parsed is valid and written as it was; what is set can be
// got, written and parsed, and is what a plugin sees.
func FuzzArgs(f *testing.F) {
	for _, s := range [][3]string{
		{"", "K", "V"}, {"FOO=BAR;ABC=123", "FOO", ""}, {"A=1;A=2", "A", "3"}, {"A=b=c", "A", "d=e"},
		{"A=1;", ";", "="}, {"=", "", ""}, {"A\x00=", "\x00", "\x00"}, {"IgnoreUnknown=1;X=\xff", "é", "\n"},
	} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, s, key, value string) {
		args, err := types.ParseArgs(s)
		if err != nil {
			require.Nil(t, args)
			return
		}
		require.NoError(t, args.Validate())
		require.Equal(t, s, args.String())

		before := slices.Clone(args)
		if err := args.Set(key, value); err != nil {
			require.Equal(t, before, args)
			require.Error(t, types.Args{{key, value}}.Validate())
			return
		}
		again, err := types.ParseArgs(args.String())
		require.NoError(t, err)
		require.Equal(t, args, again)
		got, ok := again.Get(key)
		require.True(t, ok)
		require.Equal(t, value, got)
		for _, pair := range before {
			want, _ := before.Get(pair[0])
			if pair[0] != key {
				got, _ := args.Get(pair[0])
				require.Equal(t, want, got)
			}
		}
	})
}

func ExampleArgs() {
	args := types.Pod{Namespace: "shop", Name: "cart-0", InfraContainerID: "4f1d8a", UID: "77e0c2"}.Args()
	if err := args.Set("IP", "192.168.10.4/24"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(args) // and RuntimeConf{Args: args, ...}
	fmt.Println(args.Set("TENANT", "a;K8S_POD_NAME=other"))
	// Output:
	// IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart-0;K8S_POD_INFRA_CONTAINER_ID=4f1d8a;K8S_POD_UID=77e0c2;IP=192.168.10.4/24
	// CNI_ARGS: pair 6, key "TENANT": the value has ';' or NUL
}
