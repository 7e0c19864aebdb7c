package libcni

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/internal/joined"
	"github.com/cnikit/cnikit/invoke"
)

// A plugin for which a call has no time left is not said to have hung: the error names
// the one that took the time. The text stays upstream's.
func TestNoTimeLeft(t *testing.T) {
	const upstreams = "netplugin failed with no error message: context deadline exceeded"
	del := func(ctx context.Context, f *fixture) error { return f.DelContainer(ctx, "c1") }
	for _, c := range []struct {
		name     string
		networks []string
		onward   bool
		slow     map[string]time.Duration
		call     func(ctx context.Context, f *fixture) error
		plugin   string // of the error that is looked at
		cause    string
	}{
		{"the next attachment", []string{`{"type":"late"}`, `{"type":"hangs"}`}, false, map[string]time.Duration{"hangs": 3 * time.Second}, del,
			"late", `no time was left for it after plugin "hangs", which took 3s: context deadline exceeded`},
		{"the one that took longest", []string{`{"type":"late"}`, `{"type":"b"},{"type":"slow"},{"type":"a"}`}, false,
			map[string]time.Duration{"a": 50 * time.Millisecond, "slow": 1900 * time.Millisecond, "b": 100 * time.Millisecond}, del,
			"late", `no time was left for it after plugin "slow", which took 1.9s: context deadline exceeded`},
		{"the next plugin", []string{`{"type":"late"},{"type":"hangs"}`}, true, map[string]time.Duration{"hangs": 3 * time.Second}, func(ctx context.Context, f *fixture) error {
			return f.DelNetworkList(ctx, mustList(t, `{"name":"n0","cniVersion":"1.0.0","plugins":[{"type":"late"},{"type":"hangs"}]}`), f.rt)
		},
			"late", `no time was left for it after plugin "hangs", which took 3s: context deadline exceeded`},
		{"CHECK", []string{`{"type":"slow"},{"type":"late"}`}, false, map[string]time.Duration{"slow": 3 * time.Second}, func(ctx context.Context, f *fixture) error {
			return f.CheckNetworkList(ctx, mustList(t, `{"name":"n0","cniVersion":"1.0.0","plugins":[{"type":"slow"},{"type":"late"}]}`), f.rt)
		}, "late", `no time was left for it after plugin "slow", which took 3s: context deadline exceeded`},
		{"over before", []string{`{"type":"late"}`}, false, nil, func(ctx context.Context, f *fixture) error {
			time.Sleep(3 * time.Second)
			return del(ctx, f)
		}, "late", "no time was left for it: context deadline exceeded"},
		{"the one that hangs", []string{`{"type":"late"}`, `{"type":"hangs"}`}, false, map[string]time.Duration{"hangs": 3 * time.Second}, del,
			"hangs", "context deadline exceeded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, Options{ContinueOnDelError: c.onward})
				for i, plugins := range c.networks {
					rt := *f.rt
					rt.IfName = fmt.Sprintf("eth%d", i)
					_, err := f.AddNetworkList(t.Context(), mustList(t, fmt.Sprintf(`{"name":"n%d","cniVersion":"1.0.0","plugins":[%s]}`, i, plugins)), &rt)
					require.NoError(t, err)
					time.Sleep(time.Second)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				slow := func(r run) ([]byte, error) {
					time.Sleep(c.slow[r.plugin])
					if ctx.Err() == nil || r.plugin == "slow" {
						return nil, nil
					}
					return (&invoke.RawExec{}).ExecPlugin(ctx, "/no/such/plugin", nil, nil) // what a process's end by the context looks like
				}
				f.fake.replies = map[string]any{"DEL": slow, "CHECK": slow}

				var failed *invoke.PluginError
				for _, err := range joined.List(c.call(ctx, f)) {
					if p := (*invoke.PluginError)(nil); errors.As(err, &p) && p.Plugin == c.plugin {
						failed = p
						assert.NotContains(t, err.Error(), "no time")
						assert.Contains(t, fmt.Sprintf("%+v", err), "\n    to do:     give it more time")
					}
				}
				require.NotNil(t, failed)
				assert.EqualError(t, failed, upstreams)
				assert.ErrorIs(t, failed, context.DeadlineExceeded)
				assert.EqualError(t, failed.Cause, c.cause)
				assert.Contains(t, fmt.Sprintf("%+v", failed), "\n    cause:     "+c.cause+"\n")
			})
		})
	}
}

// Nor is one that was to run after the caller had given up.
func TestCancelledBeforeAPlugin(t *testing.T) {
	f := newFixture(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.fake.replies["DEL"] = ctx.Err()
	err := pluginError(t, f.DelNetworkList(ctx, list3(t, v1), f.rt))
	assert.EqualError(t, err, "context canceled")
	assert.ErrorIs(t, err, context.Canceled)
	assert.EqualError(t, err.Cause, "the call had been cancelled: context canceled")
	assert.NotContains(t, fmt.Sprintf("%+v", err), "more time")
}
