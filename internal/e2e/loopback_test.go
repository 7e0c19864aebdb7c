//go:build linux

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestLoopback: the interface every runtime attaches first.
func TestLoopback(t *testing.T) {
	(&story{
		privilege: rootless,
		network:   "cni-loopback",
		conflist: `{
			"cniVersion": "1.1.0",
			"name": "cni-loopback",
			"plugins": [{"type": "loopback"}]
		}`,
		first:  attachment{IfName: "lo"},
		second: attachment{IfName: "lo"},
		connected: func(t *testing.T, first, second *scene) {
			for _, s := range []*scene{first, second} {
				s.serve(t, 80)
				assertReaches(t, s.container, "127.0.0.1:80", s.name)
				assertReaches(t, s.container, "[::1]:80", s.name)
				assert.True(t, s.address(t, false).IsLoopback())
			}
		},
		faults: []fault{linkDown()},
	}).tell(t)
}
