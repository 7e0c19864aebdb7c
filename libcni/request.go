package libcni

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cnikit/cnikit/internal/rawjson"
)

// requests makes what the plugins of one chain get on their standard input
// (SPEC.md, section 3, "Deriving request configuration from plugin
// configuration"): the bytes of a plugin's configuration with the members set
// that the runtime owns. Members are sorted by key and without white space, as
// plugins have always got them; numbers and strings of the configuration, and
// all of the prevResult, keep their bytes.
type requests struct {
	name, version []byte          // the network's, as JSON strings
	args          []rawjson.Field // capability arguments by name
	extra         []rawjson.Field // members of one verb only
	strip         bool            // leave "capabilities" out
	filePrev      bool            // pass on the configuration's own prevResult if there is no other
}

// newRequests prepares the requests of a network: what all plugins get is
// turned to JSON once. With undeclared, so are the arguments that no plugin
// declares: a record has them too.
func newRequests(n *network, args map[string]interface{}, undeclared bool) (*requests, error) {
	r := &requests{
		name:    rawjson.AppendString(nil, n.name),
		version: rawjson.AppendString(nil, n.version),
	}
	for name, arg := range args {
		if !undeclared && !n.declares(name) {
			continue
		}
		raw, err := json.Marshal(arg)
		if err != nil {
			return nil, &RequestError{Field: "capabilityArgs", Err: fmt.Errorf("capability argument %q: %w", name, err)}
		}
		r.args = append(r.args, rawjson.Field{Key: name, Value: raw})
	}
	slices.SortFunc(r.args, func(a, b rawjson.Field) int { return strings.Compare(a.Key, b.Key) })
	return r, nil
}

// request returns the request for one plugin; a nil prev is none.
func (r *requests) request(p *PluginConfig, prev []byte) ([]byte, error) {
	members, err := rawjson.ParseObjectInto(make(rawjson.Object, 0, 16), p.Bytes)
	if err != nil {
		return nil, fmt.Errorf("unmarshal existing network bytes: %w", err)
	}
	runtimeConfig := r.runtimeConfig(p)
	// What is set here is in the order of the keys already: extra is "cni.dev/...".
	set := append(make([]rawjson.Field, 0, 8), r.extra...)
	set = append(set, rawjson.Field{Key: "cniVersion", Value: r.version}, rawjson.Field{Key: "name", Value: r.name})
	if prev != nil {
		set = append(set, rawjson.Field{Key: "prevResult", Value: prev})
	}
	if runtimeConfig != nil {
		set = append(set, rawjson.Field{Key: "runtimeConfig", Value: runtimeConfig})
	}
	size, typed := len(p.Bytes)+2, false
	for _, f := range set {
		size += len(f.Key) + len(f.Value) + len(`,"":`)
	}
	// What only the runtime may say is no configuration: a prevResult or a list of
	// attachments that stands in a file, and any spelling of a key that is set here,
	// which a reader that folds case would take for it (R9, R35, R45).
	kept := members[:0]
	for _, m := range members {
		keep := true
		switch requestKeys.Find(m) {
		case requestType:
			typed = typed || len(m.Value) > len(`""`)
		case requestName, requestVersion:
			keep = false
		case requestPrevResult:
			keep = r.filePrev && prev == nil && m.Is("prevResult")
		case requestRuntimeConfig:
			keep = runtimeConfig == nil
		case requestCapabilities:
			keep = !r.strip
		default:
			keep = !isRuntimeMember(m)
		}
		if keep {
			kept = append(kept, m)
		}
	}
	if !typed {
		return nil, missingType(0)
	}
	return rawjson.SpliceSorted(make([]byte, 0, size), kept.Sorted(), set...), nil
}

// requestKeys are the members of a plugin's configuration that a request may have
// otherwise, and the one that it must have.
var requestKeys = rawjson.KeysOf("type", "name", "cniVersion", "prevResult", "runtimeConfig", "capabilities")

const (
	requestType = iota
	requestName
	requestVersion
	requestPrevResult
	requestRuntimeConfig
	requestCapabilities
)

// isRuntimeMember reports whether a member is one that only a runtime can say.
func isRuntimeMember(m rawjson.Member) bool {
	return m.Folds("prevResult") || m.FoldsPrefix("cni.dev/")
}

// runtimeConfig is the capability arguments that the plugin declares and the
// runtime has, as an object; nil if there are none, and then the file's own stays.
func (r *requests) runtimeConfig(p *PluginConfig) []byte {
	if len(p.Network.Capabilities) == 0 {
		return nil
	}
	delivered := make([]rawjson.Field, 0, 8)
	for _, f := range r.args {
		if p.Network.Capabilities[f.Key] {
			delivered = append(delivered, f)
		}
	}
	return objectOf(delivered)
}

// objectOf returns the fields as an object; nil if there are none.
func objectOf(fields []rawjson.Field) []byte {
	if len(fields) == 0 {
		return nil
	}
	size := len(`{}`)
	for _, f := range fields {
		size += len(f.Key) + len(f.Value) + len(`"":,`)
	}
	return rawjson.Splice(make([]byte, 0, size), nil, nil, fields...)
}

// declares reports whether a plugin of the network takes that capability's
// argument.
func (n *network) declares(capability string) bool {
	return slices.ContainsFunc(n.plugins, func(p *PluginConfig) bool { return p.Network.Capabilities[capability] })
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

var errNoRuntimeConf = errors.New("no runtime configuration (nil)")
