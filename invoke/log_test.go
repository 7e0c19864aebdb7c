package invoke_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// logged runs a call with secrets in it and returns what is written at a level.
func logged(t *testing.T, level slog.Level, exec invoke.Exec) string {
	t.Helper()
	var buf bytes.Buffer
	log := slog.New(slog.NewTextHandler(&buf, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			if a.Key == "elapsed" {
				a.Value = slog.DurationValue(time.Millisecond)
			}
			return a
		},
	}))
	o := invoke.LogObserver(log)
	call := bridgeCall(o)
	call.Stdin = []byte(`{"runtimeConfig":{"token":"hush"}}`)
	call.Environ = []string{"CNI_ARGS=PASS=hush", "CNI_NETNS=/run/ns"}
	_, _ = call.Run(t.Context(), exec)
	o.StderrLine(context.Background(), call, "a warning")
	return buf.String()
}

func TestLogObserver(t *testing.T) {
	t.Parallel()
	const names = "command=ADD plugin=bridge network=net containerID=c1 ifname=eth0 "
	good, bad := replies(`{"secret":"hush"}`, nil), replies("", types.NewError(11, "no address", "pool is empty"))
	for name, tc := range map[string]struct {
		level slog.Level
		exec  invoke.Exec
		want  string
	}{
		"done": {slog.LevelInfo, good, `level=INFO msg="cni plugin done" ` + names + "path=/bin/bridge elapsed=1ms exit=0 stdinBytes=34 stdoutBytes=17\n" +
			`level=INFO msg="cni plugin stderr" ` + names + "line=\"a warning\"\n"},
		"failed": {slog.LevelError, bad, `level=ERROR msg="cni plugin failed" ` + names +
			"path=/bin/bridge elapsed=1ms exit=-1 stdinBytes=34 stdoutBytes=0 error=\"no address; pool is empty\"\n"},
		"nothing": {slog.LevelError, good, ""},
		"bodies": {slog.LevelDebug, good, `level=DEBUG msg="cni plugin starts" ` + names + `args="PASS=hush" netns=/run/ns stdin="{\"runtimeConfig\":{\"token\":\"hush\"}}"` + "\n" +
			`level=INFO msg="cni plugin done" ` + names + "path=/bin/bridge elapsed=1ms exit=0 stdinBytes=34 stdoutBytes=17\n" +
			`level=DEBUG msg="cni plugin result" ` + names + `stdout="{\"secret\":\"hush\"}"` + "\n" +
			`level=INFO msg="cni plugin stderr" ` + names + "line=\"a warning\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := logged(t, tc.level, tc.exec)
			assert.Equal(t, tc.want, got)
			if tc.level > slog.LevelDebug {
				assert.NotContains(t, got, "hush")
			}
		})
	}
}

func ExampleLogObserver() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "elapsed" {
				return slog.Attr{}
			}
			return a
		},
	}))
	call := &invoke.Call{
		Plugin: "bridge", Path: "/opt/cni/bin/bridge", Command: "ADD", Network: "backend", ContainerID: "con1", IfName: "eth0",
		Observer: invoke.LogObserver(log),
	}
	exec := replies("", types.NewError(types.ErrTryAgainLater, "no address left", ""))
	_, _ = call.Run(context.Background(), exec)
	// Output:
	// level=ERROR msg="cni plugin failed" command=ADD plugin=bridge network=backend containerID=con1 ifname=eth0 path=/opt/cni/bin/bridge exit=-1 stdinBytes=0 stdoutBytes=0 error="no address left"
}

func TestLogObserverDefault(t *testing.T) {
	t.Parallel()
	require.NotNil(t, invoke.LogObserver(nil).End)
}
