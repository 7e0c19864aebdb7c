package libcni

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
		return nil, &RequestError{Field: "network", Err: errors.New("no network configuration list (nil)")}
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
		return nil, &RequestError{Field: "network", Err: errors.New("no plugin configuration (nil)")}
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
	return &RequestError{Network: n.name, Field: "cniVersion", Err: &version.UnsupportedError{
		Asked: []string{n.version}, Supported: version.All.SupportedVersions(),
	}}
}

// key names the record of an attachment to the network.
func (n *network) key(rt *RuntimeConf) key {
	return key{network: n.name, container: rt.ContainerID, ifname: rt.IfName}
}

// config is the effective configuration: the bytes from which the same plugins
// can be had again, also when drop-in files are gone or the list was edited
// after it was loaded. It is what a record keeps.
func (n *network) config() []byte {
	if n.list == nil {
		return n.plugins[0].config(rawjson.Field{Key: "name", Value: rawjson.AppendString(nil, n.name)},
			rawjson.Field{Key: "cniVersion", Value: rawjson.AppendString(nil, n.version)})
	}
	o, err := rawjson.ParseObject(n.list.Bytes)
	if err != nil {
		o = nil // built by hand: there may be no bytes
	}
	if n.isConfig(o) {
		return n.list.Bytes
	}
	plugins := []byte{'['}
	for i, p := range n.plugins {
		if i > 0 {
			plugins = append(plugins, ',')
		}
		plugins = append(plugins, p.config()...)
	}
	fields := []rawjson.Field{
		{Key: "cniVersion", Value: rawjson.AppendString(nil, n.version)},
		{Key: "name", Value: rawjson.AppendString(nil, n.name)},
		{Key: "plugins", Value: append(plugins, ']')},
	}
	for _, f := range n.flags() {
		if f.set {
			fields = append(fields, rawjson.Field{Key: f.key, Value: []byte("true")})
		}
	}
	return rawjson.Splice(nil, o, func(m rawjson.Member) bool {
		for _, key := range []string{"cniVersion", "cniVersions", "name", "plugins", "disableCheck", "disableGC", "loadOnlyInlinedPlugins"} {
			if m.Is(key) {
				return false
			}
		}
		return true
	}, fields...)
}

// config is the plugin's bytes with what the library runs by, its type and its
// capabilities, and the given strings: programs edit them in Network alone.
func (p *PluginConfig) config(strings ...rawjson.Field) []byte {
	o, err := rawjson.ParseObject(p.Bytes)
	if err != nil {
		return p.Bytes
	}
	var edited []rawjson.Field
	if !saysString(o, "type", p.Network.Type) {
		edited = append(edited, rawjson.Field{Key: "type", Value: rawjson.AppendString(nil, p.Network.Type)})
	}
	if !p.saysCapabilities(o) {
		capabilities, _ := json.Marshal(p.Network.Capabilities) // a map of booleans
		edited = append(edited, rawjson.Field{Key: "capabilities", Value: capabilities})
	}
	for _, f := range strings {
		if s, _ := rawjson.String(f.Value); !saysString(o, f.Key, s) {
			edited = append(edited, f)
		}
	}
	if edited == nil {
		return p.Bytes
	}
	return rawjson.Splice(nil, o, func(m rawjson.Member) bool {
		return !slices.ContainsFunc(edited, func(f rawjson.Field) bool { return m.Folds(f.Key) })
	}, edited...)
}

// saysString reports whether a member is read as that string; one that is not
// there, as the empty one.
func saysString(o rawjson.Object, key, value string) bool {
	for _, m := range slices.Backward(o) {
		if m.Folds(key) {
			return rawjson.IsString(m.Value, value)
		}
	}
	return value == ""
}

// saysCapabilities reports whether the plugin's bytes declare what its Network
// does.
func (p *PluginConfig) saysCapabilities(o rawjson.Object) bool {
	declared := 0
	for _, has := range p.Network.Capabilities {
		if has {
			declared++
		}
	}
	for _, m := range slices.Backward(o) {
		if !m.Folds("capabilities") {
			continue
		}
		_ = rawjson.EachMember(m.Value, func(c rawjson.Member) bool {
			if c.Value[0] == 't' {
				if !p.Network.Capabilities[c.Key()] {
					declared = -1
					return false
				}
				declared--
			}
			return true
		})
		break
	}
	return declared == 0
}

type flag struct {
	key string
	set bool
}

func (n *network) flags() [3]flag {
	return [3]flag{
		{"disableCheck", n.list.DisableCheck},
		{"disableGC", n.list.DisableGC},
		{"loadOnlyInlinedPlugins", n.list.LoadOnlyInlinedPlugins},
	}
}

// isConfig reports whether the members of the list's bytes say what the list
// says.
func (n *network) isConfig(o rawjson.Object) bool {
	if name, ok := o.Get("name"); !ok || !rawjson.IsString(name.Value, n.name) {
		return false
	}
	loaded := &NetworkConfigList{}
	if parseVersions(o, loaded) != nil || loaded.CNIVersion != n.version {
		return false
	}
	for _, f := range n.flags() {
		if set, err := listBool(o, f.key); err != nil || set != f.set {
			return false
		}
	}
	plugins, _ := o.Get("plugins")
	elements, err := rawjson.ParseArray(plugins.Value)
	if err != nil || len(elements) != len(n.plugins) {
		return false
	}
	parsed, source := make(rawjson.Object, 0, 16), make(rawjson.Object, 0, 16)
	for i, e := range elements {
		parsed, err = rawjson.ParseObjectInto(parsed, n.plugins[i].Bytes)
		if err != nil || !saysString(parsed, "type", n.plugins[i].Network.Type) || !n.plugins[i].saysCapabilities(parsed) {
			return false
		}
		if bytes.Equal(n.plugins[i].Bytes, e.Value) {
			continue
		}
		// Loading sorted the plugin's members and took out the white space.
		source, err = rawjson.ParseObjectInto(source, e.Value)
		if err != nil || !sameMembers(parsed, source) {
			return false
		}
	}
	return true
}

// sameMembers reports whether the object that was loaded, without duplicate
// keys, has the members of its source, in any order.
func sameMembers(loaded, source rawjson.Object) bool {
	last := 0
	for i, m := range source {
		if slices.ContainsFunc(source[i+1:], func(later rawjson.Member) bool { return bytes.Equal(m.Quoted, later.Quoted) }) {
			continue // of equal keys the last one was loaded
		}
		last++
		if !slices.ContainsFunc(loaded, func(other rawjson.Member) bool {
			return bytes.Equal(m.Quoted, other.Quoted) && rawjson.EqualCompact(m.Value, other.Value)
		}) {
			return false
		}
	}
	return len(loaded) == last
}
