package libcni

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/cnikit/cnikit/internal/rawjson"
)

// ConfError says what is wrong with a network configuration, and where.
type ConfError struct {
	// File is the file that was read; empty for bytes from elsewhere.
	File string
	// Network is the network's name, as far as it was read.
	Network string
	// Line and Column count from 1, a column is a byte; 0 when the place is
	// not known, as for a file that could not be read.
	Line, Column int
	// Pointer is the place as a JSON pointer (RFC 6901), "/plugins/1/type".
	Pointer string
	// Err is the cause.
	Err error

	offset int // of the place in the source, or -1
}

// Error returns the cause in upstream's words, without the place: use %+v, or
// [ConfError.Place], to show an operator where to look.
func (e *ConfError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ConfError) Unwrap() error { return e.Err }

// Place returns file, line, column and JSON pointer, as far as they are known:
// "10-net.conflist:7:15 (/plugins/1/type)".
func (e *ConfError) Place() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		if b.Len() > 0 {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, "%d:%d", e.Line, e.Column)
	}
	if e.Pointer != "" {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "(%s)", e.Pointer)
	}
	return b.String()
}

// Format writes the cause for %v and %s, and with %+v the network and the place
// as well, on lines of their own.
func (e *ConfError) Format(s fmt.State, verb rune) {
	formatFields(s, verb, e, [2]string{"network", e.Network}, [2]string{"at", e.Place()})
}

// LogValue gives the fields to log/slog.
func (e *ConfError) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("error", e.Error()), slog.String("network", e.Network),
		slog.String("file", e.File), slog.Int("line", e.Line), slog.Int("column", e.Column),
		slog.String("pointer", e.Pointer))
}

// placed is a ConfError with the place before its text.
type placed struct{ bad *ConfError }

func (e *placed) Error() string { return e.bad.Place() + ": " + e.bad.Error() }

func (e *placed) Unwrap() error { return e.bad }

// Format writes with %+v the network as well. The place has been said.
func (e *placed) Format(s fmt.State, verb rune) {
	formatFields(s, verb, e, [2]string{"network", e.bad.Network})
}

func (e *placed) LogValue() slog.Value { return logDescribed(e, e.bad) }

// fault returns an error about the place with that pointer and offset.
func fault(pointer string, offset int, err error) *ConfError {
	return &ConfError{Pointer: pointer, offset: offset, Err: err}
}

// within makes a pointer from a value into one from the value around it.
func (e *ConfError) within(pointer string) *ConfError {
	e.Pointer = pointer + e.Pointer
	return e
}

// located fills in what only the one who holds the whole source knows.
func (e *ConfError) located(network string, src []byte) *ConfError {
	e.Network = network
	var syntax *json.SyntaxError
	if errors.As(e.Err, &syntax) && e.Pointer == "" {
		e.offset = max(int(syntax.Offset)-1, 0)
		if syntax.Offset >= int64(len(src)) && strings.HasPrefix(syntax.Error(), "unexpected end") {
			e.offset = len(src)
		}
	}
	if e.offset >= 0 {
		e.Line, e.Column = rawjson.Position(src, e.offset)
	}
	return e
}

// inFile adds the file's name to an error about its content, and makes any
// other error about the file a ConfError.
func inFile(filename string, err error) error {
	var conf *ConfError
	if !errors.As(err, &conf) {
		return &ConfError{File: filename, Err: err}
	}
	if conf.File == "" {
		conf.File = filename
	}
	return err
}

// pointerTo is the JSON pointer to a member.
func pointerTo(key string) string {
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}
