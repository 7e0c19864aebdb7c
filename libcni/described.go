package libcni

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
)

// described is an error with words before it, as fmt.Errorf makes one, that keeps
// what the error has to say beyond its text: for %+v and for log/slog.
type described struct {
	words string
	err   error
}

func (e *described) Error() string { return e.words + ": " + e.err.Error() }

func (e *described) Unwrap() error { return e.err }

func (e *described) Format(s fmt.State, verb rune) { formatDescribed(s, verb, e, e.words, e.err) }

func (e *described) LogValue() slog.Value { return logDescribed(e, e.err) }

// formatDescribed writes the text of an error, and for %+v its words before the
// %+v of the one within.
func formatDescribed(s fmt.State, verb rune, e error, words string, within error) {
	switch {
	case verb == 'q':
		_, _ = fmt.Fprintf(s, "%q", e.Error())
	case verb == 'v' && s.Flag('+'):
		_, _ = fmt.Fprintf(s, "%s: %+v", words, within)
	default:
		_, _ = io.WriteString(s, e.Error())
	}
}

// logDescribed is the fields of the error within, under the whole text. The first
// field of this module's errors is their text.
func logDescribed(e error, within error) slog.Value {
	var inner slog.LogValuer
	if !errors.As(within, &inner) || inner.LogValue().Kind() != slog.KindGroup {
		return slog.StringValue(e.Error())
	}
	attrs := slices.Clone(inner.LogValue().Group())
	if _, several := inner.(*joined); several {
		attrs = append([]slog.Attr{slog.String("error", e.Error())}, attrs...)
	} else if len(attrs) > 0 {
		attrs[0] = slog.String(attrs[0].Key, e.Error())
	}
	return slog.GroupValue(attrs...)
}

// joined is what errors.Join returns, but %+v and log/slog get all that each of
// the errors has to say.
type joined struct{ errs []error }

// join returns the errors that are not nil as one, those of other joins one by
// one; nil if there is none.
func join(errs ...error) error {
	all := &joined{}
	for _, err := range errs {
		if inner, ok := err.(*joined); ok {
			all.errs = append(all.errs, inner.errs...)
		} else if err != nil {
			all.errs = append(all.errs, err)
		}
	}
	if all.errs == nil {
		return nil
	}
	return all
}

func (e *joined) Error() string { return errors.Join(e.errs...).Error() }

func (e *joined) Unwrap() []error { return e.errs }

func (e *joined) Format(s fmt.State, verb rune) {
	switch {
	case verb == 'q':
		_, _ = fmt.Fprintf(s, "%q", e.Error())
	case verb == 'v' && s.Flag('+'):
		for i, err := range e.errs {
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
func (e *joined) LogValue() slog.Value {
	attrs := make([]slog.Attr, len(e.errs))
	for i, err := range e.errs {
		attrs[i] = slog.Any(strconv.Itoa(i+1), err)
	}
	return slog.GroupValue(attrs...)
}
