package libcni

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/cnikit/cnikit/internal/joined"
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

// formatFields writes the text of an error, and for %+v those of the fields that
// say something, each on a line of its own.
func formatFields(s fmt.State, verb rune, e error, fields ...[2]string) {
	if verb == 'q' {
		_, _ = fmt.Fprintf(s, "%q", e.Error())
		return
	}
	_, _ = io.WriteString(s, e.Error())
	if verb != 'v' || !s.Flag('+') {
		return
	}
	for _, f := range fields {
		if f[1] != "" {
			_, _ = fmt.Fprintf(s, "\n    %-10s %s", f[0]+":", f[1])
		}
	}
}

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
	if _, several := inner.(*joined.Error); several {
		attrs = append([]slog.Attr{slog.String("error", e.Error())}, attrs...)
	} else if len(attrs) > 0 {
		attrs[0] = slog.String(attrs[0].Key, e.Error())
	}
	return slog.GroupValue(attrs...)
}

// join is errors.Join that loses nothing of what the errors have to say.
func join(errs ...error) error { return joined.Errors(errs...) }
