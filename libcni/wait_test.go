package libcni

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dels are the verbs that end an attachment.
var dels = map[string]func(f *fixture, ctx context.Context, list *NetworkConfigList) error{
	"DelNetworkList": func(f *fixture, ctx context.Context, list *NetworkConfigList) error {
		return f.DelNetworkList(ctx, list, f.rt)
	},
	"DelAttachment": func(f *fixture, ctx context.Context, list *NetworkConfigList) error {
		return f.DelAttachment(ctx, AttachmentKey{"net", "c1", "eth0"})
	},
	"DelContainer": func(f *fixture, ctx context.Context, list *NetworkConfigList) error {
		return f.DelContainer(ctx, "c1")
	},
}

// held makes an intent that an ADD holds until it is told to fail.
func (f *fixture) held(t *testing.T, arg string) (fail func()) {
	t.Helper()
	in, err := f.store(nil).begin(&record{key: key{"net", "c1", "eth0"}, netns: "/n", args: [][2]string{{"K", arg}}, config: []byte(oneConfig)})
	require.NoError(t, err)
	fail = sync.OnceFunc(in.abandon)
	t.Cleanup(fail)
	return fail
}

// DEL waits for an ADD of its attachment that is under way in this process, and then
// removes what it has made.
func TestDelWaitsForAdd(t *testing.T) {
	for name, del := range dels {
		t.Run(name, func(t *testing.T) {
			var warned []error
			f := newFixture(t, Options{WaitForAdd: time.Hour, Warn: warnings(&warned)})
			list := list3(t, v1)
			deleted := make(chan error, 1)
			f.fake.replies["two ADD"] = func(run) ([]byte, error) {
				tried := make(chan struct{})
				other := *f // its own faults
				c := *f.CNIConfig
				other.CNIConfig = &c
				tries := 0
				c.fault = func(op, path string) error {
					if op == "lock" && strings.Contains(filepath.Dir(path), "pending") {
						if tries++; tries == 3 {
							close(tried)
						}
					}
					return nil
				}
				go func() { deleted <- del(&other, context.Background(), list) }()
				<-tried
				return []byte(`{}`), nil
			}
			_, err := f.AddNetworkList(t.Context(), list, f.rt)
			require.NoError(t, err)
			require.NoError(t, <-deleted)
			assert.Equal(t, []string{"one ADD", "two ADD", "three ADD", "three DEL", "two DEL", "one DEL"}, f.fake.calls())
			assert.Empty(t, warned)
			assert.Empty(t, f.store(nil).files(t))
		})
	}
}

// A DEL that has waited in vain runs all the same. What it leaves is found later.
func TestDelGivesUpWaiting(t *testing.T) {
	for name, del := range dels {
		for cleaner, clean := range map[string]func(f *fixture, list *NetworkConfigList) error{
			"GC": func(f *fixture, list *NetworkConfigList) error {
				return f.GCNetworkList(context.Background(), list, &GCArgs{})
			},
			"again": func(f *fixture, list *NetworkConfigList) error { return del(f, context.Background(), list) },
		} {
			t.Run(name+", then "+cleaner, func(t *testing.T) {
				var warned []error
				f := newFixture(t, Options{WaitForAdd: time.Millisecond, Warn: warnings(&warned)})
				list := mustList(t, oneConfig)
				f.held(t, "failed")()
				fail := f.held(t, "held")

				err := del(f, t.Context(), list)
				if name == "DelNetworkList" {
					require.NoError(t, err)
					require.Len(t, warned, 1)
					err = warned[0]
				}
				require.ErrorIs(t, err, ErrAddRunning)
				var at *RecordError
				require.ErrorAs(t, err, &at)
				pending, err := f.Pending(AttachmentKey{})
				require.NoError(t, err)
				require.Len(t, pending, 1, "that of the other one is gone")
				assert.Equal(t, pending[0].Path, at.Path)
				assert.True(t, pending[0].Running)
				var args []string
				for _, r := range f.fake.take() {
					args = append(args, r.env["CNI_ARGS"])
				}
				if name == "DelNetworkList" {
					assert.Equal(t, []string{""}, args)
				} else {
					slices.Sort(args)
					assert.Equal(t, []string{"K=failed", "K=held"}, args, "all that is known")
				}

				fail()
				require.NoError(t, clean(f, list))
				assert.Equal(t, []string{"one DEL"}, f.fake.calls())
				assert.Empty(t, f.store(nil).files(t))
			})
		}
	}
}

// Several that wait do not keep each other from what they wait for.
func TestDelsThatWaitTogether(t *testing.T) {
	f := newFixture(t, Options{WaitForAdd: time.Hour})
	list := mustList(t, oneConfig)
	for _, arg := range []string{"x", "y", "z"} {
		f.held(t, arg)()
	}
	fail := f.held(t, "held")
	var all sync.WaitGroup
	for range 2 {
		for _, del := range dels {
			all.Go(func() { assert.NoError(t, del(f, t.Context(), list)) })
		}
	}
	fail()
	all.Wait()
	assert.Empty(t, f.store(nil).files(t))
}

// A DEL that fails leaves what it had locked, unlocked.
func TestDelThatFailsReleasesIntents(t *testing.T) {
	for name, del := range dels {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{WaitForAdd: -1})
			f.held(t, "x")()
			f.fake.replies["DEL"] = errBanana
			require.ErrorIs(t, del(f, t.Context(), mustList(t, oneConfig)), errBanana)
			pending, err := f.Pending(AttachmentKey{})
			require.NoError(t, err)
			require.Len(t, pending, 1)
			assert.False(t, pending[0].Running)
			f.fake.replies = nil
			require.NoError(t, del(f, t.Context(), mustList(t, oneConfig)))
			assert.Empty(t, f.store(nil).files(t), "nobody holds it")
		})
	}
}

// While DEL runs plugins, nobody else cleans up after the same ADD.
func TestDelHoldsIntents(t *testing.T) {
	for name, del := range dels {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{})
			list := mustList(t, oneConfig)
			f.held(t, "x")()
			f.fake.replies["DEL"] = func(run) ([]byte, error) {
				f.fake.take()
				err := f.GCNetworkList(t.Context(), list, &GCArgs{})
				return nil, errors.Join(err, assertNothing(f.fake.calls()))
			}
			require.NoError(t, del(f, t.Context(), list))
			assert.Empty(t, f.store(nil).files(t))
		})
	}
}

func assertNothing(calls []string) error {
	if len(calls) > 0 {
		return errors.New(strings.Join(calls, ", "))
	}
	return nil
}

// The wait leaves the plugins half of the time that there is.
func TestPatience(t *testing.T) {
	within := func(d time.Duration) context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		t.Cleanup(cancel)
		return ctx
	}
	for _, tt := range []struct {
		name     string
		option   time.Duration
		ctx      context.Context
		from, to time.Duration
	}{
		{"default", 0, t.Context(), waitForAdd, waitForAdd},
		{"option", time.Hour, t.Context(), time.Hour, time.Hour},
		{"none", -1, within(time.Hour), -1, -1},
		{"enough time", 0, within(time.Hour), waitForAdd, waitForAdd},
		{"little time", time.Hour, within(time.Hour), time.Nanosecond, 30 * time.Minute},
		{"no time", 0, within(-time.Hour), -time.Hour, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := New(nil, Options{WaitForAdd: tt.option}).patience(tt.ctx)
			assert.GreaterOrEqual(t, got, tt.from)
			assert.LessOrEqual(t, got, tt.to)
		})
	}
}

// A DEL that has waited in vain and fails says both.
func TestDelGivesUpWaitingAndFails(t *testing.T) {
	f := newFixture(t, Options{WaitForAdd: time.Millisecond})
	f.held(t, "held")
	f.fake.replies["one DEL"] = errBanana
	err := f.DelAttachment(t.Context(), AttachmentKey{"net", "c1", "eth0"})
	require.ErrorIs(t, err, ErrAddRunning)
	assert.ErrorIs(t, err, errBanana)
}
