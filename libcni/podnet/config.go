package podnet

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/cnikit/cnikit/internal/joined"
	"github.com/cnikit/cnikit/libcni"
)

// Config is what the configuration directory held at one moment. It does not
// change: a reload makes a new one. Each reader has one of its own, and may edit the
// networks in it; Bad, Warnings and Err are shared.
type Config struct {
	// ConfSet has the networks that can be used, those of Kept included, and in
	// Bad what is wrong with the other files.
	*libcni.ConfSet
	// Generation counts the changes, from 1.
	Generation uint64
	// Kept are the names of networks whose file is bad now. They are in use as
	// they were when it last was good.
	Kept []string
	// Missing are the plugins, by type, that no directory has an executable of,
	// sorted; those that give the addresses (ipam) are among them. A network that
	// needs one of them cannot attach yet.
	Missing []string
	// Err is why the directory could not be read at all. All networks are then
	// those of the last time that it could; but there are none while the directory
	// does not exist (fs.ErrNotExist).
	Err error
}

// clone returns a configuration that can be edited while the manager reads c. Errors,
// which nobody edits, are the same.
func (c *Config) clone() *Config {
	set := *c.ConfSet
	set.Networks = slices.Clone(set.Networks)
	for i, n := range set.Networks {
		set.Networks[i] = &libcni.NetworkFile{
			NetworkConfigList: cloneList(n.NetworkConfigList), File: n.File, PluginFiles: slices.Clone(n.PluginFiles),
		}
	}
	set.Bad, set.Warnings = slices.Clone(set.Bad), slices.Clone(set.Warnings)
	copied := *c
	copied.ConfSet, copied.Kept, copied.Missing = &set, slices.Clone(c.Kept), slices.Clone(c.Missing)
	return &copied
}

func cloneList(l *libcni.NetworkConfigList) *libcni.NetworkConfigList {
	list := *l
	list.Bytes = bytes.Clone(l.Bytes)
	list.Plugins = make([]*libcni.PluginConfig, len(l.Plugins))
	for i, p := range l.Plugins {
		conf := *p.Network
		conf.Capabilities = maps.Clone(conf.Capabilities)
		conf.DNS.Nameservers = slices.Clone(conf.DNS.Nameservers)
		conf.DNS.Search = slices.Clone(conf.DNS.Search)
		conf.DNS.Options = slices.Clone(conf.DNS.Options)
		conf.RawPrevResult = maps.Clone(conf.RawPrevResult)
		conf.ValidAttachments = slices.Clone(conf.ValidAttachments)
		list.Plugins[i] = &libcni.PluginConfig{Network: &conf, Bytes: bytes.Clone(p.Bytes)}
	}
	return &list
}

// Default returns the network that a container gets when none is asked for: the
// one of that name or, if name is empty, the first one in lexical order of the
// files that does more than bring up the loopback interface.
//
// Errors: as of [libcni.ConfSet.Get].
func (c *Config) Default(name string) (*libcni.NetworkFile, error) {
	if name == "" {
		for _, n := range c.Networks {
			if !loopbackOnly(n.NetworkConfigList) {
				return n, nil
			}
		}
	}
	n, err := c.ConfSet.Default(name)
	if err == nil && name == "" {
		err = libcni.NoConfigsFoundError{Dir: c.Dir} // only loopback
	}
	if err != nil {
		return nil, c.explain(err)
	}
	return n, nil
}

// explain puts first why a network may not have been found: there is no directory, or
// a file that it may be in cannot be read.
func (c *Config) explain(err error) error {
	var none libcni.NoConfigsFoundError
	if errors.As(err, &none) && errors.Is(c.Err, fs.ErrNotExist) {
		return &saying{none.Error() + ": there is no such directory (Options.ConfDir); to do: make it, with a file *.conflist in it, or name another one", join(c.Err, err)}
	}
	var unknown libcni.NotFoundError
	all := joined.List(err)
	if len(all) > 1 && errors.As(all[0], &unknown) {
		err := &saying{unknown.Error() + "; to do: correct the file first, the network may be in it", unknown}
		return join(append(all[1:], err)...)
	}
	return err
}

// loadConfig reads the directory. What prev has and cannot be read any more
// stays as it was.
func loadConfig(dir string, find func(plugin string) error, prev *Config) *Config {
	set, err := libcni.LoadDir(dir)
	if err == nil && len(set.Networks) == 0 && len(set.Bad) == 0 {
		if _, gone := os.Stat(dir); errors.Is(gone, fs.ErrNotExist) {
			return &Config{ConfSet: set, Err: fmt.Errorf("no directory of network configurations: %w", gone), Generation: 1 + generation(prev)}
		}
	}
	next := &Config{ConfSet: set, Generation: 1 + generation(prev)}
	switch {
	case err != nil && prev != nil:
		next.ConfSet, next.Kept = prev.ConfSet, prev.Kept
	case err != nil:
		next.ConfSet = &libcni.ConfSet{Dir: dir}
	case prev != nil && len(set.Bad) > 0:
		next.keep(prev)
	}
	if err != nil {
		next.Err = fmt.Errorf("reading network configurations: %w", err)
	}
	for _, plugin := range next.plugins() {
		if find(plugin) != nil {
			next.Missing = append(next.Missing, plugin)
		}
	}
	return next
}

func generation(c *Config) uint64 {
	if c == nil {
		return 0
	}
	return c.Generation
}

// keep takes the networks over whose files were good in prev and are bad now.
// One whose name another file has taken in the meantime is gone.
func (c *Config) keep(prev *Config) {
	for _, old := range prev.Networks {
		bad := slices.ContainsFunc(c.Bad, func(e *libcni.ConfError) bool {
			return !errors.Is(e, libcni.ErrDuplicateNetwork) && (e.File == old.File || e.Network == old.Name)
		})
		taken := slices.ContainsFunc(c.Networks, func(n *libcni.NetworkFile) bool {
			return n.Name == old.Name || n.File == old.File
		})
		if bad && !taken {
			c.Networks = append(c.Networks, old)
			c.Kept = append(c.Kept, old.Name)
		}
	}
	slices.SortFunc(c.Networks, func(a, b *libcni.NetworkFile) int { return strings.Compare(a.File, b.File) })
}

// plugins returns the types of all plugins and of those they leave the addresses
// to, sorted.
func (c *Config) plugins() []string {
	var types []string
	for _, n := range c.Networks {
		types = append(types, pluginsOf(n.Plugins...)...)
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// pluginsOf returns the types of plugins and of those they leave the addresses to.
func pluginsOf(plugins ...*libcni.PluginConfig) []string {
	var types []string
	for _, p := range plugins {
		types = append(types, p.Network.Type)
		if ipam := p.Network.IPAM.Type; ipam != "" {
			types = append(types, ipam)
		}
	}
	return types
}

// missingOf returns those of missing that the network needs, each once.
func missingOf(n *libcni.NetworkConfigList, missing []string) []string {
	if len(missing) == 0 {
		return nil
	}
	needed := pluginsOf(n.Plugins...)
	return slices.DeleteFunc(slices.Clone(missing), func(plugin string) bool { return !slices.Contains(needed, plugin) })
}

// same reports whether nothing has changed but the generation.
func (c *Config) same(other *Config) bool {
	return other != nil && slices.Equal(c.Missing, other.Missing) && slices.Equal(c.Kept, other.Kept) &&
		slices.Equal(c.faults(), other.faults()) && slices.EqualFunc(c.Networks, other.Networks, sameNetwork)
}

func sameNetwork(a, b *libcni.NetworkFile) bool {
	return a == b || a.File == b.File && a.Name == b.Name && string(a.Bytes) == string(b.Bytes) &&
		slices.Equal(a.PluginFiles, b.PluginFiles) &&
		slices.EqualFunc(a.Plugins, b.Plugins, func(p, q *libcni.PluginConfig) bool { return string(p.Bytes) == string(q.Bytes) })
}

// faults are the texts of all that is wrong.
func (c *Config) faults() []string {
	var texts []string
	if c.Err != nil {
		texts = append(texts, c.Err.Error())
	}
	for _, bad := range c.Bad {
		texts = append(texts, bad.Place()+": "+bad.Error())
	}
	return texts
}

// worse reports whether something is wrong that was not wrong in prev. It may be
// a file that is half written.
func (c *Config) worse(prev *Config) bool {
	var before []string
	if prev != nil {
		before = prev.faults()
	}
	return slices.ContainsFunc(c.faults(), func(text string) bool { return !slices.Contains(before, text) })
}
