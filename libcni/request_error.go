package libcni

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/cnikit/cnikit/version"
)

// Errors that [Options] can make a verb return; found by errors.Is.
var (
	// ErrNoRecord says that there is no record of the attachment.
	ErrNoRecord = errors.New("no record of an ADD for this attachment")
	// ErrAlreadyAttached says that there is a record of the attachment already.
	ErrAlreadyAttached = errors.New("attachment exists already: a DEL must come before another ADD")
)

// ErrorCheckNotSupp is in the error of CHECK on a configuration whose version
// has no CHECK; found by errors.Is.
var ErrorCheckNotSupp = errors.New("does not support the CHECK command")

// RequestError says that a verb was asked for something that cannot be done.
// Nothing was run and no file was touched.
type RequestError struct {
	// Command is the verb: "ADD", "DEL", ...
	Command string
	// Network, ContainerID and IfName name the attachment, as far as given.
	Network, ContainerID, IfName string
	// Field is the argument that is wrong: "containerID", "plugins[1]".
	Field string
	// Err is the cause; a [*types.Error] where the specification has a code, a
	// [*ConfError] where the place in the network's configuration is known.
	Err error

	description string // upstream's words before the cause
}

// Error returns the cause's text; for ADD of a list after the description of its
// first plugin, which is where upstream finds out.
func (e *RequestError) Error() string {
	if e.description != "" {
		return e.description + ": " + e.Err.Error()
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *RequestError) Unwrap() error { return e.Err }

// Format writes the cause for %v and %s, and with %+v the fields as well.
func (e *RequestError) Format(s fmt.State, verb rune) {
	formatFields(s, verb, e, [][2]string{
		{"verb", e.Command}, {"network", e.Network}, {"container", e.ContainerID}, {"interface", e.IfName},
		{"argument", e.Field}, {"at", e.place()}, {"record", e.record().path()}, {"to do", e.toDo()},
	}...)
}

func (e *RequestError) toDo() string {
	if errors.As(e.Err, new(*version.UnsupportedError)) {
		return "set one of these versions in the network's configuration, or move to a newer version of this library"
	}
	if r := e.record(); r != nil {
		return r.toDo()
	}
	for _, known := range []struct {
		err  error
		toDo string
	}{
		{ErrAlreadyAttached, "run DEL before another ADD; if the attachment is in use, leave it"},
		{ErrNoRecord, "name the cache directory of its ADD, or attach it (ADD): without one there is nothing to check"},
		{ErrorCheckNotSupp, `set "cniVersion" 0.4.0 or newer in the network's configuration, or "disableCheck": true`},
	} {
		if errors.Is(e.Err, known.err) {
			return known.toDo
		}
	}
	return ""
}

// record is the error about a record that is the cause; nil if it is another one.
func (e *RequestError) record() *RecordError {
	var r *RecordError
	if !errors.As(e.Err, &r) {
		return nil
	}
	return r
}

// place is where in the network's configuration the argument comes from, as far as
// it is known.
func (e *RequestError) place() string {
	var conf *ConfError
	if !errors.As(e.Err, &conf) {
		return ""
	}
	place := conf.Place()
	if conf.File == "" && place != "" {
		place += " of the network's configuration" // a list does not know its file
	}
	return place
}

// LogValue gives the fields to log/slog.
func (e *RequestError) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("error", e.Error()), slog.String("verb", e.Command), slog.String("network", e.Network),
		slog.String("container", e.ContainerID), slog.String("interface", e.IfName), slog.String("argument", e.Field),
		slog.String("at", e.place()),
	}
	if r := e.record(); r != nil {
		attrs = append(attrs, slog.String("record", r.Path))
	}
	return slog.GroupValue(append(attrs, slog.String("toDo", e.toDo()))...)
}

func errNoList() error {
	return &RequestError{Field: "network", Err: errors.New("no network configuration list (nil)")}
}

func errNoPlugin() error {
	return &RequestError{Field: "network", Err: errors.New("no plugin configuration (nil)")}
}

// in adds the verb and the attachment to a RequestError that was made where they
// were not known.
func (n *network) in(command string, rt *RuntimeConf, err error) error {
	var r *RequestError
	if !errors.As(err, &r) {
		return err
	}
	if r.Command == "" {
		r.Command = command
	}
	if n != nil && r.Network == "" {
		r.Network = n.name
	}
	if rt != nil {
		r.ContainerID, r.IfName = rt.ContainerID, rt.IfName
	}
	return err
}
