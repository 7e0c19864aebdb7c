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

	// Reused from one plugin to the next; no request refers to them.
	members   rawjson.Object
	set       []rawjson.Field
	delivered []rawjson.Field
}

// newRequests prepares the requests of a network: what all plugins get is
// turned to JSON once. With undeclared, so are the arguments that no plugin
// declares: a record has them too.
func newRequests(n *network, args map[string]interface{}, undeclared bool) (*requests, error) {
	r := &requests{
		name:    rawjson.AppendString(nil, n.name),
		version: rawjson.AppendString(nil, n.version),
		members: make(rawjson.Object, 0, 16),
		set:     make([]rawjson.Field, 0, 8),
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
	var err error
	if r.members, err = rawjson.ParseObjectInto(r.members, p.Bytes); err != nil {
		return nil, fmt.Errorf("unmarshal existing network bytes: %w", err)
	}
	r.set = append(r.set[:0], rawjson.Field{Key: "cniVersion", Value: r.version}, rawjson.Field{Key: "name", Value: r.name})
	runtimeConfig := r.runtimeConfig(p)
	if runtimeConfig != nil {
		r.set = append(r.set, rawjson.Field{Key: "runtimeConfig", Value: runtimeConfig})
	}
	r.set = append(r.set, r.extra...)
	if prev != nil {
		r.set = append(r.set, rawjson.Field{Key: "prevResult", Value: prev})
	}
	size, typed := len(p.Bytes)+2, false
	for _, f := range r.set {
		size += len(f.Key) + len(f.Value) + len(`,"":`)
	}
	for _, m := range r.members {
		typed = typed || m.Folds("type") && len(m.Value) > len(`""`)
	}
	if !typed {
		return nil, missingType(0)
	}
	r.members = r.members.Sorted()
	slices.SortFunc(r.set, func(a, b rawjson.Field) int { return strings.Compare(a.Key, b.Key) })
	return rawjson.SpliceSorted(make([]byte, 0, size), r.members, r.keeps, r.set...), nil
}

// keeps reports whether a member of the file's object is configuration. What
// only the runtime may say is not: a prevResult or a list of attachments that
// stands in a file, and any spelling of a key that is set here, which a reader
// that folds case would take for it (R9, R35, R45).
func (r *requests) keeps(m rawjson.Member) bool {
	for _, f := range r.set {
		if m.Folds(f.Key) {
			return false
		}
	}
	if isRuntimeMember(m) {
		return r.filePrev && m.Is("prevResult")
	}
	return !(r.strip && m.Folds("capabilities"))
}

// isRuntimeMember reports whether a member is one that only a runtime can say.
func isRuntimeMember(m rawjson.Member) bool {
	return m.Folds("prevResult") || m.FoldsPrefix("cni.dev/")
}

// runtimeConfig is the capability arguments that the plugin declares and the
// runtime has; nil if there are none, and then the file's own object stays.
func (r *requests) runtimeConfig(p *PluginConfig) []byte {
	delivered := r.delivered[:0]
	for _, f := range r.args {
		if p.Network.Capabilities[f.Key] {
			delivered = append(delivered, f)
		}
	}
	r.delivered = delivered
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
