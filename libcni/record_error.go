package libcni

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
)

// RecordError says what is wrong with the record of an attachment, or with the
// directory it is in. errors.Is finds the cause: fs.ErrPermission,
// [ErrForeignRecord], ...
type RecordError struct {
	// Path is the file or directory.
	Path string
	// Err is the cause.
	Err error

	// terse leaves the path out of the text, where upstream's suite compares it.
	terse bool
	// unused says that ADD found out before any plugin ran.
	unused bool
	// passed says that DEL goes on without the record.
	passed bool
}

// ErrForeignRecord is in the error about a record that says it is of another
// attachment than its file's name does.
var ErrForeignRecord = errors.New("record is of another attachment")

// errBareResult says that a file holds only a result, in the form of the first
// versions of libcni: good for CHECK and DEL, but it names no attachment.
var errBareResult = errors.New("record is a bare result and names no attachment")

// Error returns the path and the cause. From CHECK, and from the methods that
// return what is cached, it is the cause alone, in upstream's words.
func (e *RecordError) Error() string {
	if e.terse {
		return e.Err.Error()
	}
	return "record " + e.Path + ": " + e.Err.Error()
}

// terse returns an error about a record with upstream's text.
func terse(err error) error {
	if r, ok := err.(*RecordError); ok {
		short := *r
		short.terse = true
		return &short
	}
	return err
}

func (e *RecordError) path() string {
	if e == nil {
		return ""
	}
	return e.Path
}

// passedOver is an error about a record that DEL does without.
func passedOver(err error) error {
	if r, ok := err.(*RecordError); ok {
		passed := *r
		passed.passed = true
		return &passed
	}
	return err
}

// Unwrap returns the cause.
func (e *RecordError) Unwrap() error { return e.Err }

// Format writes the text for %v and %s, and with %+v the path on a line of its own
// and, where it is known, what to do.
func (e *RecordError) Format(s fmt.State, verb rune) {
	formatFields(s, verb, e, [2]string{"record", e.Path}, [2]string{"to do", e.toDo()})
}

func (e *RecordError) toDo() string {
	file := e.fileAsDirectory()
	switch {
	case e.passed && e.damaged():
		return "nothing: DEL goes on without the record, and removes it when the plugins have succeeded"
	case file != "":
		toDo := file + " is a file and no directory: move it away, or choose another cache directory"
		if e.unused {
			toDo += nothingRan
		}
		return toDo
	case e.unused:
		return "make the cache directory usable (one that can be written to, with space on its disk) or choose another one" + nothingRan
	case errors.Is(e.Err, ErrAddRunning):
		return "wait for it, or end it (fuser -v says which process has the file open), and run DEL or GC again"
	case e.damaged() || errors.Is(e.Err, errBareResult):
		return "run DEL with the network's configuration, which removes it: " + delCommand(e.Path, key{}, "") + " (the file's name has network, container, interface)"
	case errors.Is(e.Err, ErrForeignRecord):
		return "give it the name of its own attachment, or remove it if that has a record"
	case errors.Is(e.Err, fs.ErrPermission):
		return "run as the directory's owner, as a rule root, or choose another cache directory"
	}
	return ""
}

const nothingRan = "; no plugin ran, nothing is to be cleaned up"

// fileAsDirectory returns the part of the path that should be a directory and is none,
// if that is what was wrong.
func (e *RecordError) fileAsDirectory() string {
	if !errors.Is(e.Err, syscall.ENOTDIR) {
		return ""
	}
	for path := e.Path; ; path = filepath.Dir(path) {
		switch info, err := os.Stat(path); {
		case err == nil && !info.IsDir():
			return path
		case err == nil || path == filepath.Dir(path):
			return ""
		}
	}
}

// LogValue gives the fields to log/slog.
func (e *RecordError) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("error", e.Error()), slog.String("record", e.Path)}
	if todo := e.toDo(); todo != "" {
		attrs = append(attrs, slog.String("toDo", todo))
	}
	return slog.GroupValue(attrs...)
}

// damaged reports whether the file could be read, but is no record.
func (e *RecordError) damaged() bool {
	var torn *tornError
	var kind *kindError
	return errors.As(e.Err, &torn) || errors.As(e.Err, &kind)
}
