package invoke

import (
	"context"
	"errors"
	"time"
)

// Observer is told about every run of a plugin. Its fields are optional: a nil
// function is not called, a nil Observer costs nothing.
//
// For one run they are called one after the other, and the run waits for them; by the
// goroutine that runs the plugin, but for StderrLine, which another one may call. When
// plugins run at the same time, several are called at once. They must not
// change the call they are given nor its slices, which hold what may be secret:
// Stdin the plugin's configuration, Environ the variable CNI_ARGS.
//
// An Observer reaches a run through [Call.Observer] or, for functions that take no
// Observer, through [WithObserver]. Runs that an in-process plugin makes with the
// context it was given are observed like its own.
type Observer struct {
	// Start is called before the plugin is run. The context that it returns is the
	// one in which the plugin runs and the later functions are called: the place to
	// keep a span. It must be ctx or derived from it; nil stands for ctx.
	Start func(ctx context.Context, call *Call) context.Context

	// TraceContext is called after Start and returns what the plugin is to be told
	// about the trace that it is part of. The zero value tells it nothing.
	TraceContext func(ctx context.Context, call *Call) TraceContext

	// StderrLine is called with each line that the plugin writes to standard
	// error, while it runs, without the newline. Lines of more than 64 KiB come in
	// pieces. Only Execs that run processes and were made for it have lines to
	// report: [RawExec] and what is built on it.
	StderrLine func(ctx context.Context, call *Call, line string)

	// End is called after the plugin has run, also when it could not be started.
	End func(ctx context.Context, call *Call, outcome *Outcome)
}

// Outcome is how one run of a plugin ended.
type Outcome struct {
	Stdout   []byte        // what the plugin wrote, nil when it failed
	Elapsed  time.Duration // of the whole run, waiting in [Limit] included
	ExitCode int           // exit status; -1 when no process exited by itself
	Err      error         // nil or a [*PluginError], as the caller gets it
}

type observerKey struct{}

// WithObserver returns a context whose plugin runs o observes as well. It reaches
// those runs that no [Call] can be given to: of the Delegate functions, of
// [GetVersionInfo], of a program between the caller and this package.
func WithObserver(ctx context.Context, o *Observer) context.Context {
	if joined := observerOf(ctx, o); joined != nil {
		return context.WithValue(ctx, observerKey{}, joined)
	}
	return ctx
}

// observerOf returns who observes a call made in ctx with the observer o.
func observerOf(ctx context.Context, o *Observer) *Observer {
	outer, _ := ctx.Value(observerKey{}).(*Observer)
	if outer == o {
		return o
	}
	return JoinObservers(outer, o)
}

// JoinObservers returns an Observer that calls each of the given ones, in their
// order, and for End in the reverse order. Of several trace contexts the first
// that is not zero is taken. nil ones are left out; when none is left the result
// is nil.
func JoinObservers(observers ...*Observer) *Observer {
	var joined *Observer
	for _, o := range observers {
		switch {
		case o == nil:
		case joined == nil:
			joined = o
		default:
			joined = join(joined, o)
		}
	}
	return joined
}

func join(a, b *Observer) *Observer {
	return &Observer{
		Start: func(ctx context.Context, call *Call) context.Context {
			return b.start(a.start(ctx, call), call)
		},
		TraceContext: func(ctx context.Context, call *Call) TraceContext {
			if trace := a.trace(ctx, call); trace != (TraceContext{}) {
				return trace
			}
			return b.trace(ctx, call)
		},
		StderrLine: func(ctx context.Context, call *Call, line string) {
			a.stderrLine(ctx, call, line)
			b.stderrLine(ctx, call, line)
		},
		End: func(ctx context.Context, call *Call, outcome *Outcome) {
			b.end(ctx, call, outcome)
			a.end(ctx, call, outcome)
		},
	}
}

// observe runs the call's plugin by means of run and tells o about it. The call
// that run and o see is a copy in which the fields that the caller left out are
// filled in and the environment has the trace.
func (c *Call) observe(ctx context.Context, o *Observer, run func(context.Context, *Call) ([]byte, error)) ([]byte, error) {
	call := *c
	call.identify()
	ctx = o.start(context.WithValue(ctx, observerKey{}, o), &call)
	call.Environ = o.trace(ctx, &call).environ(call.Environ)
	inner := ctx
	if o.StderrLine != nil {
		inner = withStderrSink(ctx, func(line string) { o.StderrLine(ctx, &call, line) })
	}
	start := time.Now()
	reply, err := run(inner, &call)
	outcome := &Outcome{Stdout: reply, Elapsed: time.Since(start), Err: err}
	if failure := (*PluginError)(nil); errors.As(err, &failure) {
		outcome.ExitCode, outcome.Elapsed = failure.ExitCode, failure.Elapsed
	}
	o.end(ctx, &call, outcome)
	return reply, err
}

// identify fills in the names that the caller did not give, as an error about the
// call would have them.
func (c *Call) identify() {
	var e PluginError
	e.name(c)
	c.Plugin, c.Command, c.Network, c.ContainerID, c.IfName = e.Plugin, e.Command, e.Network, e.ContainerID, e.IfName
}

func (o *Observer) start(ctx context.Context, call *Call) context.Context {
	if o.Start == nil {
		return ctx
	}
	if inner := o.Start(ctx, call); inner != nil {
		return inner
	}
	return ctx
}

func (o *Observer) trace(ctx context.Context, call *Call) TraceContext {
	if o.TraceContext == nil {
		return TraceContext{}
	}
	return o.TraceContext(ctx, call)
}

func (o *Observer) stderrLine(ctx context.Context, call *Call, line string) {
	if o.StderrLine != nil {
		o.StderrLine(ctx, call, line)
	}
}

func (o *Observer) end(ctx context.Context, call *Call, outcome *Outcome) {
	if o.End != nil {
		o.End(ctx, call, outcome)
	}
}
