package podnet

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
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
func (e *Error) Error() string { return e.subject() + ": " + e.Err.Error() }

func (e *Error) subject() string {
	var b strings.Builder
	b.WriteString(e.Op)
	for _, part := range [...][2]string{{" container ", e.ContainerID}, {" network ", e.Network}, {" interface ", e.IfName}} {
		if part[1] != "" {
			b.WriteString(part[0] + part[1])
		}
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
		_, _ = fmt.Fprintf(s, "%s: ", e.subject())
		formatCauses(s, e.Err)
	default:
		_, _ = io.WriteString(s, e.Error())
	}
}

// formatCauses takes joined errors apart, which print only their text.
func formatCauses(s fmt.State, err error) {
	several, ok := err.(interface{ Unwrap() []error })
	if _, formats := err.(fmt.Formatter); !ok || formats {
		_, _ = fmt.Fprintf(s, "%+v", err)
		return
	}
	for i, cause := range several.Unwrap() {
		if i > 0 {
			_, _ = io.WriteString(s, "\n")
		}
		formatCauses(s, cause)
	}
}

// join is errors.Join, but one error stays as it is, and %+v and log/slog get all
// that several have to say.
func join(errs ...error) error {
	errs = flatten(errors.Join(errs...))
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	return causes(errs)
}

type causes []error

func (c causes) Error() string { return errors.Join(c...).Error() }

func (c causes) Unwrap() []error { return c }

func (c causes) Format(s fmt.State, verb rune) {
	switch {
	case verb == 'q':
		_, _ = fmt.Fprintf(s, "%q", c.Error())
	case verb == 'v' && s.Flag('+'):
		formatCauses(s, errors.Join(c...))
	default:
		_, _ = io.WriteString(s, c.Error())
	}
}

// LogValue numbers the errors from 1.
func (c causes) LogValue() slog.Value {
	attrs := make([]slog.Attr, len(c))
	for i, err := range c {
		attrs[i] = slog.Any(strconv.Itoa(i+1), err)
	}
	return slog.GroupValue(attrs...)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// LogValue gives the fields to log/slog.
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(slog.String("op", e.Op), slog.String("containerID", e.ContainerID),
		slog.String("network", e.Network), slog.String("ifname", e.IfName), slog.Any("error", e.Err))
}
