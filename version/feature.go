package version

import "fmt"

// Feature is something that came with a later version of the specification
// than the first. The zero value is none of them and is supported by no version.
type Feature uint8

const (
	Check         Feature = iota + 1 // the CHECK verb: 0.4.0
	DelPrevResult                    // prevResult in the request of a DEL: 0.4.0
	GC                               // the GC verb: 1.1.0
	Status                           // the STATUS verb: 1.1.0
)

// features says with which version each feature came.
var features = [...]struct{ name, since string }{
	Check:         {"CHECK", "0.4.0"},
	DelPrevResult: {"prevResult in DEL", "0.4.0"},
	GC:            {"GC", "1.1.0"},
	Status:        {"STATUS", "1.1.0"},
}

func (f Feature) valid() bool { return f > 0 && int(f) < len(features) }

// Since returns the version of the specification that f came with, or "" if f
// is not a feature.
func (f Feature) Since() string {
	if !f.valid() {
		return ""
	}
	return features[f].since
}

// String returns the feature's name, the verb for those that are one.
func (f Feature) String() string {
	if !f.valid() {
		return fmt.Sprintf("Feature(%d)", uint8(f))
	}
	return features[f].name
}

// Supports reports whether f is part of version cniVersion of the
// specification. If cniVersion is not a version it returns a *MalformedError.
func Supports(cniVersion string, f Feature) (bool, error) {
	if !f.valid() {
		return false, Validate(cniVersion)
	}
	return GreaterThanOrEqualTo(cniVersion, features[f].since)
}
