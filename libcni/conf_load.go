package libcni

import (
	"errors"
	"fmt"

	"github.com/cnikit/cnikit/internal/rawjson"
)

// NotFoundError reports that a directory has configurations, but none of that
// name. It is returned as a value: errors.As wants a *NotFoundError to fill.
type NotFoundError struct {
	Dir  string
	Name string
}

// Error returns upstream's text.
func (e NotFoundError) Error() string {
	return fmt.Sprintf("no net configuration with name %q in %s", e.Name, e.Dir)
}

// Format writes the text, and for %+v what to do.
func (e NotFoundError) Format(s fmt.State, verb rune) {
	formatFields(s, verb, e, [2]string{"to do", "correct the name, or write a file *.conflist whose \"name\" it is"})
}

// NoConfigsFoundError reports a directory without configurations. It is returned
// as a value, as [NotFoundError] is.
type NoConfigsFoundError struct {
	Dir string
}

// Error returns upstream's text.
func (e NoConfigsFoundError) Error() string {
	return fmt.Sprintf("no net configurations found in %s", e.Dir)
}

// Format writes the text, and for %+v what to do.
func (e NoConfigsFoundError) Format(s fmt.State, verb rune) {
	formatFields(s, verb, e, [2]string{"to do", "install a network: a file *.conflist in that directory, or name another one"})
}

// LoadNetworkConf returns the network of that name from the files of dir: the
// first match among *.conflist in lexical order, then among *.conf and *.json,
// which it turns into lists. A file that cannot be read or parsed does not hide
// the network of another: its error is returned only if there is no match. The
// first file that has the name is the match, also if what follows the name is bad:
// a later file of that name does not stand in for it.
//
// Errors: [NoConfigsFoundError] for a directory without files, [NotFoundError]
// for one without the network, [*ConfError] for the first bad file; an
// *fs.PathError for a directory that cannot be read.
func LoadNetworkConf(dir, name string) (*NetworkConfigList, error) {
	files, err := ConfFiles(dir, []string{".conflist"})
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		bytes, err := readConf(osFiles{}, file)
		if err != nil || !named(bytes, name) {
			continue // whether it is a good one matters only if there is no match
		}
		conf, _, err := listFromFile(osFiles{}, file, bytes, nil)
		if err == nil {
			return conf, nil
		}
		var at *ConfError
		if errors.As(err, &at) && at.Network == name {
			return nil, err // it is this network that is broken
		}
	}
	singles, err := ConfFiles(dir, []string{".conf", ".json"})
	if err != nil {
		return nil, err
	}
	var bad error
	for _, file := range singles {
		conf, err := ConfFromFile(file)
		if err == nil && conf.Network.Name == name {
			list, err := ConfListFromConf(conf)
			if err != nil {
				return nil, inFile(file, err)
			}
			return list, nil
		}
		if bad == nil {
			bad = err
		}
	}
	for _, file := range files {
		if _, err := NetworkConfFromFile(file); err != nil {
			return nil, err
		}
	}
	switch {
	case bad != nil:
		return nil, bad
	case len(files)+len(singles) == 0:
		return nil, NoConfigsFoundError{Dir: dir}
	}
	return nil, NotFoundError{Dir: dir, Name: name}
}

// named reports whether the bytes are a list of that name. The files of other
// networks are parsed no further, nor are their drop-in folders looked for: of a
// hundred files that is half of the time.
func named(bytes []byte, name string) bool {
	o, err := rawjson.ParseObject(bytes)
	if err != nil {
		return false
	}
	m, _ := o.Get("name")
	return rawjson.IsString(m.Value, name)
}

// LoadConfList is [LoadNetworkConf].
func LoadConfList(dir, name string) (*NetworkConfigList, error) {
	return LoadNetworkConf(dir, name)
}

// LoadConf returns the first configuration of that name among *.conf and *.json
// in lexical order. The first file that cannot be parsed ends the search.
//
// Errors: as of [LoadNetworkConf].
//
// Deprecated: use LoadNetworkConf.
func LoadConf(dir, name string) (*NetworkConfig, error) {
	files, err := ConfFiles(dir, []string{".conf", ".json"})
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, NoConfigsFoundError{Dir: dir}
	}
	for _, file := range files {
		conf, err := ConfFromFile(file)
		if err != nil {
			return nil, err
		}
		if conf.Network.Name == name {
			return conf, nil
		}
	}
	return nil, NotFoundError{Dir: dir, Name: name}
}
