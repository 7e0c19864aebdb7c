package invoke_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// execFunc is an Exec that runs a function.
type execFunc func(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error)

func (f execFunc) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	return f(ctx, path, stdin, environ)
}

func (execFunc) FindInPath(plugin string, paths []string) (string, error) {
	return paths[0] + "/" + plugin, nil
}

func (execFunc) Decode(b []byte) (version.PluginInfo, error) {
	return new(version.PluginDecoder).Decode(b)
}

// replies is an Exec that always says the same.
func replies(stdout string, err error) execFunc {
	return func(context.Context, string, []byte, []string) ([]byte, error) { return []byte(stdout), err }
}

// journal is an Observer that writes down what it is told.
func journal(name string, lines *[]string) *invoke.Observer {
	note := func(format string, args ...any) { *lines = append(*lines, name+": "+fmt.Sprintf(format, args...)) }
	return &invoke.Observer{
		Start: func(ctx context.Context, c *invoke.Call) context.Context {
			note("start %s %s %s %s %s", c.Command, c.Plugin, c.Network, c.ContainerID, c.IfName)
			return ctx
		},
		StderrLine: func(_ context.Context, c *invoke.Call, line string) { note("stderr of %s: %s", c.Plugin, line) },
		End: func(_ context.Context, c *invoke.Call, o *invoke.Outcome) {
			note("end %s in=%d out=%d exit=%d err=%v", c.Plugin, len(c.Stdin), len(o.Stdout), o.ExitCode, o.Err)
		},
	}
}

func bridgeCall(o *invoke.Observer) *invoke.Call {
	return &invoke.Call{
		Plugin: "bridge", Path: "/bin/bridge", Command: "ADD", Network: "net", ContainerID: "c1", IfName: "eth0",
		Stdin: []byte(`{"name":"net"}`), Environ: []string{"A=1"}, Observer: o,
	}
}

func TestObserverSeesStartAndEnd(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		exec invoke.Exec
		end  string
	}{
		"success":        {replies(`{"cniVersion":"1.0.0"}`, nil), "o: end bridge in=14 out=22 exit=0 err=<nil>"},
		"error object":   {replies(``, types.NewError(11, "later", "")), "o: end bridge in=14 out=0 exit=-1 err=later"},
		"error at 0":     {replies(`{"code":7,"msg":"bad"}`, nil), "o: end bridge in=14 out=0 exit=0 err=bad"},
		"invalid result": {replies(`[]`, nil), `o: end bridge in=14 out=0 exit=0 err=plugin "bridge" returned an invalid result: `},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lines []string
			_, err := bridgeCall(journal("o", &lines)).Result(t.Context(), tc.exec, "1.0.0")
			require.Len(t, lines, 2)
			assert.Equal(t, "o: start ADD bridge net c1 eth0", lines[0])
			assert.Contains(t, lines[1], tc.end)
			assert.Equal(t, err == nil, name == "success")
		})
	}
}

func TestObserverEndGetsTheCallersError(t *testing.T) {
	t.Parallel()
	var seen *invoke.Outcome
	o := &invoke.Observer{End: func(_ context.Context, _ *invoke.Call, outcome *invoke.Outcome) { seen = outcome }}
	_, err := bridgeCall(o).Run(t.Context(), replies("", errors.New("boom")))
	var failure *invoke.PluginError
	require.ErrorAs(t, err, &failure)
	assert.Same(t, failure, seen.Err)
	assert.Equal(t, failure.Elapsed, seen.Elapsed)
}

// A call of the functions with upstream's signatures names nothing: verb, network
// and container are found out for the observer.
func TestObserverInContext(t *testing.T) {
	t.Parallel()
	var lines []string
	ctx := invoke.WithObserver(t.Context(), journal("o", &lines))
	args := &invoke.Args{Command: "DEL", ContainerID: "c2", IfName: "eth1"}
	require.NoError(t, invoke.ExecPluginWithoutResult(ctx, "/bin/ptp", []byte(`{"name":"n2"}`), args, replies("", nil)))
	assert.Equal(t, []string{
		"o: start DEL ptp n2 c2 eth1",
		"o: end ptp in=13 out=0 exit=0 err=<nil>",
	}, lines)
}

func TestObserverOfCallAndContext(t *testing.T) {
	t.Parallel()
	var lines []string
	a, b := journal("a", &lines), journal("b", &lines)
	ctx := invoke.WithObserver(invoke.WithObserver(t.Context(), a), a)

	_, err := bridgeCall(a).Run(ctx, replies("", nil))
	require.NoError(t, err)
	assert.Len(t, lines, 2, "one observer given twice is told once")

	lines = nil
	_, err = bridgeCall(b).Run(ctx, replies("", nil))
	require.NoError(t, err)
	assert.Equal(t, []string{
		"a: start ADD bridge net c1 eth0", "b: start ADD bridge net c1 eth0",
		"b: end bridge in=14 out=0 exit=0 err=<nil>", "a: end bridge in=14 out=0 exit=0 err=<nil>",
	}, lines)
}

func TestObserverContextReachesExecAndEnd(t *testing.T) {
	t.Parallel()
	type key struct{}
	o := &invoke.Observer{
		Start: func(ctx context.Context, _ *invoke.Call) context.Context {
			return context.WithValue(ctx, key{}, "span")
		},
		TraceContext: func(ctx context.Context, _ *invoke.Call) invoke.TraceContext {
			assert.Equal(t, "span", ctx.Value(key{}))
			return invoke.TraceContext{}
		},
		End: func(ctx context.Context, _ *invoke.Call, _ *invoke.Outcome) {
			assert.Equal(t, "span", ctx.Value(key{}))
		},
	}
	nilStart := &invoke.Observer{Start: func(context.Context, *invoke.Call) context.Context { return nil }}
	_, err := bridgeCall(invoke.JoinObservers(nil, nilStart, o)).Run(t.Context(),
		execFunc(func(ctx context.Context, _ string, _ []byte, _ []string) ([]byte, error) {
			assert.Equal(t, "span", ctx.Value(key{}))
			return nil, nil
		}))
	require.NoError(t, err)
}

func TestJoinObservers(t *testing.T) {
	t.Parallel()
	o := &invoke.Observer{}
	assert.Nil(t, invoke.JoinObservers())
	assert.Nil(t, invoke.JoinObservers(nil, nil))
	assert.Same(t, o, invoke.JoinObservers(nil, o, nil))

	trace := func(parent string) *invoke.Observer {
		return &invoke.Observer{TraceContext: func(context.Context, *invoke.Call) invoke.TraceContext {
			return invoke.TraceContext{TraceParent: parent}
		}}
	}
	joined := invoke.JoinObservers(o, trace(""), trace("first"), trace("second"))
	assert.Equal(t, "first", joined.TraceContext(t.Context(), &invoke.Call{}).TraceParent)
}

func TestObserverEmptyIsHarmless(t *testing.T) {
	t.Parallel()
	for _, o := range []*invoke.Observer{nil, {}, invoke.JoinObservers(&invoke.Observer{}, &invoke.Observer{})} {
		reply, err := bridgeCall(o).Run(t.Context(), replies("{}", nil))
		require.NoError(t, err)
		assert.Equal(t, "{}", string(reply))
	}
}

// BenchmarkObserver shows what watching costs a run that costs nothing itself.
func BenchmarkObserver(b *testing.B) {
	exec := replies("{}", nil)
	nop := &invoke.Observer{
		Start: func(ctx context.Context, _ *invoke.Call) context.Context { return ctx },
		End:   func(context.Context, *invoke.Call, *invoke.Outcome) {},
	}
	for name, o := range map[string]*invoke.Observer{"nil": nil, "empty": {}, "start and end": nop} {
		b.Run(name, func(b *testing.B) {
			call := bridgeCall(o)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = call.Run(b.Context(), exec)
			}
		})
	}
}
