package podnet

import (
	"fmt"
	"log/slog"
	"strings"
)

// Error says what could not be done with which container. errors.As finds the
// plugin's error ([*invoke.PluginError]) and the others of libcni in it.
type Error struct {
	// Op is attach, detach, check, gc or recover.
	Op string
	// ContainerID, Network and IfName say on what, as far as it is known.
	ContainerID, Network, IfName string
	// Err is the cause. After a failed Attach it also has, joined, what could not
	// be undone.
	Err error
}

// Error returns everything in one line, but for the line breaks of the cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	for _, part := range [...][2]string{{" container ", e.ContainerID}, {" network ", e.Network}, {" interface ", e.IfName}} {
		if part[1] != "" {
			b.WriteString(part[0] + part[1])
		}
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// LogValue gives the fields to log/slog.
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(slog.String("op", e.Op), slog.String("containerID", e.ContainerID),
		slog.String("network", e.Network), slog.String("ifname", e.IfName), slog.Any("error", e.Err))
}
