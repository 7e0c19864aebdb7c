package invoke_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
)

func newCall() *invoke.Call {
	return &invoke.Call{
		Plugin: "bridge", Path: "/opt/cni/bin/bridge", Command: "ADD",
		Network: "net", ContainerID: "c1", IfName: "eth0",
		Stdin:   []byte(`{"cniVersion":"1.0.0","name":"net","type":"bridge"}`),
		Environ: []string{"CNI_COMMAND=ADD"},
	}
}

func assertNamed(t *testing.T, err error) *invoke.PluginError {
	t.Helper()
	failed, ok := err.(*invoke.PluginError)
	require.True(t, ok, "%T", err)
	assert.Equal(t, "bridge", failed.Plugin)
	assert.Equal(t, "/opt/cni/bin/bridge", failed.Path)
	assert.Equal(t, "ADD", failed.Command)
	assert.Equal(t, "net", failed.Network)
	assert.Equal(t, "c1", failed.ContainerID)
	assert.Equal(t, "eth0", failed.IfName)
	return failed
}

func TestCallPassesItsArguments(t *testing.T) {
	f := &fakeExec{reply: "anything"}
	c := newCall()
	out, err := c.Run(context.Background(), f)
	require.NoError(t, err)
	assert.Equal(t, "anything", string(out))
	assert.Equal(t, c.Path, f.path)
	assert.Equal(t, c.Stdin, f.stdin)
	assert.Equal(t, c.Environ, f.environ)
}

func TestCallNamesErrorsOfAnyExec(t *testing.T) {
	banana := errors.New("banana")
	own := &types.Error{Code: 11, Msg: "later", Details: "much"}
	inner := &invoke.PluginError{ExitCode: 3, Msg: "inner", Err: &types.Error{Code: 7, Msg: "inner"}, Code: 7, Stderr: "noise"}
	tests := []struct {
		name string
		err  error
		text string
		code uint
		exit int
	}{
		{"a plain error", banana, "banana", 0, -1},
		{"a plugin's error", own, "later; much", 11, -1},
		{"a wrapped plugin's error", fmt.Errorf("fake: %w", own), "fake: later; much", 11, -1},
		{"a PluginError", inner, "inner", 7, 3},
		{"a wrapped PluginError", fmt.Errorf("fake: %w", inner), "fake: inner", 7, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newCall().Run(context.Background(), &fakeExec{err: tt.err})
			failed := assertNamed(t, err)
			assert.EqualError(t, err, tt.text)
			if tt.err != error(inner) { // which is copied
				assert.ErrorIs(t, err, tt.err)
			}
			assert.Equal(t, tt.code, failed.Code)
			assert.Equal(t, tt.exit, failed.ExitCode)
			assert.Equal(t, tt.code == 11, failed.Retryable())
		})
	}
	assert.Empty(t, inner.Plugin, "an Exec's error is not written to")
}

// R47: an error object is an error whatever the exit status says, for every verb.
func TestR47ErrorObjectAtExitStatusZero(t *testing.T) {
	f := &fakeExec{reply: ` {"cniVersion":"1.0.0","code":7,"msg":"bad config","details":"no bridge"} `}
	_, err := newCall().Run(context.Background(), f)
	failed := assertNamed(t, err)
	assert.EqualError(t, err, "bad config; no bridge")
	assert.EqualValues(t, 7, failed.Code)
	assert.Zero(t, failed.ExitCode)
	var said *types.Error
	require.ErrorAs(t, err, &said)
	assert.Equal(t, types.NewError(7, "bad config", "no bridge"), said)

	for _, reply := range []string{
		``, `null`, `{}`, `hello`, `{"msg": 1, "code": 1}`, `{"code":0,"msg":""}`, `{"msg":"x"}`,
		`{"cniVersion":"1.0.0","ips":[],"code":1,"msg":"a plugin's own field"}`, `{"code":1,"msg":"x"`,
	} {
		_, err := newCall().Run(context.Background(), &fakeExec{reply: reply})
		assert.NoError(t, err, reply)
	}
}

// R48: what is wrong with a result is said with plugin and field.
func TestR48InvalidResultNamesPluginAndField(t *testing.T) {
	_, err := newCall().Result(context.Background(), &fakeExec{reply: `{"cniVersion":"1.0.0","ips":[{}]}`}, "1.0.0")
	failed := assertNamed(t, err)
	assert.EqualError(t, err, `plugin "bridge" returned an invalid result: /ips/0/address: missing`)
	assert.Zero(t, failed.ExitCode)
	var result *invoke.ResultError
	require.ErrorAs(t, err, &result)
	assert.Equal(t, "/ips/0/address", result.Pointer)
}

func TestExecPluginWithResult(t *testing.T) {
	args := &invoke.Args{Command: "ADD", ContainerID: "c1", IfName: "eth0"}
	conf := []byte(`{"cniVersion":"0.3.1","name":"net"}`)
	tests := []struct {
		name, conf, reply, version string
	}{
		{"same version", "0.3.1", `{"cniVersion":"0.3.1","ips":[{"version":"4","address":"1.2.3.4/24"}]}`, "0.3.1"},
		{"version missing", "0.3.1", `{"ips":[{"version":"4","address":"1.2.3.4/24"}]}`, "0.3.1"},
		{"version empty", "0.3.1", `{"cniVersion":"","ips":[{"version":"4","address":"1.2.3.4/24"}]}`, "0.3.1"},
		{"another version", "0.3.1", `{"cniVersion":"1.0.0","ips":[{"address":"1.2.3.4/24"}]}`, "0.3.1"},
		{"no version anywhere", "", `{"some":"version-info"}`, "0.1.0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conf := []byte(`{"name":"net","cniVersion":"` + tt.conf + `"}`)
			result, err := invoke.ExecPluginWithResult(context.Background(), "/bin/p", conf, args, &fakeExec{reply: tt.reply})
			require.NoError(t, err)
			assert.Equal(t, tt.version, result.Version())
		})
	}
	t.Run("errors are named from environment and request", func(t *testing.T) {
		_, err := invoke.ExecPluginWithResult(context.Background(), "/bin/p", conf, args, &fakeExec{err: errors.New("banana")})
		failed, ok := err.(*invoke.PluginError)
		require.True(t, ok)
		assert.EqualError(t, err, "banana")
		assert.Equal(t, []string{"p", "/bin/p", "ADD", "net", "c1", "eth0"},
			[]string{failed.Plugin, failed.Path, failed.Command, failed.Network, failed.ContainerID, failed.IfName})
	})
	t.Run("a result of no known version", func(t *testing.T) {
		_, err := invoke.ExecPluginWithResult(context.Background(), "/bin/p", conf, args, &fakeExec{reply: `{"cniVersion":"9.9.9"}`})
		assert.ErrorContains(t, err, `unsupported CNI result version "9.9.9"`)
	})
	t.Run("a nil exec runs a process", func(t *testing.T) {
		_, err := invoke.ExecPluginWithResult(context.Background(), "/no/such/plugin", conf, args, nil)
		assert.ErrorContains(t, err, "/no/such/plugin")
		err = invoke.ExecPluginWithoutResult(context.Background(), "/no/such/plugin", conf, args, nil)
		assert.ErrorContains(t, err, "/no/such/plugin")
	})
}

func TestExecPluginWithoutResultIgnoresOutput(t *testing.T) {
	for _, reply := range []string{"", "null", "{}", "deleted 3 rules\n"} {
		err := invoke.ExecPluginWithoutResult(context.Background(), "/bin/p", nil, invoke.ArgsFromEnv(), &fakeExec{reply: reply})
		assert.NoError(t, err, reply)
	}
}

func TestResultThatIsPassedOn(t *testing.T) {
	const result = `{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/24"}]}`
	call := newCall()
	call.PrevResult = []byte(result)
	got, err := call.Result(context.Background(), &fakeExec{reply: "\n" + result + "\n"}, "1.0.0")
	require.NoError(t, err)
	assert.Equal(t, result, string(got))

	_, err = call.Result(context.Background(), &fakeExec{reply: result[:len(result)-1] + `,"ips":[{}]}`}, "1.0.0")
	assert.ErrorContains(t, err, "/ips/0/address: missing", "another one is checked")
	got, err = call.Result(context.Background(), &fakeExec{reply: `{"cniVersion":"1.0.0"}`}, "1.0.0")
	require.NoError(t, err)
	assert.Equal(t, `{"cniVersion":"1.0.0"}`, string(got))
}

func BenchmarkResult(b *testing.B) {
	const result = `{"cniVersion":"1.0.0",
  "interfaces":[{"name":"cni0","mac":"ba:1c:0f:4e:24:91"},{"name":"eth0","mac":"0a:58:0a:58:00:05","sandbox":"/run/netns/cni-2c7a"}],
  "ips":[{"interface":1,"address":"10.88.0.5/16","gateway":"10.88.0.1"},{"interface":1,"address":"fd00:10:88::5/64","gateway":"fd00:10:88::1"}],
  "routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}],"dns":{}}`
	for name, prev := range map[string][]byte{"new": nil, "passed on": []byte(result)} {
		b.Run(name, func(b *testing.B) {
			call, exec := newCall(), &fakeExec{reply: result}
			call.PrevResult = prev
			b.ReportAllocs()
			for b.Loop() {
				if _, err := call.Result(b.Context(), exec, "1.0.0"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestCallStringHasNoSecrets(t *testing.T) {
	c := newCall()
	c.Plugin, c.Command, c.ContainerID, c.IfName = "bridge", "ADD", "c1", "eth0"
	c.Stdin, c.Environ = []byte("SECRET"), []string{"TOKEN=SECRET"}
	for _, text := range []string{fmt.Sprint(c), fmt.Sprint(*c), fmt.Sprintf("%+v", c)} {
		assert.Equal(t, "ADD bridge container=c1 ifname=eth0", text)
	}
	assert.Equal(t, "STATUS bridge", fmt.Sprint(invoke.Call{Command: "STATUS", Plugin: "bridge"}))
}
