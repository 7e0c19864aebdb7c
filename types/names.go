package types

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxInterfaceName is IFNAMSIZ of Linux without the final NUL.
const maxInterfaceName = 15

// ValidateContainerID returns nil if containerID starts with a letter or digit
// and has only letters, digits, '_', '.' and '-': specification, section 2. The
// error is an *[Error] with code [ErrUnknownContainer] for the empty one and
// [ErrInvalidEnvironmentVariables] otherwise. What passes cannot leave the directory
// that it is a file name in; its length is not limited.
func ValidateContainerID(containerID string) error {
	switch {
	case containerID == "":
		return NewError(ErrUnknownContainer, "missing containerID", "")
	case !isName(containerID):
		return NewError(ErrInvalidEnvironmentVariables, "invalid characters in containerID", containerID)
	}
	return nil
}

// ValidateNetworkName returns nil if networkName follows the same rule as a
// container ID, see [ValidateContainerID]: specification, section 1. The error
// is an *[Error] with code [ErrInvalidNetworkConfig].
func ValidateNetworkName(networkName string) error {
	switch {
	case networkName == "":
		return NewError(ErrInvalidNetworkConfig, "missing network name:", "")
	case !isName(networkName):
		return NewError(ErrInvalidNetworkConfig, "invalid characters found in network name", networkName)
	}
	return nil
}

// ValidateInterfaceName returns nil if ifName can name an interface on Linux: 1
// to 15 bytes, not "." or "..", without '/', ':' and white space; and if it can
// be written into an environment variable and into JSON, so without NUL and
// valid UTF-8. The error is an *[Error] with code
// [ErrInvalidEnvironmentVariables].
func ValidateInterfaceName(ifName string) error {
	bad := func(msg, details string) error {
		return NewError(ErrInvalidEnvironmentVariables, msg, details)
	}
	switch {
	case ifName == "":
		return bad("interface name is empty", "")
	case len(ifName) > maxInterfaceName:
		return bad("interface name is too long",
			fmt.Sprintf("interface name should be less than %d characters", maxInterfaceName+1))
	case ifName == "." || ifName == "..":
		return bad("interface name is . or ..", "")
	}
	for _, r := range ifName {
		if r == '/' || r == ':' || unicode.IsSpace(r) {
			return bad("interface name contains / or : or whitespace characters", "")
		}
	}
	switch {
	case strings.IndexByte(ifName, 0) >= 0:
		return bad("interface name contains a NUL byte", "")
	case !utf8.ValidString(ifName):
		return bad("interface name is not valid UTF-8", "")
	}
	return nil
}

// isName reports whether s matches [a-zA-Z0-9][a-zA-Z0-9_.-]*.
func isName(s string) bool {
	if s == "" || !isAlphanumeric(s[0]) {
		return false
	}
	for i := 1; i < len(s); i++ {
		if c := s[i]; !isAlphanumeric(c) && c != '_' && c != '.' && c != '-' {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
