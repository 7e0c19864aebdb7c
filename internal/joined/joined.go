// Package joined makes several errors one, as errors.Join does, without losing what
// they have to say beyond their texts.
package joined

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
)

// Error is several errors. Its text is that of errors.Join; %+v and log/slog get all
// that each of them has to say.
type Error struct{ Errs []error }

// Errors returns the errors that are not nil as one: those that were joined before
// one by one, one alone as it is, and nil if there is none.
func Errors(errs ...error) error {
	switch all := list(nil, errs); len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	default:
		return &Error{all}
	}
}

// List returns the errors that an error joins, on all levels; the error itself if
// it joins none.
func List(err error) []error { return list(nil, []error{err}) }

func list(all, errs []error) []error {
	for _, err := range errs {
		if inner, ok := only(err); ok {
			all = list(all, inner)
		} else if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// only returns the errors within one that has nothing to say itself.
func only(err error) ([]error, bool) {
	if e, ok := err.(*Error); ok {
		return e.Errs, true
	}
	several, ok := err.(interface{ Unwrap() []error })
	if _, formats := err.(fmt.Formatter); !ok || formats {
		return nil, false
	}
	within := several.Unwrap()
	return within, errors.Join(within...).Error() == err.Error()
}

// Error returns the errors' texts, each on a line of its own.
func (e *Error) Error() string { return errors.Join(e.Errs...).Error() }

// Unwrap returns the errors.
func (e *Error) Unwrap() []error { return e.Errs }

// Format writes the text for %v and %s, and with %+v each error as its own %+v.
func (e *Error) Format(s fmt.State, verb rune) {
	switch {
	case verb == 'q':
		_, _ = fmt.Fprintf(s, "%q", e.Error())
	case verb == 'v' && s.Flag('+'):
		for i, err := range e.Errs {
			if i > 0 {
				_, _ = io.WriteString(s, "\n")
			}
			_, _ = fmt.Fprintf(s, "%+v", err)
		}
	default:
		_, _ = io.WriteString(s, e.Error())
	}
}

// LogValue numbers the errors from 1.
func (e *Error) LogValue() slog.Value {
	attrs := make([]slog.Attr, len(e.Errs))
	for i, err := range e.Errs {
		attrs[i] = slog.Any(strconv.Itoa(i+1), err)
	}
	return slog.GroupValue(attrs...)
}
