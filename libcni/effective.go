package libcni

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/cnikit/cnikit/internal/rawjson"
)

// config is the effective configuration: the bytes from which the same plugins
// can be had again, also when drop-in files are gone or the list was edited
// after it was loaded. It is what a record keeps.
func (n *network) config() []byte {
	if n.list == nil {
		return n.plugins[0].config(rawjson.Field{Key: "name", Value: rawjson.AppendString(nil, n.name)},
			rawjson.Field{Key: "cniVersion", Value: rawjson.AppendString(nil, n.version)})
	}
	var room [64]rawjson.Node
	var o rawjson.Object // built by hand, there may be no bytes
	src := n.list.Bytes
	if tree, err := rawjson.ParseTree(room[:0], src, listLevels-1); err == nil && rawjson.TypeOf(tree.Root(src).Value) == rawjson.Obj {
		o = tree.Object(src, make(rawjson.Object, 0, 8), tree.Root(src))
		if n.isConfig(src, tree, o) {
			return src
		}
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
	said := []byte("{}")
	for _, m := range slices.Backward(o) {
		if m.Folds("capabilities") {
			said = m.Value
			break
		}
	}
	for name, has := range p.Network.Capabilities {
		says := false // by the last of equal keys
		_ = rawjson.EachMember(said, func(c rawjson.Member) bool {
			if c.Is(name) {
				says = c.Value[0] == 't'
			}
			return true
		})
		if says != has {
			return false
		}
	}
	says := true
	_ = rawjson.EachMember(said, func(c rawjson.Member) bool {
		says = c.Value[0] != 't'
		for name := range p.Network.Capabilities {
			says = says || c.Is(name)
		}
		return says
	})
	return says
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

// isConfig reports whether o, the members of the list's bytes, says what the list
// says.
func (n *network) isConfig(src []byte, tree rawjson.Tree, o rawjson.Object) bool {
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
	plugins, ok := o.Get("plugins")
	if !ok || rawjson.TypeOf(plugins.Value) != rawjson.Array {
		return false
	}
	elements := tree.Object(src, make(rawjson.Object, 0, 8), plugins)
	if len(elements) != len(n.plugins) {
		return false
	}
	parsed, source := make(rawjson.Object, 0, 16), make(rawjson.Object, 0, 16)
	for i, e := range elements {
		var err error
		parsed, err = rawjson.ParseObjectInto(parsed, n.plugins[i].Bytes)
		if err != nil || !saysString(parsed, "type", n.plugins[i].Network.Type) || !n.plugins[i].saysCapabilities(parsed) {
			return false
		}
		if bytes.Equal(n.plugins[i].Bytes, e.Value) {
			continue
		}
		// Loading sorted the plugin's members and took out the white space.
		if rawjson.TypeOf(e.Value) != rawjson.Obj {
			return false
		}
		if source = tree.Object(src, source, e); !sameMembers(parsed, source) {
			return false
		}
	}
	return true
}

// sameMembers reports whether the object that was loaded has the members of its
// source, in any order.
func sameMembers(loaded, source rawjson.Object) bool {
	return slices.EqualFunc(loaded.Sorted(), source.Sorted(), func(a, b rawjson.Member) bool {
		return bytes.Equal(a.Quoted, b.Quoted) && rawjson.EqualCompact(a.Value, b.Value)
	})
}
