package libcni

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cnikit/cnikit/internal/rawjson"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// network is what one call works on: a list, or a single plugin as a list of
// one. It is made for the call and holds nothing that the caller may edit
// between calls.
type network struct {
	name    string
	version string
	plugins []*PluginConfig
	list    *NetworkConfigList // nil for a single plugin
}

// networkOfList checks that the list is one that can be used at all.
func networkOfList(list *NetworkConfigList) (*network, error) {
	if list == nil {
		return nil, errNoList()
	}
	return (&network{name: list.Name, version: list.CNIVersion, plugins: list.Plugins, list: list}).checked()
}

// networkOfPlugin is networkOfList for the verbs that take one plugin.
func networkOfPlugin(p *PluginConfig) (*network, error) {
	n, err := soleNetwork(p)
	if err != nil {
		return nil, err
	}
	return n.checked()
}

// soleNetwork is a plugin as a network that may lack a name.
func soleNetwork(p *PluginConfig) (*network, error) {
	if p == nil || p.Network == nil {
		return nil, errNoPlugin()
	}
	return &network{name: p.Network.Name, version: p.Network.CNIVersion, plugins: []*PluginConfig{p}}, nil
}

// networkOfConfig is the network that a record was made with: a list or the
// configuration of a single plugin.
func networkOfConfig(config []byte) (*network, error) {
	o, err := rawjson.ParseObject(config)
	if err != nil {
		return nil, listError(err)
	}
	if _, ok := o.Get("plugins"); ok {
		list, err := NetworkConfFromBytes(config)
		if err != nil {
			return nil, err
		}
		return networkOfList(list)
	}
	plugin, err := NetworkPluginConfFromBytes(config)
	if err != nil {
		return nil, err
	}
	return networkOfPlugin(plugin)
}

func (n *network) checked() (*network, error) {
	if err := types.ValidateNetworkName(n.name); err != nil {
		return nil, &RequestError{Network: n.name, Field: "name", Err: err}
	}
	for i, p := range n.plugins {
		if p == nil || p.Network == nil {
			return nil, &RequestError{Network: n.name, Field: fmt.Sprintf("plugins[%d]", i),
				Err: fmt.Errorf("plugin %d has no configuration (nil)", i)}
		}
	}
	return n, nil
}

// ready checks all that is asked of a verb on an attachment to the network.
func (n *network) ready(rt *RuntimeConf) error {
	if err := n.attachment(rt); err != nil {
		return err
	}
	return n.runnable()
}

// attachment checks what names an attachment (R13, R14, R15).
func (n *network) attachment(rt *RuntimeConf) error {
	if rt == nil {
		return &RequestError{Field: "runtime configuration", Err: errNoRuntimeConf}
	}
	if err := types.ValidateContainerID(rt.ContainerID); err != nil {
		return &RequestError{Field: "containerID", Err: err}
	}
	if err := types.ValidateInterfaceName(rt.IfName); err != nil {
		return &RequestError{Field: "ifName", Err: err}
	}
	if strings.Contains(rt.NetNS, "\x00") {
		return &RequestError{Field: "netns", Err: types.NewError(types.ErrInvalidEnvironmentVariables, "network namespace contains NUL", "")}
	}
	if err := types.Args(rt.Args).Validate(); err != nil {
		return &RequestError{Field: "args", Err: types.NewError(types.ErrInvalidEnvironmentVariables, "invalid CNI_ARGS", err.Error())}
	}
	return nil
}

// runnable adds what is asked of a network whose plugins are to be run: there
// are some, and this library speaks its version.
func (n *network) runnable() error {
	if err := n.known(); err != nil {
		return err
	}
	if len(n.plugins) == 0 {
		return &RequestError{Network: n.name, Field: "plugins", Err: errors.New("network has no plugins")}
	}
	return nil
}

func (n *network) known() error {
	if version.Known(n.version) {
		return nil
	}
	return &RequestError{Network: n.name, Field: "cniVersion", Err: n.versionFault(&version.UnsupportedError{
		Asked: []string{n.version}, Supported: version.All.SupportedVersions(),
	})}
}

// versionFault adds to an error about the version its place in the configuration,
// if that is where the version comes from.
func (n *network) versionFault(err error) error {
	var src []byte
	switch {
	case n.list != nil:
		src = n.list.Bytes
	case len(n.plugins) > 0:
		src = n.plugins[0].Bytes
	}
	o, _ := rawjson.ParseObject(src)
	m, ok := o.Get("cniVersion")
	if !ok || !rawjson.IsString(m.Value, n.version) {
		return err
	}
	return fault("/cniVersion", m.Offset, err).located(n.name, src)
}

// key names the record of an attachment to the network.
func (n *network) key(rt *RuntimeConf) key {
	return key{network: n.name, container: rt.ContainerID, ifname: rt.IfName}
}
