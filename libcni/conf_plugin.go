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

// NetworkPluginConfFromBytes parses the configuration of one plugin. The bytes
// are kept, not copied. It does not know which network they belong to: the
// plugin gets the name and the version of the list it is put in.
//
// The error is a [*ConfError].
func NetworkPluginConfFromBytes(pluginConfBytes []byte) (*PluginConfig, error) {
	conf, _, err := parsePlugin(make(rawjson.Object, 0, 16), pluginConfBytes)
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

// parsePlugin reads what the library itself needs of a plugin's configuration,
// as encoding/json would read it into a PluginConf, and returns the members, which
// it puts into o.
func parsePlugin(o rawjson.Object, src []byte) (*types.PluginConf, rawjson.Object, *ConfError) {
	conf := &types.PluginConf{}
	o, err := rawjson.ParseObjectInto(o, src)
	if err != nil {
		if rawjson.TypeOf(src) == rawjson.Null && rawjson.Valid(src) {
			return nil, nil, missingType()
		}
		return nil, nil, fault("", 0, parseError(jsonError(src, err)))
	}
	var seen [len(pluginKeys)]rawjson.Member
	for _, m := range o {
		i := pluginKey(m)
		if i < 0 {
			continue
		}
		if first := seen[i]; first.Quoted != nil && !bytes.Equal(first.Quoted, m.Quoted) && first.Key() != m.Key() {
			return nil, nil, fault(pointerTo(m.Key()), m.Offset, parseError(fmt.Errorf(
				"both %q and %q are there, and which of them counts depends on the reader", first.Key(), m.Key())))
		}
		seen[i] = m
		if err := decodePluginKey(conf, pluginKeys[i], m); err != nil {
			var at *ConfError
			if !errors.As(err, &at) {
				at = fault(pointerTo(m.Key()), m.Offset, parseError(err))
			}
			return nil, nil, at
		}
	}
	switch {
	case conf.Type == "":
		return nil, nil, missingType()
	case strings.ContainsAny(conf.Type, pathCharacters):
		return nil, nil, fault("/type", valueOffset(o, "type"), parseError(fmt.Errorf("invalid plugin name: %s", conf.Type)))
	}
	return conf, o, nil
}

// pluginKeys are the members of a plugin's configuration that have a meaning to
// a runtime.
var pluginKeys = [...]string{"type", "name", "cniVersion", "capabilities", "ipam", "dns", "prevResult", "cni.dev/valid-attachments"}

func pluginKey(m rawjson.Member) int {
	for i, key := range pluginKeys {
		if m.Folds(key) {
			return i
		}
	}
	return -1
}

// pathCharacters must not stand in the name of a plugin, on any system: the name
// is looked up in directories (R8).
const pathCharacters = "/\\\x00"

func decodePluginKey(conf *types.PluginConf, key string, m rawjson.Member) error {
	if rawjson.TypeOf(m.Value) == rawjson.Null {
		return nil
	}
	switch key {
	case "type":
		return decodeString(m, &conf.Type)
	case "name":
		return decodeString(m, &conf.Name)
	case "cniVersion":
		return decodeString(m, &conf.CNIVersion)
	case "capabilities":
		return decodeCapabilities(m, &conf.Capabilities)
	case "ipam":
		return decodeIPAM(m, &conf.IPAM)
	case "dns":
		return decodeDNS(m, &conf.DNS)
	case "prevResult":
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

func decodeCapabilities(m rawjson.Member, to *map[string]bool) error {
	*to = map[string]bool{}
	var bad *ConfError
	err := rawjson.EachMember(m.Value, func(c rawjson.Member) bool {
		switch t := rawjson.TypeOf(c.Value); {
		case t == rawjson.Bool:
			(*to)[c.Key()] = c.Value[0] == 't'
		case t == rawjson.Null:
			(*to)[c.Key()] = false
		default:
			bad = otherType(c, "true or false")
		}
		return bad == nil
	})
	switch {
	case err != nil:
		return otherType(m, "an object")
	case bad != nil:
		return bad.within(pointerTo(m.Key()), m.Offset)
	}
	return nil
}

func decodeIPAM(m rawjson.Member, to *types.IPAM) error {
	o, err := rawjson.ParseObject(m.Value)
	if err != nil {
		return otherType(m, "an object")
	}
	spelled := ""
	for _, inner := range o {
		if !inner.Folds("type") {
			continue
		}
		key := inner.Key()
		wrong := func(err error) error {
			return fault(pointerTo(key), inner.Offset, parseError(err)).within(pointerTo(m.Key()), m.Offset)
		}
		if spelled != "" && spelled != key {
			return wrong(fmt.Errorf("both %q and %q are there, and which of them counts depends on the reader", spelled, key))
		}
		spelled = key
		if rawjson.TypeOf(inner.Value) == rawjson.Null {
			continue
		}
		var name string
		if decodeString(inner, &name) != nil {
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

// jsonError returns encoding/json's words for bytes that are not JSON, since
// upstream's suite compares them; other is what is known without it.
func jsonError(src []byte, other error) error {
	var any json.RawMessage
	if err := json.Unmarshal(src, &any); err != nil {
		return err
	}
	return other
}

func parseError(err error) error { return fmt.Errorf("error parsing configuration: %w", err) }

func missingType() *ConfError {
	return fault("", 0, errors.New("error parsing configuration: missing 'type'"))
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
