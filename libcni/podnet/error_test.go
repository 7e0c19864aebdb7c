package podnet

import (
	"errors"
	"fmt"
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
