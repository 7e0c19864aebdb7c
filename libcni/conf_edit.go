package libcni

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cnikit/cnikit/internal/rawjson"
)

// InjectConf returns a copy of the configuration with the values set as members
// of its object. Members that were there keep their bytes, but for white space
// and the order of keys, unless they are set anew.
//
// A value that is nil or has no JSON form is an error, and so is an empty key. What
// is no configuration any more is a [*ConfError].
func InjectConf(original *PluginConfig, newValues map[string]interface{}) (*PluginConfig, error) {
	if original == nil {
		return nil, errors.New("no plugin configuration to inject values into")
	}
	o, err := rawjson.ParseObject(original.Bytes)
	if err != nil {
		return nil, fmt.Errorf("unmarshal existing network bytes: %w", err)
	}
	for _, key := range slices.Sorted(maps.Keys(newValues)) {
		value := newValues[key]
		if key == "" {
			return nil, errors.New("keys cannot be empty")
		}
		if value == nil {
			return nil, fmt.Errorf("key '%s' value must not be nil", key)
		}
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("key '%s': %w", key, err)
		}
		o = append(o, rawjson.Member{Quoted: rawjson.AppendString(nil, key), Value: raw})
	}
	return NetworkPluginConfFromBytes(rawjson.AppendSorted(nil, o, true))
}

// ConfListFromConf returns a list with the one plugin, of its name and version.
// The error is a [*ConfError] about the plugin's bytes where those are to blame.
//
// Deprecated: write lists. [LoadNetworkConf] reads single configurations too.
func ConfListFromConf(original *PluginConfig) (*NetworkConfigList, error) {
	if original == nil || original.Network == nil {
		return nil, errors.New("no plugin configuration to make a list of")
	}
	o, err := rawjson.ParseObject(original.Bytes)
	if err != nil {
		return nil, err
	}
	plugin := rawjson.AppendSorted([]byte{'['}, o, false)
	list, err := NetworkConfFromBytes(rawjson.Splice(nil, nil, nil,
		rawjson.Field{Key: "cniVersion", Value: rawjson.AppendString(nil, original.Network.CNIVersion)},
		rawjson.Field{Key: "name", Value: rawjson.AppendString(nil, original.Network.Name)},
		rawjson.Field{Key: "plugins", Value: append(plugin, ']')},
	))
	var conf *ConfError
	if errors.As(err, &conf) {
		conf.Line, conf.Column = 0, 0 // of bytes that nobody has seen
		for _, m := range o {
			if m.Folds(strings.TrimPrefix(conf.Pointer, "/")) {
				conf.Line, conf.Column = rawjson.Position(original.Bytes, m.Offset)
			}
		}
	}
	return list, err
}
