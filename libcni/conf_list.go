package libcni

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cnikit/cnikit/internal/rawjson"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// NetworkConfFromBytes parses a network configuration list (SPEC.md, section 1).
// The bytes are kept, not copied. The bytes of each plugin are its object with
// the members sorted and the white space removed; values keep their spelling.
//
// CNIVersion is the highest of "cniVersion" and "cniVersions" that this library
// knows. A "cniVersion" by itself may be newer: it loads, and every verb refuses
// it. A list may come without plugins: they may lie in its drop-in folder,
// which only [NetworkConfFromFile] reads.
//
// The error is a [*ConfError]. Nothing is run and no file is read.
func NetworkConfFromBytes(confBytes []byte) (*NetworkConfigList, error) {
	list, err := parseList(confBytes)
	if err != nil {
		name := ""
		if list != nil {
			name = list.Name
		}
		return nil, err.located(name, confBytes)
	}
	return list, nil
}

// ConfListFromBytes is [NetworkConfFromBytes].
func ConfListFromBytes(bytes []byte) (*NetworkConfigList, error) {
	return NetworkConfFromBytes(bytes)
}

// parseList returns with an error the list as far as it was read, if it had
// come to its name.
func parseList(src []byte) (*NetworkConfigList, *ConfError) {
	var room [64]rawjson.Node
	tree, err := rawjson.ParseTree(room[:0], src, listLevels)
	if err != nil {
		return nil, fault("", 0, listError(err))
	}
	root := tree.Root(src)
	switch t := rawjson.TypeOf(root.Value); t {
	case rawjson.Obj:
	case rawjson.Null:
		return nil, fault("", 0, listError(errors.New("no name")))
	default:
		return nil, fault("", 0, listError(&rawjson.TypeError{Want: "object", Got: t}))
	}
	o := tree.Object(src, make(rawjson.Object, 0, 8), root)
	list := &NetworkConfigList{Bytes: src}
	if list.Name, err = listString(o, "name"); err != nil {
		return nil, memberFault(o, "name", err)
	}
	if err := types.ValidateNetworkName(list.Name); err != nil {
		return list, memberFault(o, "name", err)
	}
	if fault := parseVersions(o, list); fault != nil {
		return list, fault
	}
	for _, f := range []struct {
		key  string
		flag *bool
	}{
		{"disableCheck", &list.DisableCheck},
		{"disableGC", &list.DisableGC},
		{"loadOnlyInlinedPlugins", &list.LoadOnlyInlinedPlugins},
	} {
		if *f.flag, err = listBool(o, f.key); err != nil {
			return list, memberFault(o, f.key, err)
		}
	}
	return list, parsePlugins(list, src, tree, o)
}

// listLevels is how deep a list is looked into: members, plugins, their members, and
// what is in their "capabilities" and "ipam".
const listLevels = 4

// parsePlugins reads "plugins", one of the members o.
func parsePlugins(list *NetworkConfigList, src []byte, tree rawjson.Tree, o rawjson.Object) *ConfError {
	plugins, ok := o.Get("plugins")
	if !ok {
		if list.LoadOnlyInlinedPlugins {
			return fault("", 0, listError(errors.New("`loadOnlyInlinedPlugins` is true, and no 'plugins' key")))
		}
		return nil
	}
	if t := rawjson.TypeOf(plugins.Value); t != rawjson.Array {
		return memberFault(o, "plugins", fmt.Errorf("invalid 'plugins' type %s", t.GoType()))
	}
	elements := tree.Object(src, make(rawjson.Object, 0, 8), plugins)
	if len(elements) == 0 {
		return memberFault(o, "plugins", errors.New("no plugins in list"))
	}
	// All plugins of a list lie in one piece of memory, and their bytes in another.
	loaded := make([]struct {
		PluginConfig
		conf types.PluginConf
	}, len(elements))
	all := make([]byte, 0, len(plugins.Value))
	list.Plugins = make([]*PluginConfig, len(elements))
	members := make(rawjson.Object, 0, 16) // of one plugin after the other
	for i, e := range elements {
		p := &loaded[i]
		var fault *ConfError
		if members, fault = parsePlugin(&p.conf, src, tree, e, members); fault != nil {
			fault.Err = fmt.Errorf("failed to parse plugin config %d: %w", i, fault.Err)
			return fault.within(fmt.Sprintf("/plugins/%d", i))
		}
		begin := len(all)
		all = rawjson.SpliceSorted(all, members.Sorted())
		p.Network, p.Bytes = &p.conf, all[begin:len(all):len(all)]
		list.Plugins[i] = &p.PluginConfig
	}
	return nil
}

// parseVersions settles on one version of the specification.
func parseVersions(o rawjson.Object, list *NetworkConfigList) *ConfError {
	m, ok := o.Get("cniVersion")
	if ok {
		v, ok := rawjson.String(m.Value)
		if !ok {
			return memberFault(o, "cniVersion", mustBeString(m))
		}
		list.CNIVersion = v
	}
	all, several := o.Get("cniVersions")
	if !several {
		if err := version.Validate(list.CNIVersion); err != nil {
			return memberFault(o, "cniVersion", fmt.Errorf("invalid cniVersion %s: %w", list.CNIVersion, err))
		}
		// One that is newer than this library is refused where it is used.
		return nil
	}
	elements, err := rawjson.ParseArray(all.Value)
	if err != nil {
		return memberFault(o, "cniVersions", fmt.Errorf("invalid type for cniVersions: %s", rawjson.TypeOf(all.Value).GoType()))
	}
	versions := make([]string, len(elements))
	for i, e := range elements {
		where := func(err error) *ConfError {
			return fault("/cniVersions/"+fmt.Sprint(i), all.Offset+e.Offset, listError(err))
		}
		v, ok := rawjson.String(e.Value)
		if !ok {
			return where(fmt.Errorf("invalid type for cniVersions index %d: %s", i, rawjson.TypeOf(e.Value).GoType()))
		}
		if err := version.Validate(v); err != nil {
			return where(fmt.Errorf("invalid cniVersions entry %s at index %d: %w", v, i, err))
		}
		versions[i] = v
	}
	if list.CNIVersion == "" && len(versions) == 0 {
		return nil
	}
	if err := version.Validate(list.CNIVersion); err != nil {
		return memberFault(o, "cniVersion", fmt.Errorf("invalid cniVersion %s: %w", list.CNIVersion, err))
	}
	if list.CNIVersion, err = version.Negotiate(list.CNIVersion, versions); err != nil {
		return memberFault(o, "cniVersions", err)
	}
	return nil
}

func listString(o rawjson.Object, key string) (string, error) {
	m, ok := o.Get(key)
	if !ok {
		return "", fmt.Errorf("no %s", key)
	}
	s, ok := rawjson.String(m.Value)
	if !ok {
		return "", mustBeString(m)
	}
	return s, nil
}

func mustBeString(m rawjson.Member) error {
	return fmt.Errorf("%q must be a string, not %s", m.Key(), rawjson.TypeOf(m.Value).Noun())
}

// listBool reads a flag that may be a boolean or its name in a string, in any
// case.
func listBool(o rawjson.Object, key string) (bool, error) {
	m, ok := o.Get(key)
	if !ok {
		return false, nil
	}
	switch rawjson.TypeOf(m.Value) {
	case rawjson.Bool:
		return m.Value[0] == 't', nil
	case rawjson.Text:
		s, _ := rawjson.String(m.Value)
		switch s = strings.ToLower(s); s {
		case "false":
			return false, nil
		case "true":
			return true, nil
		default:
			return false, fmt.Errorf("invalid value %q for %s", s, key)
		}
	}
	return false, fmt.Errorf("invalid type %s for %s", rawjson.TypeOf(m.Value).GoType(), key)
}

func listError(err error) error { return fmt.Errorf("error parsing configuration list: %w", err) }

// memberFault is an error about a member of the list itself, or about its
// absence.
func memberFault(o rawjson.Object, key string, err error) *ConfError {
	if m, ok := o.Get(key); ok {
		return fault(pointerTo(key), m.Offset, listError(err))
	}
	return fault("", 0, listError(err))
}
