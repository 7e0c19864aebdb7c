package libcni

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// RecordError says what is wrong with the record of an attachment, or with the
// directory it is in. errors.Is finds the cause: fs.ErrPermission,
// [ErrForeignRecord], ...
type RecordError struct {
	// Path is the file or directory.
	Path string
	// Err is the cause.
	Err error
}

// ErrForeignRecord is in the error about a record that says it is of another
// attachment than its file's name does.
var ErrForeignRecord = errors.New("record is of another attachment")

// errBareResult says that a file holds only a result, in the form of the first
// versions of libcni: good for CHECK and DEL, but it names no attachment.
var errBareResult = errors.New("record is a bare result and names no attachment")

// Error returns the cause's text, which is upstream's where it has one. The path
// is in it only if it is the cause's.
func (e *RecordError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *RecordError) Unwrap() error { return e.Err }

// Format writes the cause for %v and %s, and with %+v the path as well.
func (e *RecordError) Format(s fmt.State, verb rune) {
	if verb == 'q' {
		_, _ = fmt.Fprintf(s, "%q", e.Error())
		return
	}
	_, _ = io.WriteString(s, e.Error())
	if verb == 'v' && s.Flag('+') {
		_, _ = fmt.Fprintf(s, "\n    record: %s", e.Path)
	}
}

// LogValue gives the fields to log/slog.
func (e *RecordError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("error", e.Error()), slog.String("record", e.Path))
}
