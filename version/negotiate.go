package version

import (
	"fmt"
	"slices"
)

// UnsupportedError says that none of the versions that were asked for can be
// spoken by all who take part.
type UnsupportedError struct {
	Asked     []string // cniVersion, then cniVersions, as written
	Supported []string // what the library and all plugins support, oldest first
}

// Error returns both lists.
func (e *UnsupportedError) Error() string {
	if len(e.Asked) == 1 {
		return fmt.Sprintf("CNI version %q is not supported, only %q", e.Asked[0], e.Supported)
	}
	return fmt.Sprintf("none of the CNI versions %q is supported, only %q", e.Asked, e.Supported)
}

// Negotiate returns the version to use for a configuration: the highest of
// cniVersion and cniVersions that is [Known] and that every given plugin
// reports, as it is written there. plugins are the replies to VERSION; without
// any only the library decides. A nil one is passed over.
//
// cniVersion may be empty: next to other versions it says nothing, alone it is
// 0.1.0. Of two spellings of one version the released one is chosen. Plugins
// compare versions letter for letter, so one that reports "1.1.0" is not asked to
// speak "1.1".
//
// If any of the versions is malformed the error is a *[MalformedError], if none
// can be used an *[UnsupportedError] with what was asked and what is supported.
func Negotiate(cniVersion string, cniVersions []string, plugins ...PluginInfo) (string, error) {
	var asked []string
	if cniVersion != "" || len(cniVersions) == 0 {
		asked = append(asked, cniVersion)
	}
	asked = append(asked, cniVersions...)

	best, found := "", false
	for _, v := range asked {
		if err := Validate(v); err != nil {
			return "", err
		}
		if !Known(v) || !allReport(plugins, v) {
			continue
		}
		if !found || better(v, best) {
			best, found = v, true
		}
	}
	if !found {
		return "", &UnsupportedError{Asked: asked, Supported: slices.DeleteFunc(supported(), func(v string) bool {
			return !allReport(plugins, v)
		})}
	}
	return best, nil
}

// better reports whether v is higher than best, or as high and written as it was
// released. Both are well-formed.
func better(v, best string) bool {
	c, _ := Compare(v, best)
	return c > 0 || c == 0 && rank(v) >= 0 && rank(best) < 0
}

// allReport reports whether every plugin lists v among its versions.
func allReport(plugins []PluginInfo, v string) bool {
	if v == "" {
		v = known[0].text
	}
	for _, p := range plugins {
		if p != nil && !slices.Contains(p.SupportedVersions(), v) {
			return false
		}
	}
	return true
}
