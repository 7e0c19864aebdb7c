package podnet

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
)

func TestErrorTellsAllItsCauses(t *testing.T) {
	plugin := &invoke.PluginError{Plugin: "bridge", Command: "ADD", ExitCode: 1, Err: errors.New("no room")}
	record := &libcni.RecordError{Path: "/cache/results/x", Err: errors.New("torn")}
	err := error(&Error{Op: "attach", ContainerID: "c1", Network: "net", Err: errors.Join(plugin, record)})
	const text = "attach container c1 network net: no room\nrecord /cache/results/x: torn"
	assert.EqualError(t, err, text)
	assert.Equal(t, text, fmt.Sprintf("%v", err))
	assert.Equal(t, fmt.Sprintf("%q", text), fmt.Sprintf("%q", err))
	assert.Equal(t, fmt.Sprintf("attach container c1 network net: %+v\n%+v", plugin, record), fmt.Sprintf("%+v", err))
	assert.Contains(t, fmt.Sprintf("%+v", err), "bridge")
	var found *invoke.PluginError
	assert.ErrorAs(t, err, &found)
}

// One level of fields, none of them empty, and no text twice.
func TestErrorInTheLog(t *testing.T) {
	plugin := &invoke.PluginError{
		Plugin: "bridge", Command: "ADD", Network: "net", ContainerID: "c1", ExitCode: 1, Err: errors.New("no room"),
	}
	record := &libcni.RecordError{Path: "/cache/results/x", Err: errors.New("torn")}
	for _, test := range []struct {
		name string
		err  *Error
		want string
	}{
		{"no details", &Error{Op: "gc", Err: errors.New("x")}, "error.op=gc error.error=x"},
		{
			"a plugin's", &Error{Op: "attach", ContainerID: "c1", Network: "net", IfName: "eth0", Err: plugin},
			`error.op=attach error.containerID=c1 error.network=net error.ifname=eth0 error.error="no room" error.plugin=bridge error.command=ADD error.exit="status 1"`,
		},
		{
			"several", &Error{Op: "attach", ContainerID: "c1", Err: errors.Join(plugin, record)},
			`error.op=attach error.containerID=c1 error.error="no room\nrecord /cache/results/x: torn"`,
		},
		{
			"one in another", &Error{Op: "detach", ContainerID: "c1", Err: &Error{Op: "x", Network: "n", Err: record}},
			`error.op=detach error.containerID=c1 error.error="x network n: record /cache/results/x: torn" error.network=n error.record=/cache/results/x`,
		},
		{
			"what to do about a DEL", &Error{Op: "gc", Path: "/cache/results/x", Err: errors.New("x")},
			`error.op=gc error.path=/cache/results/x error.error=x error.then="call GC again when the cause is mended, or give up with Forget"`,
		},
		{
			"what to do about a disk", &Error{Op: "attach", Err: &CacheDirError{Dir: "/cache", Err: errors.New("full")}},
			`error.op=attach error.error="cache directory /cache cannot be used (Options.CacheDir): full" error.dir=/cache ` +
				`error.toDo="make it writable for this process, with space on its disk, or choose another one"`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var logged bytes.Buffer
			slog.New(slog.NewTextHandler(&logged, nil)).Error("m", "error", test.err)
			assert.Contains(t, logged.String(), "msg=m "+test.want+"\n")
		})
	}
}
