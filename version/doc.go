// Package version compares, checks and negotiates versions of the CNI
// specification.
//
// Versions are taken as the field writes them. The empty text is 0.1.0, as in
// every configuration that names no version; "1.1" is 1.1.0; leading zeros mean
// nothing. A leading "v", a sign, a pre-release and build metadata are refused. A version
// travels as it was written: nothing here rewrites "1.1" to "1.1.0".
//
// [Known] says what this library speaks, [Supports] tells which operation came
// with which version, [Negotiate] chooses one from a configuration's cniVersion
// and cniVersions.
//
// The package also has everything that containernetworking/cni's package of the
// same name exports; its types are that package's own, by alias.
package version
