//go:build linux

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// The uplink is a network outside, 192.0.2.0/24 and 2001:db8::/64: .1 is the host, .2 a
// machine that knows no way to the containers' addresses. newUplink makes it and returns
// the machine.
func newUplink(t *testing.T) *container {
	t.Helper()
	outside := newContainer(t, "outside")
	host(t, "ip link add uplink type veth peer name eth0 netns outside")
	host(t, "ip address add 192.0.2.1/24 dev uplink")
	host(t, "ip address add 2001:db8::1/64 dev uplink nodad")
	host(t, "ip link set uplink up")
	outside.ip(t, "address add 192.0.2.2/24 dev eth0")
	outside.ip(t, "address add 2001:db8::2/64 dev eth0 nodad")
	outside.ip(t, "link set eth0 up")
	return outside
}

// assertMasqueraded asserts that the machine at the uplink's address .2 or ::2, which serves
// on port 7, sees the host's address when the container connects to it.
func assertMasqueraded(t *testing.T, c *container, v6 bool) {
	t.Helper()
	machine, seen := "192.0.2.2:7", "192.0.2.1"
	if v6 {
		machine, seen = "[2001:db8::2]:7", "2001:db8::1"
	}
	name, from := c.ask(t, machine)
	assert.Equal(t, "outside", name)
	assert.Equal(t, seen, from.String(), "the address seen outside")
}
