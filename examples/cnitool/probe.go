package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

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

	err         error
	interrupted bool // nothing is known of it but its path
}

// probe asks the plugins of all networks for their versions, each type once, and
// several at a time, so that those that hang do so together.
func (t *tool) probe(ctx context.Context, set *libcni.ConfSet) []*network {
	t.quiet = true
	asked := map[string]*program{}
	all := []*network{}
	for i, n := range set.Networks {
		shown := &network{
			Name: n.Name, CNIVersion: cmp.Or(n.CNIVersion, "0.1.0"), File: n.File, Default: i == 0, Verbs: []string{}, list: n.NetworkConfigList,
		}
		for _, verb := range []string{"CHECK", "GC", "STATUS"} {
			if n.Supports(verb) {
				shown.Verbs = append(shown.Verbs, verb)
			}
		}
		for j, p := range n.Plugins {
			add := func(name string, ipam bool) *plugin {
				if asked[name] == nil {
					asked[name] = &program{}
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
	together := 8
	if t.verbose {
		together = 1 // what is told of one is not mixed with another
	}
	places := make(chan struct{}, together)
	var wg sync.WaitGroup
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		places <- struct{}{}
		wg.Go(func() {
			t.ask(ctx, name, asked[name])
			<-places
		})
	}
	wg.Wait()
	return all
}

// ask finds a plugin and runs VERSION on it.
func (t *tool) ask(ctx context.Context, name string, p *program) {
	p.Path, p.err = invoke.FindInPath(name, t.pluginDirs())
	if p.err == nil {
		if p.err = t.unlessInterrupted(ctx, "VERSION", func() error {
			info, err := t.prober().GetVersionInfo(ctx, name)
			if err == nil {
				p.Versions = info.SupportedVersions()
			}
			return err
		}); errors.Is(p.err, errInterrupted) {
			p.interrupted = true
		}
	}
	if p.err != nil {
		p.Error = p.err.Error()
	}
}

// unlessInterrupted asks something of a plugin, and says whether it was for want of
// time that there is no answer, or whether it had none.
func (t *tool) unlessInterrupted(ctx context.Context, verb string, ask func() error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w before it was asked", errInterrupted)
	}
	err := ask()
	var failed *invoke.PluginError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%w before it had answered %s", errInterrupted, verb)
	case !errors.Is(err, context.DeadlineExceeded):
		return err
	}
	who := ""
	if errors.As(err, &failed) && verb != "VERSION" && failed.Plugin != "" {
		who = " of " + failed.Plugin
	}
	return &lateError{fmt.Sprintf("no answer%s to %s within %v", who, verb, t.patience()), err}
}

// A lateError says that a plugin did not answer in time.
type lateError struct {
	text string
	error
}

func (e *lateError) Error() string { return e.text }
func (e *lateError) Unwrap() error { return e.error }

// patience is the time that each plugin has for VERSION and STATUS where a command
// asks them all: one that hangs does not stand in the way of the others.
func (t *tool) patience() time.Duration {
	return cmp.Or(max(t.timeout, 0), 5*time.Second)
}

// prober is the library for who asks them all.
func (t *tool) prober() *libcni.CNIConfig {
	return libcni.New(t.pluginDirs(), libcni.Options{Exec: &patient{t.exec(), t.patience()}, Observer: t.observer()})
}

// patient gives each plugin a time of its own.
type patient struct {
	invoke.Exec
	each time.Duration
}

func (p *patient) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, p.each)
	defer cancel()
	return p.Exec.ExecPlugin(ctx, path, stdin, environ)
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
