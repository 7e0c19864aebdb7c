//go:build unix

package invoke_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
)

// The texts of this table are containernetworking/cni's: runtimes and their tests
// compare them.
func TestRawExecErrorTexts(t *testing.T) {
	tests := []struct {
		name, script, want string
		exit               int
	}{
		{"nothing printed", `exit 1`, "netplugin failed with no error message: exit status 1", 1},
		{"standard error", `printf 'some stderr message' >&2; exit 3`, `netplugin failed: "some stderr message": exit status 3`, 3},
		{"error object", `echo '{"code": 7, "msg": "banana", "details": "peel"}'; exit 1`, "banana; peel", 1},
		{"error object and standard error", `echo noise >&2; echo '{"code": 7, "msg": "banana"}'; exit 1`, "banana", 1},
		{"text", `echo banana; exit 1`,
			`netplugin failed but error parsing its diagnostic message "banana": invalid character 'b' looking for beginning of value: exit status 1`, 1},
		{"half a result", `printf '{"cniVersion": "1.0.0", "ips": ['; exit 1`,
			`netplugin failed but error parsing its diagnostic message "{\"cniVersion\": \"1.0.0\", \"ips\": [": unexpected end of JSON input: exit status 1`, 1},
		{"empty object", `echo '{}'; exit 1`, `netplugin failed with no error message: exit status 1; standard output: "{}"`, 1},
		{"null", `echo null; exit 1`, `netplugin failed with no error message: exit status 1; standard output: "null"`, 1},
		{"a result", `echo '{"cniVersion":"1.0.0"}'; exit 2`,
			`netplugin failed with no error message: exit status 2; standard output: "{\"cniVersion\":\"1.0.0\"}"`, 2},
		{"code without message", `echo '{"code": 11}'; exit 1`,
			`netplugin failed with no error message: exit status 1; standard output: "{\"code\": 11}"`, 1},
		{"death by signal", `kill -9 $$`, "netplugin failed with no error message: signal: killed", -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := script(t, tt.script)
			out, err := new(invoke.RawExec).ExecPlugin(context.Background(), path, nil, []string{})
			require.EqualError(t, err, tt.want)
			assert.Nil(t, out)

			var failed *invoke.PluginError
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, path, failed.Path)
			assert.Equal(t, tt.exit, failed.ExitCode)
			assert.Equal(t, tt.exit < 0, failed.Signal != nil)
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			var said *types.Error
			require.ErrorAs(t, err, &said)
			assert.Equal(t, said, errors.Unwrap(err))
		})
	}
}

func TestRawExecSuccess(t *testing.T) {
	path := script(t, `echo "note" >&2; echo "verb $CNI_COMMAND"; cat`)
	var stderr bytes.Buffer
	out, err := (&invoke.RawExec{Stderr: &stderr}).
		ExecPlugin(context.Background(), path, []byte("request"), []string{"CNI_COMMAND=ADD", "PATH=/bin:/usr/bin"})
	require.NoError(t, err)
	assert.Equal(t, "verb ADD\nrequest", string(out))
	assert.Equal(t, "note\n", stderr.String())
}

func TestExitZeroWithErrorObject(t *testing.T) {
	path := script(t, `echo '{"code": 3, "msg": "no such container"}'; echo why >&2`)
	c := &invoke.Call{Plugin: "p", Path: path, Command: "DEL"}
	_, err := c.Run(context.Background(), &invoke.DefaultExec{RawExec: &invoke.RawExec{}})
	require.EqualError(t, err, "no such container")
	var failed *invoke.PluginError
	require.ErrorAs(t, err, &failed)
	assert.Zero(t, failed.ExitCode)
	assert.Equal(t, types.ErrUnknownContainer, failed.Code)
}

// What a plugin says at great length is quoted to about 4 KiB.
func TestLongErrorObjectIsClipped(t *testing.T) {
	path := script(t, `x=$(head -c 100000 /dev/zero | tr '\0' x); echo "{\"code\": 7, \"msg\": \"$x\", \"details\": \"$x\"}"; exit 1`)
	_, err := new(invoke.RawExec).ExecPlugin(context.Background(), path, nil, nil)
	assert.Less(t, len(err.Error()), 10<<10)
	var failed *invoke.PluginError
	require.ErrorAs(t, err, &failed)
	assert.EqualValues(t, 7, failed.Code)
	for _, text := range []string{failed.Msg, failed.Details} {
		assert.Less(t, len(text), 5<<10)
		assert.Contains(t, text, "(95904 more bytes)")
	}
}

// An Exec of the caller's that runs processes need not know PluginError: how the
// process ended is read from its error.
func TestExitOfForeignExec(t *testing.T) {
	for text, want := range map[string]int{"exit 3": 3, "kill -9 $$": -1} {
		ended := exec.Command("/bin/sh", "-c", text).Run()
		require.Error(t, ended)
		_, err := newCall().Run(context.Background(), &fakeExec{err: fmt.Errorf("fake: %w", ended)})
		failed := assertNamed(t, err)
		assert.Equal(t, want, failed.ExitCode)
		assert.Equal(t, want < 0, failed.Signal != nil)
		assert.EqualError(t, err, "fake: "+ended.Error())
	}
}
