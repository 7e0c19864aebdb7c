package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Who gives up does so for the plugins that fail or are missing: the others run.
func TestForgetGoesOnAfterAPlugin(t *testing.T) {
	m := newMachine(t)
	m.conf("10-some.conflist", `{"cniVersion": "1.0.0", "name": "some", "plugins": [
		{"type": "link", "stateDir": "$STATE"},
		{"type": "address", "stateDir": "$STATE", "subnet": "10.1.0.0/29"},
		{"type": "stuck"}
	]}`)
	_, stderr, status := m.call("add", "--container", "web", "some", m.netns("one"))
	require.Zero(t, status, stderr)
	made := m.state()
	require.Contains(t, made, "link-web-eth0")

	_, stderr, status = m.call("clean", "web")
	assert.Equal(t, 1, status, stderr)
	assert.Equal(t, made, m.state(), "all stays, so that all can be cleaned up later")
	_, stderr, status = m.call("clean", "--forget", "web")
	assert.Equal(t, 2, status, stderr)
	assert.Contains(t, stderr, `plugin type="stuck" failed (delete): the switch does not answer`)
	assert.Empty(t, m.state())
}
