package podnet

import (
	"github.com/cnikit/cnikit/libcni"
)

// loopbackType is the plugin that brings up the loopback interface, and
// loopbackName the interface.
const (
	loopbackType = "loopback"
	loopbackName = "lo"
)

// loopbackConf is the network that is used when none is configured. The plugin
// runs in this process, but its record is one that any runtime with a loopback
// program can clean up.
const loopbackConf = `{"cniVersion":"1.0.0","name":"cni-loopback","plugins":[{"type":"loopback"}]}`

// loopbackOnly reports whether a network does nothing but bring up the loopback
// interface.
func loopbackOnly(n *libcni.NetworkConfigList) bool {
	return len(n.Plugins) == 1 && n.Plugins[0].Network.Type == loopbackType
}

// loopback returns the network that brings up the loopback interface.
func (c *Config) loopback() (*libcni.NetworkConfigList, error) {
	for _, n := range c.Networks {
		if loopbackOnly(n.NetworkConfigList) {
			return n.NetworkConfigList, nil
		}
	}
	return libcni.NetworkConfFromBytes([]byte(loopbackConf))
}
