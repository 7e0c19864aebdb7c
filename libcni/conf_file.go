package libcni

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/cnikit/cnikit/internal/rawjson"
	"github.com/cnikit/cnikit/types"
)

// maxConfSize is the size in bytes above which a configuration file is refused.
// Real ones are a few kilobytes.
const maxConfSize = 4 << 20

// NetworkConfFromFile reads a network configuration list from a file and, unless
// the list says loadOnlyInlinedPlugins, appends the plugins of its drop-in
// folder: <name>/*.conf beside the file, in lexical order. A list that has no
// plugins after that is an error.
//
// The error is a [*ConfError] with the name of the file that is at fault.
func NetworkConfFromFile(filename string) (*NetworkConfigList, error) {
	bytes, err := readConf(osFiles{}, filename)
	if err != nil {
		return nil, err
	}
	list, _, err := listFromFile(osFiles{}, filename, bytes, nil)
	return list, err
}

// ConfListFromFile is [NetworkConfFromFile].
func ConfListFromFile(filename string) (*NetworkConfigList, error) {
	return NetworkConfFromFile(filename)
}

// listFromFile returns, beside the list, the file of each plugin. look, if it is not
// nil, gets what was read of drop-in files.
func listFromFile(from files, filename string, bytes []byte, look func(filename string, bytes []byte)) (*NetworkConfigList, []string, error) {
	list, err := NetworkConfFromBytes(bytes)
	if err != nil {
		return nil, nil, inFile(filename, err)
	}
	for _, p := range list.Plugins {
		p.dropRuntimeMembers()
	}
	sources := slices.Repeat([]string{filename}, len(list.Plugins))
	if !list.LoadOnlyInlinedPlugins {
		plugins, dropIns, err := pluginsFromFolder(from, from.join(from.dir(filename), list.Name), list.Name, look)
		if err != nil {
			return nil, nil, err
		}
		list.Plugins = append(list.Plugins, plugins...)
		sources = append(sources, dropIns...)
	}
	if len(list.Plugins) == 0 {
		err := errors.New("no plugin configs found")
		if single(bytes) {
			err = fmt.Errorf("%w: this is the configuration of one plugin: name the file *.conf, or put it into a list's \"plugins\"", err)
		}
		return nil, nil, &ConfError{File: filename, Network: list.Name, Err: err}
	}
	return list, sources, nil
}

// NetworkPluginConfsFromFiles reads the drop-in folder of a network,
// networkConfPath/networkName/*.conf, each file the configuration of one plugin,
// in lexical order. A folder that does not exist is an empty one.
//
// The error is a [*ConfError].
func NetworkPluginConfsFromFiles(networkConfPath, networkName string) ([]*PluginConfig, error) {
	if err := types.ValidateNetworkName(networkName); err != nil {
		return nil, &ConfError{Network: networkName, Err: err}
	}
	plugins, _, err := pluginsFromFolder(osFiles{}, filepath.Join(networkConfPath, networkName), networkName, nil)
	return plugins, err
}

func pluginsFromFolder(from files, dir, network string, look func(filename string, bytes []byte)) ([]*PluginConfig, []string, error) {
	names, err := from.list(dir, []string{".conf"})
	if err != nil {
		return nil, nil, &ConfError{File: dir, Network: network, Err: fmt.Errorf("failed to read plugin config files in %s: %w", dir, err)}
	}
	var plugins []*PluginConfig
	for _, name := range names {
		bytes, err := readConf(from, name)
		if err != nil {
			return nil, nil, ofNetwork(network, err)
		}
		plugin, err := NetworkPluginConfFromBytes(bytes)
		if err != nil {
			return nil, nil, ofNetwork(network, inFile(name, err))
		}
		if look != nil {
			look(name, bytes)
		}
		plugin.dropRuntimeMembers()
		plugins = append(plugins, plugin)
	}
	return plugins, names, nil
}

// ConfFromFile reads the configuration of one plugin.
//
// Deprecated: use [NetworkConfFromFile] for a network and
// [NetworkPluginConfsFromFiles] for a drop-in folder.
func ConfFromFile(filename string) (*NetworkConfig, error) {
	bytes, err := readConf(osFiles{}, filename)
	if err != nil {
		return nil, err
	}
	conf, err := NetworkPluginConfFromBytes(bytes)
	if err != nil {
		return nil, inFile(filename, err)
	}
	conf.dropRuntimeMembers()
	return conf, nil
}

// dropRuntimeMembers takes out of a plugin's configuration what was written into
// its file although only a runtime can say it (R9, R35, R45).
func (p *PluginConfig) dropRuntimeMembers() {
	o, err := rawjson.ParseObject(p.Bytes)
	if err != nil || !slices.ContainsFunc(o, isRuntimeMember) {
		return
	}
	p.Bytes = rawjson.Splice(make([]byte, 0, len(p.Bytes)), o, func(m rawjson.Member) bool { return !isRuntimeMember(m) })
	p.Network.RawPrevResult, p.Network.ValidAttachments = nil, nil
}

// ConfFiles returns the paths of the entries of dir whose extension is one of
// extensions (".conf", with the dot), directories left out, in lexical order. A
// directory that does not exist has no entries; the error is that of reading it.
func ConfFiles(dir string, extensions []string) ([]string, error) {
	return osFiles{}.list(dir, extensions)
}

// readConf reads a configuration file. It returns an error, and soon, for what
// is not a regular file or not of a configuration's size.
func readConf(from files, filename string) ([]byte, error) {
	f, err := from.open(filename)
	if err == nil {
		defer f.Close()
		var bytes []byte
		if bytes, err = readRegular(f, filename); err == nil {
			return bytes, nil
		}
	}
	return nil, &ConfError{File: filename, Err: fmt.Errorf("error reading %s: %w", filename, err)}
}

func readRegular(f fs.File, filename string) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, &fs.PathError{Op: "read", Path: filename, Err: fmt.Errorf("not a regular file (%s)", info.Mode().Type())}
	case info.Size() > maxConfSize:
		return nil, &fs.PathError{Op: "read", Path: filename, Err: fmt.Errorf("%d bytes are too many for a configuration (limit %d)", info.Size(), maxConfSize)}
	}
	// One byte more than the file has, so that one read also finds its end.
	bytes := make([]byte, info.Size()+1)
	n, err := io.ReadFull(f, bytes)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return bytes[:n:n], nil
	case err != nil:
		return nil, err
	}
	// It grew while it was read: half a file would be parsed as a whole one.
	return nil, &fs.PathError{Op: "read", Path: filename, Err: errors.New("changed while it was read")}
}

// files is where configurations are read from: the operating system or an fs.FS.
type files interface {
	// list is ConfFiles.
	list(dir string, extensions []string) ([]string, error)
	open(filename string) (fs.File, error)
	join(dir, name string) string
	dir(filename string) string
}

type osFiles struct{}

func (osFiles) list(dir string, extensions []string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	return confEntries(dir, entries, err, extensions, filepath.Join)
}

func (osFiles) open(filename string) (fs.File, error) {
	// Not blocking: opening a FIFO would otherwise wait for its writer.
	return os.OpenFile(filename, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

func (osFiles) join(dir, name string) string { return filepath.Join(dir, name) }

func (osFiles) dir(filename string) string { return filepath.Dir(filename) }

type fsFiles struct{ fs.FS }

func (f fsFiles) list(dir string, extensions []string) ([]string, error) {
	entries, err := fs.ReadDir(f.FS, dir)
	return confEntries(dir, entries, err, extensions, path.Join)
}

func (f fsFiles) open(filename string) (fs.File, error) { return f.Open(filename) }

func (fsFiles) join(dir, name string) string { return path.Join(dir, name) }

func (fsFiles) dir(filename string) string { return path.Dir(filename) }

func confEntries(dir string, entries []fs.DirEntry, err error, extensions []string, join func(...string) string) ([]string, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, e := range entries {
		if !e.IsDir() && slices.Contains(extensions, path.Ext(e.Name())) {
			names = append(names, join(dir, e.Name()))
		}
	}
	return names, nil
}

// ofNetwork adds the network's name to an error.
func ofNetwork(name string, err error) error {
	var conf *ConfError
	if errors.As(err, &conf) && conf.Network == "" {
		conf.Network = name
	}
	return err
}
