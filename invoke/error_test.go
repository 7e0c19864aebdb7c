package invoke_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
)

func fullError() *invoke.PluginError {
	said := types.NewError(11, "no address left", "10.1.0.0/24")
	return &invoke.PluginError{
		Plugin: "bridge", Path: "/opt/cni/bin/bridge", Command: "ADD",
		Network: "backend", ContainerID: "c1", IfName: "eth0",
		Code: said.Code, Msg: said.Msg, Details: said.Details,
		ExitCode: -1, Signal: syscall.SIGTERM,
		Stderr:  "asking host-local\nno answer\n",
		Elapsed: 1500 * time.Millisecond,
		Err:     said,
		Cause:   errors.Join(context.DeadlineExceeded, errors.New("signal: terminated")),
	}
}

func TestPluginErrorChain(t *testing.T) {
	err := error(fullError())
	assert.EqualError(t, err, "no address left; 10.1.0.0/24")
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.NotErrorIs(t, err, context.Canceled)
	var said *types.Error
	assert.ErrorAs(t, err, &said)
	assert.Equal(t, said, errors.Unwrap(err), "one step, as with containernetworking/cni")
	var failed *invoke.PluginError
	assert.ErrorAs(t, fmt.Errorf("list: %w", err), &failed)
	assert.True(t, failed.Retryable())

	assert.EqualError(t, &invoke.PluginError{Msg: "only a message"}, "only a message")
	assert.NotErrorIs(t, &invoke.PluginError{}, context.Canceled)
}

func TestPluginErrorFormats(t *testing.T) {
	err := fullError()
	text := "no address left; 10.1.0.0/24"
	assert.Equal(t, text, fmt.Sprintf("%v", err))
	assert.Equal(t, text, fmt.Sprintf("%s", err))
	assert.Equal(t, `"`+text+`"`, fmt.Sprintf("%q", err))
	assert.Equal(t, `no address left; 10.1.0.0/24
    network:   backend
    plugin:    bridge
    path:      /opt/cni/bin/bridge
    verb:      ADD
    container: c1
    interface: eth0
    code:      11
    exit:      signal: terminated
    elapsed:   1.5s
    cause:     context deadline exceeded; signal: terminated
    to do:     try again later: the plugin says that it cannot do it now
    stderr:    asking host-local
               no answer`, fmt.Sprintf("%+v", err))
	assert.Equal(t, "x\n    exit:      status 3", fmt.Sprintf("%+v", &invoke.PluginError{Msg: "x", ExitCode: 3}))
}

func logLine(err error) string {
	var buf bytes.Buffer
	slog.New(slog.NewTextHandler(&buf, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})).Error("failed", "err", err)
	return buf.String()
}

func TestPluginErrorLogValue(t *testing.T) {
	assert.Equal(t, `level=ERROR msg=failed err.msg="no address left; 10.1.0.0/24" err.network=backend err.plugin=bridge `+
		`err.path=/opt/cni/bin/bridge err.command=ADD err.containerID=c1 err.ifname=eth0 err.code=11 err.exit="signal: terminated" `+
		`err.elapsed=1.5s err.cause="context deadline exceeded\nsignal: terminated" err.toDo="try again later: the plugin says that it cannot do it now" err.stderr="asking host-local\nno answer\n"`+"\n",
		logLine(fullError()))
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	c := newCall()
	c.Stdin = []byte(`{"name":"net","token":"SECRET"}`)
	c.Environ = []string{"CNI_ARGS=TOKEN=SECRET", "HTTP_PROXY=SECRET"}
	c.Path = "/no/such/plugin"
	_, err := c.Run(context.Background(), nil)
	for _, text := range []string{fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err), err.Error(), logLine(err)} {
		assert.NotContains(t, text, "SECRET")
		assert.Contains(t, text, "no such file")
	}
}

func TestAdviceOnAVersion(t *testing.T) {
	for command, toDo := range map[string]string{
		"ADD":    `set a "cniVersion" that the plugin supports, letter for letter, in the configuration of network "net", or install one that supports this`,
		"STATUS": `set a "cniVersion" that the plugin supports, letter for letter, in the configuration of network "net", or install one that supports this`,
		"DEL":    "", // with what is recorded
	} {
		err := &invoke.PluginError{Command: command, Network: "net", Msg: "no", Code: types.ErrIncompatibleCNIVersion, ExitCode: 1}
		if toDo == "" {
			assert.NotContains(t, fmt.Sprintf("%+v", err), "to do", command)
			continue
		}
		assert.Contains(t, fmt.Sprintf("%+v", err), "\n    to do:     "+toDo, command)
	}
}
