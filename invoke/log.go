package invoke

import (
	"context"
	"log/slog"
)

// LogObserver returns an Observer that writes to l, or to slog's default logger
// when l is nil: a line of level Info for each plugin that has run, of level Error
// when it failed, and one of level Info for each line of a plugin's standard
// error. All name command, plugin, network, containerID and ifname where they are
// known.
//
// Requests, results and CNI_ARGS may hold secrets. They are written at level Debug
// only, in lines of their own. What a plugin says in its errors and to standard
// error is written as it comes.
func LogObserver(l *slog.Logger) *Observer {
	if l == nil {
		l = slog.Default()
	}
	return &Observer{
		Start: func(ctx context.Context, call *Call) context.Context {
			if l.Enabled(ctx, slog.LevelDebug) {
				l.LogAttrs(ctx, slog.LevelDebug, "cni plugin starts", append(call.attrs(),
					slog.String("args", lookupEnv(call.Environ, "CNI_ARGS")),
					slog.String("netns", lookupEnv(call.Environ, "CNI_NETNS")),
					slog.String("stdin", string(call.Stdin)))...)
			}
			return ctx
		},
		StderrLine: func(ctx context.Context, call *Call, line string) {
			l.LogAttrs(ctx, slog.LevelInfo, "cni plugin stderr", append(call.attrs(), slog.String("line", line))...)
		},
		End: func(ctx context.Context, call *Call, outcome *Outcome) {
			level, text := slog.LevelInfo, "cni plugin done"
			if outcome.Err != nil {
				level, text = slog.LevelError, "cni plugin failed"
			}
			if l.Enabled(ctx, level) {
				l.LogAttrs(ctx, level, text, append(call.attrs(), outcome.attrs(call)...)...)
			}
			if outcome.Err == nil && l.Enabled(ctx, slog.LevelDebug) {
				l.LogAttrs(ctx, slog.LevelDebug, "cni plugin result", append(call.attrs(), slog.String("stdout", string(outcome.Stdout)))...)
			}
		},
	}
}

// attrs are the names by which a call is found again in a log.
func (c *Call) attrs() []slog.Attr {
	attrs := make([]slog.Attr, 0, 12)
	for _, a := range []slog.Attr{
		slog.String("command", c.Command),
		slog.String("plugin", c.Plugin),
		slog.String("network", c.Network),
		slog.String("containerID", c.ContainerID),
		slog.String("ifname", c.IfName),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	return attrs
}

func (o *Outcome) attrs(call *Call) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("path", call.Path),
		slog.Duration("elapsed", o.Elapsed),
		slog.Int("exit", o.ExitCode),
		slog.Int("stdinBytes", len(call.Stdin)),
		slog.Int("stdoutBytes", len(o.Stdout)),
	}
	if o.Err != nil {
		attrs = append(attrs, slog.String("error", o.Err.Error()))
	}
	return attrs
}
