package podnet

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/cnikit/cnikit/internal/joined"
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
	return ownLoopback()
}

func ownLoopback() (*libcni.NetworkConfigList, error) {
	return libcni.NetworkConfFromBytes([]byte(loopbackConf))
}

// adviseOfLoopback makes what is wrong with a record of a manager's own loopback network
// say that the manager can get rid of it. No configuration has that network, so a DEL by
// hand, as a [libcni.RecordError] advises, cannot.
func adviseOfLoopback(err error) error {
	if err == nil {
		return nil
	}
	errs := joined.List(err)
	for i, err := range errs {
		var bad *libcni.RecordError
		var file *fs.PathError
		if !errors.As(err, &bad) || errors.As(err, &file) || filepath.Base(filepath.Dir(bad.Path)) != "results" {
			continue
		}
		id, own := strings.CutPrefix(filepath.Base(bad.Path), "cni-loopback-")
		id, lo := strings.CutSuffix(id, "-"+loopbackName)
		if own && lo {
			errs[i] = fmt.Errorf("%w; to do: call Detach for container %s, network cni-loopback, or for all of its networks", err, id)
		}
	}
	return join(errs...)
}
