package podnet

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/cnikit/cnikit/internal/joined"
)

// Error says what could not be done with which container. errors.As finds the
// plugin's error ([*invoke.PluginError]) and the others of libcni in it.
type Error struct {
	// Op is attach, rollback, detach, check, gc, recover or forget.
	Op string
	// ContainerID, Network and IfName say on what, as far as it is known.
	ContainerID, Network, IfName string
	// Path is the record or the intent that DEL was run from: with the
	// configuration and arguments in it, whatever the network's file says now.
	Path string
	// Err is the cause. After a failed Attach it also has, joined, what could not
	// be undone.
	Err error
}

// Error returns everything in one line, but for the line breaks of the cause.
func (e *Error) Error() string { return e.subject() + ": " + e.Err.Error() }

func (e *Error) subject() string {
	var b strings.Builder
	b.WriteString(e.Op)
	for _, part := range [...][2]string{{" container ", e.ContainerID}, {" network ", e.Network}, {" interface ", e.IfName}} {
		if part[1] != "" {
			b.WriteString(part[0] + part[1])
		}
	}
	if e.Path != "" {
		b.WriteString(", as recorded in " + e.Path)
	}
	return b.String()
}

// Format writes the text for %v and %s, and with %+v all that the causes have to
// say, one after the other.
func (e *Error) Format(s fmt.State, verb rune) {
	switch {
	case verb == 'q':
		_, _ = fmt.Fprintf(s, "%q", e.Error())
	case verb == 'v' && s.Flag('+'):
		_, _ = fmt.Fprintf(s, "%s: %+v", e.subject(), join(e.Err))
	default:
		_, _ = io.WriteString(s, e.Error())
	}
}

// about makes errors that do not say which container they are about say so.
func about(op, id string, err error) error {
	errs := joined.List(err)
	for i, err := range errs {
		var at *Error
		if !errors.As(err, &at) {
			errs[i] = &Error{Op: op, ContainerID: id, Err: err}
		}
	}
	return join(errs...)
}

// join is errors.Join that loses nothing of what the errors have to say; one stays
// as it is.
func join(errs ...error) error { return joined.Errors(errs...) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// LogValue gives the fields to log/slog.
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(slog.String("op", e.Op), slog.String("containerID", e.ContainerID),
		slog.String("network", e.Network), slog.String("ifname", e.IfName), slog.String("path", e.Path), slog.Any("error", join(e.Err)))
}
