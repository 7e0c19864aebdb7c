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
		return nil, nil, fault("", 0, parseError(decodeError(src, err)))
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
			var inner *ConfError
			if errors.As(err, &inner) {
				return nil, nil, inner.within(pointerTo(m.Key()), m.Offset)
			}
			return nil, nil, fault(pointerTo(m.Key()), m.Offset, parseError(decodeError(src, err)))
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
		return decodeString(m.Value, &conf.Type)
	case "name":
		return decodeString(m.Value, &conf.Name)
	case "cniVersion":
		return decodeString(m.Value, &conf.CNIVersion)
	case "capabilities":
		return decodeCapabilities(m.Value, &conf.Capabilities)
	case "ipam":
		return decodeIPAM(m.Value, &conf.IPAM)
	case "dns":
		return json.Unmarshal(m.Value, &conf.DNS)
	case "prevResult":
		return json.Unmarshal(m.Value, &conf.RawPrevResult)
	default:
		return json.Unmarshal(m.Value, &conf.ValidAttachments)
	}
}

// errOtherType only says that a value has not the type it should have; the words
// for it come from decodeError.
var errOtherType = errors.New("value of another type")

func decodeString(value []byte, to *string) error {
	s, ok := rawjson.String(value)
	if !ok {
		return errOtherType
	}
	*to = s
	return nil
}

func decodeCapabilities(value []byte, to *map[string]bool) error {
	*to = map[string]bool{}
	other := false
	err := rawjson.EachMember(value, func(m rawjson.Member) bool {
		switch t := rawjson.TypeOf(m.Value); {
		case t == rawjson.Bool:
			(*to)[m.Key()] = m.Value[0] == 't'
		case t == rawjson.Null:
			(*to)[m.Key()] = false
		default:
			other = true
		}
		return !other
	})
	if err != nil || other {
		return errOtherType
	}
	return nil
}

func decodeIPAM(value []byte, to *types.IPAM) error {
	o, err := rawjson.ParseObject(value)
	if err != nil {
		return errOtherType
	}
	spelled := ""
	for _, m := range o {
		if !m.Folds("type") {
			continue
		}
		key := m.Key()
		if spelled != "" && spelled != key {
			return fault(pointerTo(key), m.Offset, parseError(fmt.Errorf(
				"both %q and %q are there, and which of them counts depends on the reader", spelled, key)))
		}
		spelled = key
		if rawjson.TypeOf(m.Value) == rawjson.Null {
			continue
		}
		if err := decodeString(m.Value, &to.Type); err != nil {
			return err
		}
		if strings.ContainsAny(to.Type, pathCharacters) {
			return fault(pointerTo(key), m.Offset, parseError(fmt.Errorf("invalid plugin name: %s", to.Type)))
		}
	}
	return nil
}

// decodeError returns encoding/json's words for what is wrong with src as a
// plugin's configuration; other is what is known without it.
func decodeError(src []byte, other error) error {
	if err := json.Unmarshal(src, &types.PluginConf{}); err != nil {
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
