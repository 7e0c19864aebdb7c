package libcni

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/cnikit/cnikit/internal/rawjson"
	"github.com/cnikit/cnikit/types"
)

// NetworkPluginConfFromBytes parses the configuration of one plugin (SPEC.md, section
// 1, "Plugin configuration objects"). The bytes are kept, not copied. It does not know
// which network they belong to: the plugin gets the name and the version of the list
// it is put in.
//
// The error is a [*ConfError].
func NetworkPluginConfFromBytes(pluginConfBytes []byte) (*PluginConfig, error) {
	conf, err := parsePluginBytes(pluginConfBytes)
	if err != nil {
		return nil, err.located("", pluginConfBytes)
	}
	return &PluginConfig{Network: conf, Bytes: pluginConfBytes}, nil
}

// ConfFromBytes is [NetworkPluginConfFromBytes].
//
// Deprecated: a configuration of its own is a list; use [NetworkConfFromBytes]
// for it, and NetworkPluginConfFromBytes for one plugin.
func ConfFromBytes(bytes []byte) (*NetworkConfig, error) {
	return NetworkPluginConfFromBytes(bytes)
}

// parsePluginBytes is parsePlugin for a text that is nothing else.
func parsePluginBytes(src []byte) (*types.PluginConf, *ConfError) {
	var room [32]rawjson.Node
	tree, err := rawjson.ParseTree(room[:0], src, listLevels-2)
	if err != nil {
		return nil, fault("", 0, parseError(err))
	}
	conf := &types.PluginConf{}
	if _, fault := parsePlugin(conf, src, tree, tree.Root(src), make(rawjson.Object, 0, 16)); fault != nil {
		return nil, fault
	}
	return conf, nil
}

// parsePlugin reads what the library itself needs of a plugin's configuration,
// as encoding/json would read it into a PluginConf, and returns the members, which
// it puts into o. The configuration is the value p of the tree.
func parsePlugin(conf *types.PluginConf, src []byte, tree rawjson.Tree, p rawjson.Member, o rawjson.Object) (rawjson.Object, *ConfError) {
	switch t := rawjson.TypeOf(p.Value); t {
	case rawjson.Obj:
	case rawjson.Null:
		return nil, missingType(p.Offset)
	default:
		return nil, fault("", p.Offset, parseError(&rawjson.TypeError{Want: "object", Got: t}))
	}
	o = tree.Object(src, o, p)
	var seen [pluginKeyCount]rawjson.Member
	for _, m := range o {
		i := pluginKeys.Find(m)
		if i < 0 {
			continue
		}
		if first := seen[i]; first.Quoted != nil && !bytes.Equal(first.Quoted, m.Quoted) && first.Key() != m.Key() {
			return nil, fault(pointerTo(m.Key()), m.Offset, parseError(fmt.Errorf(
				"both %q and %q are there, and which of them counts depends on the reader", first.Key(), m.Key())))
		}
		seen[i] = m
		if err := decodePluginKey(conf, i, src, tree, m); err != nil {
			var at *ConfError
			if !errors.As(err, &at) {
				at = fault(pointerTo(m.Key()), m.Offset, parseError(err))
			}
			return nil, at
		}
	}
	switch {
	case conf.Type == "":
		return nil, missingType(p.Offset)
	case strings.ContainsAny(conf.Type, pathCharacters):
		return nil, fault("/type", valueOffset(o, "type"), parseError(fmt.Errorf("invalid plugin name: %s", conf.Type)))
	}
	return o, nil
}

// pluginKeys are the members of a plugin's configuration that have a meaning to
// a runtime.
var pluginKeys = rawjson.KeysOf("type", "name", "cniVersion", "capabilities", "ipam", "dns", "prevResult", "cni.dev/valid-attachments")

const (
	keyType = iota
	keyName
	keyCNIVersion
	keyCapabilities
	keyIPAM
	keyDNS
	keyPrevResult
	keyValidAttachments
	pluginKeyCount
)

// pathCharacters must not stand in the name of a plugin, on any system: the name
// is looked up in directories (R8).
const pathCharacters = "/\\\x00"

func decodePluginKey(conf *types.PluginConf, key int, src []byte, tree rawjson.Tree, m rawjson.Member) error {
	if rawjson.TypeOf(m.Value) == rawjson.Null {
		return nil
	}
	switch key {
	case keyType:
		return decodeString(m, &conf.Type)
	case keyName:
		return decodeString(m, &conf.Name)
	case keyCNIVersion:
		return decodeString(m, &conf.CNIVersion)
	case keyCapabilities:
		return decodeCapabilities(src, tree, m, &conf.Capabilities)
	case keyIPAM:
		return decodeIPAM(src, tree, m, &conf.IPAM)
	case keyDNS:
		return decodeDNS(m, &conf.DNS)
	case keyPrevResult:
		return json.Unmarshal(m.Value, &conf.RawPrevResult)
	default:
		return json.Unmarshal(m.Value, &conf.ValidAttachments)
	}
}

// otherType is an error about a value that has not the type it should have.
func otherType(m rawjson.Member, want string) *ConfError {
	return fault(pointerTo(m.Key()), m.Offset, parseError(fmt.Errorf(
		"%q must be %s, not %s", m.Key(), want, rawjson.TypeOf(m.Value).Noun())))
}

func decodeString(m rawjson.Member, to *string) error {
	s, ok := rawjson.String(m.Value)
	if !ok {
		return otherType(m, "a string")
	}
	*to = s
	return nil
}

func decodeCapabilities(src []byte, tree rawjson.Tree, m rawjson.Member, to *map[string]bool) error {
	if rawjson.TypeOf(m.Value) != rawjson.Obj {
		return otherType(m, "an object")
	}
	*to = map[string]bool{}
	for c := range tree.In(src, m) {
		switch rawjson.TypeOf(c.Value) {
		case rawjson.Bool:
			(*to)[c.Key()] = c.Value[0] == 't'
		case rawjson.Null:
			(*to)[c.Key()] = false
		default:
			return otherType(c, "true or false").within(pointerTo(m.Key()))
		}
	}
	return nil
}

func decodeIPAM(src []byte, tree rawjson.Tree, m rawjson.Member, to *types.IPAM) error {
	if rawjson.TypeOf(m.Value) != rawjson.Obj {
		return otherType(m, "an object")
	}
	spelled := ""
	for inner := range tree.In(src, m) {
		if !inner.Folds("type") {
			continue
		}
		key := inner.Key()
		wrong := func(err error) error {
			return fault(pointerTo(key), inner.Offset, parseError(err)).within(pointerTo(m.Key()))
		}
		if spelled != "" && spelled != key {
			return wrong(fmt.Errorf("both %q and %q are there, and which of them counts depends on the reader", spelled, key))
		}
		spelled = key
		if rawjson.TypeOf(inner.Value) == rawjson.Null {
			continue
		}
		name, ok := rawjson.String(inner.Value)
		if !ok {
			return wrong(fmt.Errorf("%q of %q must be a string, not %s", key, m.Key(), rawjson.TypeOf(inner.Value).Noun()))
		}
		if to.Type = name; strings.ContainsAny(name, pathCharacters) {
			return wrong(fmt.Errorf("invalid plugin name: %s", name))
		}
	}
	return nil
}

func decodeDNS(m rawjson.Member, to *types.DNS) error {
	if rawjson.TypeOf(m.Value) != rawjson.Obj {
		return otherType(m, "an object")
	}
	return json.Unmarshal(m.Value, to)
}

func parseError(err error) error { return fmt.Errorf("error parsing configuration: %w", err) }

// missingType is an error about the plugin whose configuration begins at offset.
func missingType(offset int) *ConfError {
	return fault("", offset, errors.New("error parsing configuration: missing 'type'"))
}

// valueOffset is where the value of the member called key, in any case, begins.
func valueOffset(o rawjson.Object, key string) int {
	for _, m := range o {
		if m.Folds(key) {
			return m.Offset
		}
	}
	return -1
}
