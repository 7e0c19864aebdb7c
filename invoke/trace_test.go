package invoke_test

import (
	"context"
	"strings"
	"testing"

	"github.com/cnikit/cnikit/invoke"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func traceObserver(trace invoke.TraceContext) *invoke.Observer {
	return &invoke.Observer{
		TraceContext: func(context.Context, *invoke.Call) invoke.TraceContext { return trace },
	}
}

func TestTraceContextEnvironment(t *testing.T) {
	t.Parallel()
	base := []string{"A=1", "BAGGAGE=inherited", "TRACEPARENT=inherited", "TRACESTATE=inherited", "Z=1"}
	long := strings.Repeat("x", 8193)
	for name, tc := range map[string]struct {
		trace invoke.TraceContext
		want  []string
		fault string
	}{
		"nothing":          {invoke.TraceContext{}, base, ""},
		"all":              {invoke.TraceContext{parent, "a=b", "k=v"}, []string{"A=1", "BAGGAGE=k=v", "TRACEPARENT=" + parent, "TRACESTATE=a=b", "Z=1"}, ""},
		"parent alone":     {invoke.TraceContext{TraceParent: parent}, []string{"A=1", "BAGGAGE=inherited", "TRACEPARENT=" + parent, "Z=1"}, ""},
		"baggage alone":    {invoke.TraceContext{Baggage: "k=v"}, []string{"A=1", "BAGGAGE=k=v", "TRACEPARENT=inherited", "TRACESTATE=inherited", "Z=1"}, ""},
		"state alone":      {invoke.TraceContext{TraceState: "a=b"}, base, "without TRACEPARENT"},
		"later version":    {invoke.TraceContext{TraceParent: "cc" + parent[2:] + "-more"}, []string{"A=1", "BAGGAGE=inherited", "TRACEPARENT=cc" + parent[2:] + "-more", "Z=1"}, ""},
		"parent upper":     {invoke.TraceContext{parent[:3] + strings.ToUpper(parent[3:]), "a=b", ""}, base, "TRACEPARENT: "},
		"parent zero":      {invoke.TraceContext{TraceParent: "00-" + strings.Repeat("0", 32) + parent[35:]}, base, "TRACEPARENT: "},
		"span zero":        {invoke.TraceContext{TraceParent: parent[:36] + strings.Repeat("0", 16) + "-01"}, base, "TRACEPARENT: "},
		"version ff":       {invoke.TraceContext{TraceParent: "ff" + parent[2:]}, base, "TRACEPARENT: "},
		"00 with more":     {invoke.TraceContext{TraceParent: parent + "-more"}, base, "TRACEPARENT: "},
		"parent short":     {invoke.TraceContext{TraceParent: "00-12-34-01"}, base, "TRACEPARENT: "},
		"dashes elsewhere": {invoke.TraceContext{TraceParent: strings.Replace(parent, "af76519", "af-6519", 1)}, base, "TRACEPARENT: "},
		"state newline":    {invoke.TraceContext{parent, "a=b\nPATH=x", ""}, []string{"A=1", "BAGGAGE=inherited", "TRACEPARENT=" + parent, "Z=1"}, "TRACESTATE: "},
		"baggage NUL":      {invoke.TraceContext{Baggage: "k=\x00"}, base, "BAGGAGE: "},
		"baggage long":     {invoke.TraceContext{Baggage: long}, base, "BAGGAGE: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := bridgeCall(traceObserver(tc.trace))
			call.Environ = append([]string(nil), base...)
			var got []string
			_, err := call.Run(t.Context(), execFunc(func(_ context.Context, _ string, _ []byte, env []string) ([]byte, error) {
				got = env
				return nil, nil
			}))
			require.NoError(t, err)
			assert.Equal(t, tc.want, got)
			assert.Equal(t, base, call.Environ, "the environment is shared and must stay as it is")
			if err := tc.trace.Validate(); tc.fault == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, tc.fault)
			}
		})
	}
}

// Whatever is given as a trace, the other variables stay as they are, and nothing
// but printable ASCII is added.
func FuzzTraceContextEnvironment(f *testing.F) {
	f.Add(parent, "a=b", "k=v")
	f.Add("cc"+parent[2:]+"-x", "", "\n")
	f.Add("00-12-34-01", "s", "")
	f.Fuzz(func(t *testing.T, parent, state, baggage string) {
		call := bridgeCall(traceObserver(invoke.TraceContext{TraceParent: parent, TraceState: state, Baggage: baggage}))
		_, err := call.Run(t.Context(), execFunc(func(_ context.Context, _ string, _ []byte, env []string) ([]byte, error) {
			require.Equal(t, "A=1", env[0])
			for _, kv := range env[1:] {
				name, value, _ := strings.Cut(kv, "=")
				require.Contains(t, []string{"TRACEPARENT", "TRACESTATE", "BAGGAGE"}, name)
				for _, r := range value {
					require.True(t, r >= ' ' && r <= '~', kv)
				}
			}
			return nil, nil
		}))
		require.NoError(t, err)
	})
}
