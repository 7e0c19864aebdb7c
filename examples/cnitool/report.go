package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
)

// report writes the error that a command ended with: each of several, and all
// that is known of it.
func (t *tool) report(err error) { t.say(slog.LevelError, "Error", err) }

// warn writes an error that a command did not end with.
func (t *tool) warn(err error) { t.say(slog.LevelWarn, "Warning", err) }

func (t *tool) say(level slog.Level, word string, err error) {
	for _, e := range each(err) {
		if t.json {
			t.logger().Log(context.Background(), level, e.Error(), "error", fields(e))
		} else {
			text := fmt.Sprintf("%+v", e)
			if of, record := e.(*libcni.RecordError); record && t.verb != "add" {
				if _, bad := isDamaged(of); bad || t.forget {
					text = of.Error() // the hints know more than it does
				}
			}
			fmt.Fprintf(t.stderr, "%s: %s\n", word, text)
		}
	}
}

// tell writes what to do.
func (t *tool) tell(hint string) {
	if t.json {
		t.logger().Info("to do", "hint", strings.TrimPrefix(hint, "To do: "))
		return
	}
	fmt.Fprintln(t.stderr, hint)
}

// each returns the errors that are joined in err.
func each(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, each(e)...)
	}
	return all
}

// fields is an error for a log: that of the library which says most.
func fields(err error) any {
	var with interface {
		error
		slog.LogValuer
	}
	if errors.As(err, &with) {
		return with
	}
	var plugin *invoke.PluginError
	if errors.As(err, &plugin) {
		return plugin
	}
	return err.Error()
}

// logger writes JSON, one object a line, with durations as text: "5.2ms".
func (t *tool) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(t.stderr, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindDuration {
			a.Value = slog.StringValue(a.Value.Duration().String())
		}
		return a
	}}))
}

// observer tells of every run of a plugin; nil if nobody wants to know.
func (t *tool) observer() *invoke.Observer {
	switch {
	case !t.verbose && t.json && !t.quiet:
		return &invoke.Observer{StderrLine: invoke.LogObserver(t.logger()).StderrLine}
	case !t.verbose:
		return nil
	case t.json:
		return invoke.LogObserver(t.logger())
	}
	of := func(call *invoke.Call) string { // for a command that is about several attachments
		switch {
		case t.verb != "clean" && t.verb != "gc" || call.Network == "":
			return ""
		case call.IfName == "":
			return call.Network + ": "
		case t.verb == "clean":
			return call.Network + " " + call.IfName + ": "
		}
		return call.Network + " " + call.ContainerID + " " + call.IfName + ": "
	}
	return &invoke.Observer{
		StderrLine: func(_ context.Context, call *invoke.Call, line string) {
			fmt.Fprintf(t.stderr, "%-8s %-12s | %s%s\n", call.Command, call.Plugin, of(call), line)
		},
		End: func(_ context.Context, call *invoke.Call, o *invoke.Outcome) {
			how := "ok"
			if o.Err != nil {
				how = fmt.Sprintf("failed: %v", o.Err)
			}
			fmt.Fprintf(t.stderr, "%-8s %-12s %8s  %s%s\n", call.Command, call.Plugin, o.Elapsed.Round(10*time.Microsecond), of(call), how)
		},
	}
}
