package libcni

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cnikit/cnikit/internal/joined"
	"github.com/cnikit/cnikit/internal/shell"
	"github.com/cnikit/cnikit/invoke"
)

// noted is an error of plugins to which a record has something to add, in %+v and for
// log/slog only: its text, and what Unwrap, Is and As find, are the error's own.
type noted struct {
	err    error
	record string // the file, and what is said of it
	toDo   string
	// also is the word before toDo where the error says itself what to do.
	also string
}

func (e *noted) Error() string { return e.err.Error() }

func (e *noted) Unwrap() error { return errors.Unwrap(e.err) }

func (e *noted) Is(target error) bool { return errors.Is(e.err, target) }

func (e *noted) As(target any) bool { return errors.As(e.err, target) }

func (e *noted) Format(s fmt.State, verb rune) {
	switch {
	case verb == 'q':
		_, _ = fmt.Fprintf(s, "%q", e.Error())
	case verb == 'v' && s.Flag('+'):
		text := fmt.Sprintf("%+v", e.err)
		label := "to do"
		if strings.Contains(text, "\n    to do:") {
			label = e.also
		}
		_, _ = fmt.Fprintf(s, "%s\n    %-10s %s", text, "record:", e.record)
		if e.toDo != "" {
			_, _ = fmt.Fprintf(s, "\n    %-10s %s", label+":", e.toDo)
		}
	default:
		_, _ = io.WriteString(s, e.Error())
	}
}

func (e *noted) LogValue() slog.Value {
	v := logDescribed(e, e.err)
	if v.Kind() != slog.KindGroup {
		v = slog.GroupValue(slog.String("error", e.Error()))
	}
	attrs := append(slices.Clone(v.Group()), slog.String("record", e.record))
	if e.toDo == "" {
		return slog.GroupValue(attrs...)
	}
	label := "toDo"
	if slices.ContainsFunc(attrs, func(a slog.Attr) bool { return a.Key == label }) {
		label = e.also
	}
	return slog.GroupValue(append(attrs, slog.String(label, e.toDo))...)
}

// asRecorded adds to the error of a DEL that ran with what a record says how to run it
// with something else, unless that can be of no help. A file that was mended since then
// changes nothing.
func asRecorded(r *record, err error) error {
	if err == nil {
		return nil
	}
	e := &noted{err: err, record: r.path, also: "or"}
	if slices.ContainsFunc(joined.List(err), mayBeTheRecords) {
		e.toDo = "if the recorded configuration or arguments are wrong (DEL ran with those, not with today's): DelNetworkList with corrected ones; where the network is configured: " + delCommand(r.path, r.key, r.netns)
	}
	return e
}

// mayBeTheRecords reports whether an error of a DEL may come from what the record says:
// not that of a plugin that had no time, or asked for some.
func mayBeTheRecords(err error) bool {
	var failed *invoke.PluginError
	if errors.As(err, &failed) && failed.Retryable() {
		return false
	}
	return !errors.As(err, new(*lateError)) && !errors.Is(err, context.Canceled)
}

// secondAdd adds to the error of an ADD that there was a record of the attachment
// before, good or damaged, and what is to be cleaned up then.
func (in *intent) secondAdd(err error, netns string) error {
	r, readErr := in.store.read(in.key)
	var bad *RecordError
	e := &noted{err: err, also: "and"}
	switch {
	case r != nil:
		e.record = r.path + ": it is attached already, and DEL of that cleans up after this ADD as well"
	case errors.As(readErr, &bad) && bad.damaged():
		e.record = bad.Path + ": it is attached already, and this record is damaged: " + bad.Err.Error()
		e.toDo = "run DEL with the network's configuration, which removes the record and cleans up after this ADD as well: " + delCommand(bad.Path, in.key, netns)
	default:
		return err
	}
	return e
}

// delCommand is what to type for a DEL with today's configuration. path is a file in
// the cache directory.
func delCommand(path string, k key, netns string) string {
	if k == (key{}) {
		k = key{network: "NETWORK", container: "CONTAINER", ifname: "INTERFACE"}
	}
	if netns == "" {
		netns = "NETNS"
	}
	command := "cnitool "
	if dir := filepath.Dir(filepath.Dir(path)); dir != filepath.FromSlash(defaultCacheDir) {
		command += "--cache " + shell.Word(dir) + " "
	}
	return command + "del --container " + k.container + " -i " + k.ifname + " " + k.network + " " + shell.Word(netns)
}
