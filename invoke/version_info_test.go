package invoke_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
)

func TestGetVersionInfo(t *testing.T) {
	f := &fakeExec{reply: `{"cniVersion":"1.1.0","supportedVersions":["0.4.0","1.0.0"]}`}
	info, err := invoke.GetVersionInfo(context.Background(), "/bin/p", f)
	require.NoError(t, err)
	assert.Equal(t, []string{"0.4.0", "1.0.0"}, info.SupportedVersions())
	assert.Equal(t, "/bin/p", f.path)
	assert.JSONEq(t, `{"cniVersion":"1.1.0"}`, string(f.stdin))
	for _, kv := range []string{"CNI_COMMAND=VERSION", "CNI_NETNS=dummy", "CNI_IFNAME=dummy", "CNI_PATH=dummy"} {
		assert.Contains(t, f.environ, kv)
	}
}

func TestGetVersionInfoOfOldPlugins(t *testing.T) {
	tests := []struct {
		name  string
		reply string
		err   error
		want  []string
	}{
		{"no VERSION verb", "", errors.New("unknown CNI_COMMAND: VERSION"), []string{"0.1.0"}},
		{"no VERSION verb, typed", "", types.NewError(4, "unknown CNI_COMMAND: VERSION", "try again"), []string{"0.1.0"}},
		{"no list of versions", `{"cniVersion":"0.2.0"}`, nil, []string{"0.1.0", "0.2.0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			info, err := invoke.GetVersionInfo(context.Background(), "/bin/p", &fakeExec{reply: tt.reply, err: tt.err})
			require.NoError(t, err)
			assert.Equal(t, tt.want, info.SupportedVersions())
		})
	}
}

func TestGetVersionInfoErrors(t *testing.T) {
	_, err := invoke.GetVersionInfo(context.Background(), "/bin/p", &fakeExec{err: errors.New("banana")})
	assert.EqualError(t, err, "banana")
	_, err = invoke.GetVersionInfo(context.Background(), "/bin/p", &fakeExec{reply: "what?"})
	assert.ErrorContains(t, err, "decoding version info")
	var failed *invoke.PluginError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "VERSION", failed.Command)
}

func TestVersionInfoQuotesWhatIsNone(t *testing.T) {
	for reply, want := range map[string]string{
		"":           "decoding version info: nothing was printed on standard output",
		" \n":        "decoding version info: nothing was printed on standard output",
		"usage: x\n": `decoding version info: invalid character 'u' looking for beginning of value: "usage: x"`,
		"{}":         `decoding version info: missing field cniVersion: "{}"`,
	} {
		_, err := invoke.GetVersionInfo(context.Background(), "/bin/p", &fakeExec{reply: reply})
		assert.EqualError(t, err, want)
		var failed *invoke.PluginError
		require.ErrorAs(t, err, &failed)
		assert.Zero(t, failed.ExitCode, "it ran and ended well")
	}
}

func TestVersionInfoKeepsTheCall(t *testing.T) {
	f := &fakeExec{reply: `{"cniVersion":"0.2.0"}`}
	c := &invoke.Call{Plugin: "p", Path: "/bin/p", Environ: []string{"CNI_COMMAND=VERSION", "ONLY=this"}}
	_, err := c.VersionInfo(context.Background(), f)
	require.NoError(t, err)
	assert.Equal(t, []string{"CNI_COMMAND=VERSION", "ONLY=this"}, f.environ)
	assert.Empty(t, c.Command)
	assert.Nil(t, c.Stdin)
}
