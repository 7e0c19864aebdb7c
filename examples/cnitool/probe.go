package main

import (
	"context"
	"maps"
	"slices"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/version"
)

// A network is one of the networks of the directory, with what its plugins say of
// themselves.
type network struct {
	Name       string    `json:"name"`
	CNIVersion string    `json:"cniVersion"`
	File       string    `json:"file"`
	Default    bool      `json:"default"` // the one that runtimes use which are told no name
	Verbs      []string  `json:"verbs"`   // beside ADD, DEL and VERSION
	Plugins    []*plugin `json:"plugins"`

	list *libcni.NetworkConfigList
}

// A plugin is one of the plugins of a network.
type plugin struct {
	Type         string   `json:"type"`
	IPAM         bool     `json:"ipam,omitempty"` // the plugin before it runs it for the addresses
	File         string   `json:"file"`           // with its configuration
	Capabilities []string `json:"capabilities,omitempty"`
	*program
}

// A program is what a plugin's type stands for on this machine.
type program struct {
	Path     string   `json:"path,omitempty"`     // empty: there is none
	Versions []string `json:"versions,omitempty"` // of the specification
	Error    string   `json:"error,omitempty"`    // why there is no path, or no versions

	err error
}

// probe asks the plugins of all networks for their versions, each type once.
func (t *tool) probe(ctx context.Context, set *libcni.ConfSet) []*network {
	t.quiet = true
	asked := map[string]*program{}
	all := []*network{}
	for i, n := range set.Networks {
		shown := &network{
			Name: n.Name, CNIVersion: n.CNIVersion, File: n.File, Default: i == 0, Verbs: []string{}, list: n.NetworkConfigList,
		}
		for _, verb := range []string{"CHECK", "GC", "STATUS"} {
			if n.Supports(verb) {
				shown.Verbs = append(shown.Verbs, verb)
			}
		}
		for j, p := range n.Plugins {
			add := func(name string, ipam bool) *plugin {
				if asked[name] == nil {
					asked[name] = t.ask(ctx, name)
				}
				added := &plugin{Type: name, IPAM: ipam, File: n.PluginFiles[j], program: asked[name]}
				shown.Plugins = append(shown.Plugins, added)
				return added
			}
			first := add(p.Network.Type, false)
			for _, name := range slices.Sorted(maps.Keys(p.Network.Capabilities)) {
				if p.Network.Capabilities[name] {
					first.Capabilities = append(first.Capabilities, name)
				}
			}
			if ipam := p.Network.IPAM.Type; ipam != "" {
				add(ipam, true)
			}
		}
		all = append(all, shown)
	}
	return all
}

// ask finds a plugin and runs VERSION on it.
func (t *tool) ask(ctx context.Context, name string) *program {
	p := &program{}
	p.Path, p.err = invoke.FindInPath(name, t.pluginDirs())
	if p.err == nil {
		var info version.PluginInfo
		if info, p.err = t.cni().GetVersionInfo(ctx, name); p.err == nil {
			p.Versions = info.SupportedVersions()
		}
	}
	if p.err != nil {
		p.Error = p.err.Error()
	}
	return p
}

// speaks reports whether the plugin says that it supports a version.
func (p *program) speaks(v string) bool {
	return slices.ContainsFunc(p.Versions, func(w string) bool {
		c, err := version.Compare(v, w)
		return err == nil && c == 0
	})
}

// span is the first and the last of the versions.
func (p *program) span() string {
	switch len(p.Versions) {
	case 0:
		return "no version"
	case 1:
		return p.Versions[0]
	}
	sorted := slices.SortedFunc(slices.Values(p.Versions), func(a, b string) int {
		c, _ := version.Compare(a, b)
		return c
	})
	return sorted[0] + " to " + sorted[len(sorted)-1]
}
