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

// request is what a plugin gets on its standard input (SPEC.md, section 3,
// "Deriving request configuration from plugin configuration"): the bytes of its
// configuration with the members set that the runtime owns. Whatever else is in
// the configuration, and all of prev, keeps its bytes.
type request struct {
	network *network
	plugin  *PluginConfig
	prev    []byte          // prevResult; nil: none
	args    map[string]any  // capability arguments; nil: none
	extra   []rawjson.Field // members of one verb only
	strip   bool            // without "capabilities"
}

func (r *request) bytes() ([]byte, error) {
	o, err := rawjson.ParseObject(r.plugin.Bytes)
	if err != nil {
		return nil, fmt.Errorf("unmarshal existing network bytes: %w", err)
	}
	set := make([]rawjson.Field, 0, 6)
	set = append(set,
		rawjson.Field{Key: "cniVersion", Value: rawjson.AppendString(nil, r.network.version)},
		rawjson.Field{Key: "name", Value: rawjson.AppendString(nil, r.network.name)})
	runtimeConfig, err := r.runtimeConfig()
	if err != nil {
		return nil, err
	}
	if runtimeConfig != nil {
		set = append(set, rawjson.Field{Key: "runtimeConfig", Value: runtimeConfig})
	}
	set = append(set, r.extra...)
	size := len(r.plugin.Bytes) + len(r.prev) + len(runtimeConfig) + 256
	if r.prev != nil {
		set = append(set, rawjson.Field{Key: "prevResult", Value: r.prev})
	}
	typed := false
	out := rawjson.Splice(make([]byte, 0, size), o, func(m rawjson.Member) bool {
		typed = typed || m.Folds("type") && len(m.Value) > len(`""`)
		return r.keeps(m, set)
	}, set...)
	if !typed {
		return nil, missingType()
	}
	return out, nil
}

// keeps reports whether a member of the file's object is configuration. What
// only the runtime may say is not: a prevResult or a list of attachments that
// stands in a file, and any spelling of a key that is set here, which a reader
// that folds case would take for it (R9, R35, R45).
func (r *request) keeps(m rawjson.Member, set []rawjson.Field) bool {
	for _, f := range set {
		if m.Folds(f.Key) {
			return false
		}
	}
	if m.Folds("prevResult") || r.strip && m.Folds("capabilities") {
		return false
	}
	const reserved = "cni.dev/"
	key := m.Quoted
	if len(key) > len(reserved) && key[1]|0x20 != 'c' && key[1] != '\\' {
		return true // the common case, without decoding the key
	}
	s := m.Key()
	return len(s) < len(reserved) || !strings.EqualFold(s[:len(reserved)], reserved)
}

// runtimeConfig is the capability arguments that the plugin declares and the
// runtime has; nil if there are none, and then the file's own object stays.
func (r *request) runtimeConfig() ([]byte, error) {
	if len(r.args) == 0 || len(r.plugin.Network.Capabilities) == 0 {
		return nil, nil
	}
	var fields []rawjson.Field
	for _, name := range slices.Sorted(maps.Keys(r.plugin.Network.Capabilities)) {
		arg, supplied := r.args[name]
		if !supplied || !r.plugin.Network.Capabilities[name] {
			continue
		}
		raw, err := json.Marshal(arg)
		if err != nil {
			return nil, fmt.Errorf("capability argument %q: %w", name, err)
		}
		fields = append(fields, rawjson.Field{Key: name, Value: raw})
	}
	if fields == nil {
		return nil, nil
	}
	return rawjson.Splice(nil, nil, nil, fields...), nil
}

// UndeliveredCapabilities returns the names of the capability arguments that no
// plugin of the list declares and that will therefore reach none, sorted.
func (l *NetworkConfigList) UndeliveredCapabilities(args map[string]interface{}) []string {
	var names []string
	for name := range args {
		if !slices.ContainsFunc(l.Plugins, func(p *PluginConfig) bool {
			return p != nil && p.Network != nil && p.Network.Capabilities[name]
		}) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// validateArgs checks what becomes CNI_ARGS: pairs that could not be told apart
// again, or that no environment can hold (R15).
func validateArgs(args [][2]string) error {
	for i, kv := range args {
		switch key, value := kv[0], kv[1]; {
		case key == "":
			return fmt.Errorf("argument %d has no key", i)
		case strings.ContainsAny(key, ";=\x00"):
			return fmt.Errorf("key of argument %d, %q, contains one of ';', '=' and NUL", i, key)
		case strings.ContainsAny(value, ";\x00"):
			return fmt.Errorf("value of argument %q contains ';' or NUL", key)
		}
	}
	return nil
}

var errNoRuntimeConf = errors.New("no runtime configuration (nil)")
