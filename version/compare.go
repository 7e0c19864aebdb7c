package version

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// MalformedError says that a text is not a version of the specification.
type MalformedError struct {
	Version string // the text, as it was given
	Err     error  // what is wrong with it
}

// Error returns what is wrong, in the words of containernetworking/cni, which
// quote the offending part.
func (e *MalformedError) Error() string { return e.Err.Error() }

// Unwrap returns Err. For a part that is not a number that is an error from
// which errors.As finds the *strconv.NumError.
func (e *MalformedError) Unwrap() error { return e.Err }

// Validate returns nil if v is a version, known or not, and a *MalformedError
// otherwise. The empty text is a version: 0.1.0.
func Validate(v string) error {
	_, _, _, err := ParseVersion(v)
	return err
}

// ParseVersion returns the three numbers of a version: 0, 1, 0 for the empty
// text, 1, 1, 0 for "1.1". It returns -1, -1, -1 and a *MalformedError if
// version is not one to three decimal numbers, without sign, separated by dots.
func ParseVersion(version string) (major, minor, micro int, err error) {
	if version == "" {
		version = known[0].text
	}
	if i := rank(version); i >= 0 {
		k := &known[i]
		return k.major, k.minor, k.micro, nil
	}
	return parse(version)
}

// parse is ParseVersion without its shortcuts.
func parse(v string) (major, minor, micro int, err error) {
	numbers := [...]struct {
		name string
		n    *int
	}{{"major", &major}, {"minor", &minor}, {"micro", &micro}}

	parts := strings.Split(v, ".")
	if len(parts) > len(numbers) {
		return -1, -1, -1, &MalformedError{Version: v, Err: fmt.Errorf("invalid version %q: too many parts", v)}
	}
	for i, part := range parts {
		if *numbers[i].n, err = number(part); err != nil {
			return -1, -1, -1, &MalformedError{Version: v,
				Err: fmt.Errorf("failed to convert %s version part %q: %w", numbers[i].name, part, err)}
		}
	}
	return major, minor, micro, nil
}

// number is strconv.Atoi without signs.
func number(part string) (int, error) {
	if strings.HasPrefix(part, "-") || strings.HasPrefix(part, "+") {
		return 0, &strconv.NumError{Func: "Atoi", Num: part, Err: strconv.ErrSyntax}
	}
	return strconv.Atoi(part)
}

// Compare returns -1 if a is older than b, +1 if it is newer and 0 if both are
// the same version, however they are written. The order is that of semantic
// versions. If either is not a version it returns a *MalformedError, a's first.
func Compare(a, b string) (int, error) {
	if i, j := rank(a), rank(b); i >= 0 && j >= 0 {
		return cmp.Compare(i, j), nil
	}
	return compareParsed(a, b)
}

// compareParsed is Compare without its shortcut.
func compareParsed(a, b string) (int, error) {
	va, err := semantic(a)
	if err != nil {
		return 0, err
	}
	vb, err := semantic(b)
	if err != nil {
		return 0, err
	}
	return va.Compare(vb), nil
}

// semantic returns v as a semantic version. It does not use semver's own
// parsers: the strict one refuses "1.1", and what the lenient one accepts (a
// leading "v", a pre-release) depends on a variable that any package may set.
func semantic(v string) (*semver.Version, error) {
	major, minor, micro, err := ParseVersion(v)
	if err != nil {
		return nil, err
	}
	return semver.New(uint64(major), uint64(minor), uint64(micro), "", ""), nil
}

// GreaterThan reports whether version is newer than otherVersion. If either is
// not a version it returns a *MalformedError.
func GreaterThan(version, otherVersion string) (bool, error) {
	c, err := Compare(version, otherVersion)
	return err == nil && c > 0, err
}

// GreaterThanOrEqualTo reports whether version is otherVersion or newer. If
// either is not a version it returns a *MalformedError.
func GreaterThanOrEqualTo(version, otherVersion string) (bool, error) {
	c, err := Compare(version, otherVersion)
	return err == nil && c >= 0, err
}
