//go:build unix

package invoke_test

import (
	"context"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/cnikit/cnikit/invoke"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The plugin waits on a pipe until the observer has seen its first line: lines
// come while it runs.
func TestObserverStderrLinesLive(t *testing.T) {
	t.Parallel()
	path := script(t, `echo first line >&2; read go <"$GATE"; printf 'second\r\nno newline' >&2; exit 3`)
	gate := path + ".gate"
	require.NoError(t, syscall.Mkfifo(gate, 0o600))

	var lines []string
	o := journal("o", &lines)
	note := o.StderrLine
	o.StderrLine = func(ctx context.Context, c *invoke.Call, line string) {
		note(ctx, c, line)
		if line == "first line" {
			f, err := os.OpenFile(gate, os.O_WRONLY, 0)
			if assert.NoError(t, err) {
				_, _ = io.WriteString(f, "go\n")
				_ = f.Close()
			}
		}
	}
	call := &invoke.Call{Plugin: "slow", Path: path, Command: "DEL", Environ: []string{"GATE=" + gate}, Observer: o}
	_, err := call.Run(t.Context(), &invoke.DefaultExec{RawExec: &invoke.RawExec{}})
	require.Error(t, err)
	require.Len(t, lines, 5)
	assert.Equal(t, []string{
		"o: start DEL slow   ",
		"o: stderr of slow: first line",
		"o: stderr of slow: second",
		"o: stderr of slow: no newline",
	}, lines[:4])
	assert.True(t, strings.HasPrefix(lines[4], "o: end slow in=0 out=0 exit=3 err="), lines[4])
}

// The parts of the environment that a plugin sees with a trace: all of it plus the
// trace, also when the environment is inherited.
func TestTraceContextReachesProcess(t *testing.T) {
	t.Setenv("CNIKIT_TEST_INHERITED", "yes")
	t.Setenv("TRACEPARENT", "00-11111111111111111111111111111111-1111111111111111-00")
	t.Setenv("TRACESTATE", "old=1")
	path := script(t, `echo "$CNIKIT_TEST_INHERITED,$A,$TRACEPARENT,$TRACESTATE,$BAGGAGE"`)
	o := traceObserver(invoke.TraceContext{TraceParent: parent, Baggage: "k=v"})
	for name, tc := range map[string]struct {
		environ []string
		want    string
	}{
		"inherited": {nil, "yes,," + parent + ",,k=v\n"},
		"given":     {[]string{"A=1", "TRACESTATE=given"}, ",1," + parent + ",,k=v\n"},
	} {
		t.Run(name, func(t *testing.T) {
			call := &invoke.Call{Plugin: "p", Path: path, Environ: tc.environ, Observer: o}
			reply, err := call.Run(t.Context(), &invoke.DefaultExec{RawExec: &invoke.RawExec{}})
			require.NoError(t, err)
			assert.Equal(t, tc.want, string(reply))
		})
	}
}
