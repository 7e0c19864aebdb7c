package podnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"syscall"

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

// then is what to do when a DEL from a record or an intent has failed, beside what its
// cause says.
func (e *Error) then() string {
	again := map[string]string{
		"detach": "call Detach again", "gc": "call GC again", "recover": "call Recover again",
	}[e.Op]
	var absent *absentError
	if e.Path == "" || again == "" || errors.As(e.Err, &absent) {
		return ""
	}
	return again + " when the cause is mended, or give up with Forget"
}

// Format writes the text for %v and %s, and with %+v all that the causes have to
// say, one after the other.
func (e *Error) Format(s fmt.State, verb rune) {
	switch {
	case verb == 'q':
		_, _ = fmt.Fprintf(s, "%q", e.Error())
	case verb == 'v' && s.Flag('+'):
		_, _ = fmt.Fprintf(s, "%s: %+v", e.subject(), join(e.Err))
		if then := e.then(); then != "" {
			_, _ = fmt.Fprintf(s, "\n    %-10s %s", "then:", then)
		}
	default:
		_, _ = io.WriteString(s, e.Error())
	}
}

// CacheDirError says that nothing can be written down in the cache directory, without
// which nothing is attached; or that this process has too many files open to lock
// anything there, without which nothing is detached either.
type CacheDirError struct {
	Dir string // Options.CacheDir
	Err error

	// unused says that no plugin has run.
	unused bool
}

// Error returns the directory, the option that names it, and the cause.
func (e *CacheDirError) Error() string {
	return "cache directory " + e.Dir + " cannot be used (Options.CacheDir): " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *CacheDirError) Unwrap() error { return e.Err }

// Format writes the text for %v and %s, and with %+v what to do as well.
func (e *CacheDirError) Format(s fmt.State, verb rune) {
	switch {
	case verb == 'q':
		_, _ = fmt.Fprintf(s, "%q", e.Error())
	case verb == 'v' && s.Flag('+'):
		_, _ = fmt.Fprintf(s, "%s\n    %-10s %s", e.Error(), "to do:", e.toDo())
	default:
		_, _ = io.WriteString(s, e.Error())
	}
}

// LogValue gives the fields to log/slog.
func (e *CacheDirError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("error", e.Error()), slog.String("dir", e.Dir), slog.String("toDo", e.toDo()))
}

// beforePlugins is an error that says that no plugin has run.
func beforePlugins(err error) error {
	if e, ok := err.(*CacheDirError); ok {
		e.unused = true
	}
	return err
}

func (e *CacheDirError) toDo() string {
	toDo := "make it writable for this process, with space on its disk, or choose another one"
	switch {
	case shortage(e.Err):
		toDo = "let this process open more files, or try again when there is more memory"
	case errors.Is(e.Err, syscall.ENOTDIR):
		toDo = "something in this path is a file and no directory: move it away, or choose another one"
	}
	if e.unused {
		toDo += "; no plugin ran, nothing is to be cleaned up"
	}
	return toDo
}

// saying is an error in other words.
type saying struct {
	text string
	err  error
}

func (e *saying) Error() string { return e.text }
func (e *saying) Unwrap() error { return e.err }

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

// ended returns why a context ended: its error, and its cause where that says more.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// join is errors.Join that loses nothing of what the errors have to say; one stays
// as it is.
func join(errs ...error) error { return joined.Errors(errs...) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// LogValue gives the fields to log/slog: those that are known, the cause's text, and
// the fields of a cause that is one error and has more to say.
func (e *Error) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, f := range [...][2]string{
		{"op", e.Op}, {"containerID", e.ContainerID}, {"network", e.Network}, {"ifname", e.IfName}, {"path", e.Path}, {"error", e.Err.Error()},
	} {
		if f[1] != "" {
			attrs = append(attrs, slog.String(f[0], f[1]))
		}
	}
	if then := e.then(); then != "" {
		attrs = append(attrs, slog.String("then", then))
	}
	cause, ok := join(e.Err).(slog.LogValuer)
	if !ok || cause.LogValue().Kind() != slog.KindGroup {
		return slog.GroupValue(attrs...)
	}
	for _, a := range cause.LogValue().Group() {
		a.Value = a.Value.Resolve()
		known := slices.ContainsFunc(attrs, func(have slog.Attr) bool { return have.Key == a.Key })
		known = known || a.Value.String() == e.Err.Error()
		if !known && a.Value.Kind() != slog.KindGroup && a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	return slog.GroupValue(attrs...)
}
