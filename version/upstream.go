package version

import (
	cnitypes "github.com/containernetworking/cni/pkg/types"
	cniversion "github.com/containernetworking/cni/pkg/version"
)

// The types of this package are containernetworking/cni's own, so that values
// go from code that uses one package to code that uses the other.
type (
	// PluginInfo is what a plugin reports about the versions that it supports.
	PluginInfo = cniversion.PluginInfo

	// PluginDecoder reads a plugin's reply to VERSION.
	PluginDecoder = cniversion.PluginDecoder

	// ConfigDecoder reads the version of a network configuration.
	ConfigDecoder = cniversion.ConfigDecoder

	// ErrorIncompatible says that a configuration's version is none of those that a
	// plugin supports.
	ErrorIncompatible = cniversion.ErrorIncompatible

	// Reconciler looks for a configuration's version among those that a plugin
	// supports, letter for letter.
	Reconciler = cniversion.Reconciler
)

var (
	// Legacy is what plugins of the first two versions support: 0.1.0 and 0.2.0.
	Legacy = cniversion.Legacy

	// All is every version that this library speaks, oldest first.
	All = cniversion.All
)

// PluginSupports returns a PluginInfo that reports the given versions. It
// panics without any: a plugin supports at least one version.
func PluginSupports(supportedVersions ...string) PluginInfo {
	return cniversion.PluginSupports(supportedVersions...)
}

// VersionsStartingFrom returns the known versions from minVer on. It panics if
// minVer is not [Known].
func VersionsStartingFrom(minVer string) PluginInfo {
	return cniversion.VersionsStartingFrom(minVer)
}

// NewResult decodes a result. version decides the type that it is decoded into,
// and the result's own cniVersion must be one that this type is for. It
// returns an error for versions that are not [Known], except for the empty one, which
// is 0.1.0.
func NewResult(version string, resultBytes []byte) (cnitypes.Result, error) {
	return cniversion.NewResult(version, resultBytes)
}

// ParsePrevResult decodes conf.RawPrevResult, if there is one, into
// conf.PrevResult by the rules of [NewResult] and sets RawPrevResult to nil. It
// is for plugins: a runtime passes previous results on as bytes.
func ParsePrevResult(conf *cnitypes.PluginConf) error {
	return cniversion.ParsePrevResult(conf)
}
