package libcni

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/cnikit/cnikit/internal/rawjson"
	"github.com/cnikit/cnikit/version"
)

// ErrDuplicateNetwork is in the error about a file whose network has the name of
// an earlier one; found by errors.Is.
var ErrDuplicateNetwork = errors.New("network name is in use already")

// ConfSet is what a configuration directory holds: the networks that can be
// used, and what is wrong with the other files. It is a snapshot and does not
// change.
type ConfSet struct {
	// Dir is the directory.
	Dir string
	// Networks are the networks in the lexical order of their files' names, no
	// two of the same name.
	Networks []*NetworkFile
	// Bad has one error for each file that is left out, in the same order.
	Bad []*ConfError
	// Warnings are about files that are used, but may not mean what their author
	// thinks; errors.Is finds [ErrDuplicateKey].
	Warnings []*ConfError
}

// NetworkFile is a network and where it comes from.
type NetworkFile struct {
	*NetworkConfigList
	// File is the file of the network.
	File string
	// PluginFiles has the file of each plugin: File, or one of its drop-in
	// folder.
	PluginFiles []string
}

// LoadDir reads all files *.conf, *.conflist and *.json of a directory. Whether
// a file is a list or a single plugin's configuration, which becomes a list, is
// decided by what it holds, not by its name. Of two networks of one name the
// first counts. One of a version that this library does not know is bad.
//
// A bad file does not make LoadDir fail; a runtime that wants it to asks
// [ConfSet.Err]. The error is that of reading the directory; one that does not
// exist is empty.
func LoadDir(dir string) (*ConfSet, error) {
	return loadSet(osFiles{}, dir)
}

// LoadFS is [LoadDir] for a directory of a file system, "." for its root.
func LoadFS(fsys fs.FS, dir string) (*ConfSet, error) {
	return loadSet(fsFiles{fsys}, dir)
}

func loadSet(from files, dir string) (*ConfSet, error) {
	names, err := from.list(dir, []string{".conf", ".conflist", ".json"})
	if err != nil {
		return nil, err
	}
	set := &ConfSet{Dir: dir}
	byName := map[string]*NetworkFile{}
	for _, name := range names {
		network, warnings, err := loadNetwork(from, name)
		if err == nil && byName[network.Name] != nil {
			err = &ConfError{File: name, Network: network.Name, Err: fmt.Errorf("%w: %q is in %s", ErrDuplicateNetwork, network.Name, byName[network.Name].File)}
		}
		if err != nil {
			var conf *ConfError
			if !errors.As(err, &conf) {
				conf = &ConfError{File: name, Err: err}
			}
			set.Bad = append(set.Bad, conf)
			continue
		}
		byName[network.Name] = network
		set.Networks = append(set.Networks, network)
		set.Warnings = append(set.Warnings, warnings...)
	}
	return set, nil
}

// loadNetwork reads a file of either form.
func loadNetwork(from files, name string) (*NetworkFile, []*ConfError, error) {
	bytes, err := readConf(from, name)
	if err != nil {
		return nil, nil, err
	}
	var warnings []*ConfError
	look := func(filename string, bytes []byte) {
		warnings = append(warnings, duplicateKeys(filename, bytes)...)
	}
	look(name, bytes)
	if single(bytes) {
		plugin, err := NetworkPluginConfFromBytes(bytes)
		if err != nil {
			return nil, nil, inFile(name, err)
		}
		list, err := ConfListFromConf(plugin)
		if err == nil {
			err = list.spoken(bytes)
		}
		if err != nil {
			return nil, nil, inFile(name, err)
		}
		return &NetworkFile{NetworkConfigList: list, File: name, PluginFiles: []string{name}}, ofList(list, warnings), nil
	}
	list, sources, err := listFromFile(from, name, bytes, look)
	if err == nil {
		err = list.spoken(bytes)
	}
	if err != nil {
		return nil, nil, inFile(name, err)
	}
	return &NetworkFile{NetworkConfigList: list, File: name, PluginFiles: sources}, ofList(list, warnings), nil
}

// spoken refuses a version that every verb would refuse.
func (l *NetworkConfigList) spoken(src []byte) error {
	if version.Known(l.CNIVersion) {
		return nil
	}
	o, _ := rawjson.ParseObject(src)
	return memberFault(o, "cniVersion", &version.UnsupportedError{
		Asked: []string{l.CNIVersion}, Supported: version.All.SupportedVersions(),
	}).located(l.Name, src)
}

// ofList adds the network's name to warnings.
func ofList(list *NetworkConfigList, warnings []*ConfError) []*ConfError {
	for _, w := range warnings {
		w.Network = list.Name
	}
	return warnings
}

// single reports whether the bytes are one plugin's configuration.
func single(bytes []byte) bool {
	o, err := rawjson.ParseObject(bytes)
	if err != nil {
		return false // the parser of lists says what is wrong
	}
	_, list := o.Get("plugins")
	return !list && slices.ContainsFunc(o, func(m rawjson.Member) bool { return m.Folds("type") })
}

// Err returns what is wrong with the files that are left out, joined and each
// with its place; nil if all are good.
func (s *ConfSet) Err() error {
	errs := make([]error, len(s.Bad))
	for i, bad := range s.Bad {
		errs[i] = &placed{bad}
	}
	return join(errs...)
}

// Get returns the network of that name. If there is none because its file is
// bad, the error is that file's [*ConfError]; else it is a [NotFoundError], joined
// to those of the files whose network's name could not be read, or, with no file
// at all, a [NoConfigsFoundError].
func (s *ConfSet) Get(name string) (*NetworkFile, error) {
	for _, n := range s.Networks {
		if n.Name == name {
			return n, nil
		}
	}
	for _, bad := range s.Bad {
		if bad.Network == name {
			return nil, &placed{bad}
		}
	}
	if len(s.Networks) == 0 && len(s.Bad) == 0 {
		return nil, NoConfigsFoundError{Dir: s.Dir}
	}
	errs := []error{NotFoundError{Dir: s.Dir, Name: name}}
	for _, bad := range s.Bad {
		if bad.Network == "" {
			errs = append(errs, &placed{bad})
		}
	}
	if len(errs) == 1 {
		return nil, errs[0]
	}
	return nil, join(errs...)
}

// Default returns the network of that name or, if name is empty, the first one
// in lexical order of the files' names. Errors: as of [ConfSet.Get]; without any
// good network also the first bad file's.
func (s *ConfSet) Default(name string) (*NetworkFile, error) {
	switch {
	case name != "":
		return s.Get(name)
	case len(s.Networks) > 0:
		return s.Networks[0], nil
	case len(s.Bad) > 0:
		return nil, &placed{s.Bad[0]}
	}
	return nil, NoConfigsFoundError{Dir: s.Dir}
}

// Supports reports whether a verb ("CHECK", "GC", "STATUS", ...) does anything
// for the list: its version has the verb, and the list does not disable it. It
// is false for a list of a version that this library does not know.
func (l *NetworkConfigList) Supports(command string) bool {
	var feature version.Feature
	switch strings.ToUpper(command) {
	case "ADD", "DEL", "VERSION":
		return version.Known(l.CNIVersion)
	case "CHECK":
		feature = version.Check
		if l.DisableCheck {
			return false
		}
	case "GC":
		feature = version.GC
		if l.DisableGC {
			return false
		}
	case "STATUS":
		feature = version.Status
	default:
		return false
	}
	ok, err := version.Supports(l.CNIVersion, feature)
	return err == nil && ok && version.Known(l.CNIVersion)
}

// NegotiateVersion asks every plugin of the list for its versions and returns
// the highest of the configuration's that all of them and this library support
// (SPEC.md, section 1, "Version considerations"). To use it, set the list's
// CNIVersion.
//
// Errors: as of [CNIConfig.AddNetworkList] for a plugin that does not answer;
// [*version.UnsupportedError] when there is no such version.
func (c *CNIConfig) NegotiateVersion(ctx context.Context, list *NetworkConfigList) (string, error) {
	n, err := networkOfList(list)
	if err != nil {
		return "", n.in("VERSION", nil, err)
	}
	plugins := make([]version.PluginInfo, len(n.plugins))
	for i, p := range n.plugins {
		if plugins[i], err = c.versionInfo(ctx, n.name, p.Network.Type); err != nil {
			return "", err
		}
	}
	return version.Negotiate(list.CNIVersion, list.versions(), plugins...)
}

// versions is what the configuration's "cniVersions" says.
func (l *NetworkConfigList) versions() []string {
	o, err := rawjson.ParseObject(l.Bytes)
	if err != nil {
		return nil
	}
	m, _ := o.Get("cniVersions")
	elements, _ := rawjson.ParseArray(m.Value)
	var versions []string
	for _, e := range elements {
		if v, ok := rawjson.String(e.Value); ok {
			versions = append(versions, v)
		}
	}
	return versions
}
