package invoke_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cnikit/cnikit/invoke"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func limited(ctx context.Context, exec invoke.Exec, path string) error {
	_, err := exec.ExecPlugin(ctx, path, nil, nil)
	return err
}

func TestLimitHoldsAndFills(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, most, total atomic.Int32
		exec := invoke.Limit(execFunc(func(context.Context, string, []byte, []string) ([]byte, error) {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(time.Second)
			running.Add(-1)
			total.Add(1)
			return nil, nil
		}), 3)
		start := time.Now()
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() { assert.NoError(t, limited(t.Context(), exec, "p")) })
		}
		wg.Wait()
		assert.EqualValues(t, 3, most.Load())
		assert.EqualValues(t, 12, total.Load())
		assert.Equal(t, 4*time.Second, time.Since(start), "no place may stay empty while somebody waits")
	})
}

func TestLimitIsFirstInFirstOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var order []string
		exec := invoke.Limit(execFunc(func(_ context.Context, path string, _ []byte, _ []string) ([]byte, error) {
			order = append(order, path)
			time.Sleep(time.Second)
			return nil, nil
		}), 1)
		var want []string
		for i := range 20 {
			name := fmt.Sprint(i)
			want = append(want, name)
			go func() { _ = limited(t.Context(), exec, name) }()
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, want, order)
	})
}

func TestLimitWaiterLeavesWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ran := map[string]bool{}
		exec := invoke.Limit(execFunc(func(_ context.Context, path string, _ []byte, _ []string) ([]byte, error) {
			ran[path] = true
			time.Sleep(time.Minute)
			return nil, nil
		}), 1)
		go func() { _ = limited(t.Context(), exec, "first") }()
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		call := &invoke.Call{Plugin: "second", Path: "second", Command: "ADD"}
		_, err := call.Run(ctx, exec)
		assert.Equal(t, time.Second, time.Since(start))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, "waiting for one of 1 plugins to end: context deadline exceeded")
		var failure *invoke.PluginError
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, "second", failure.Plugin)

		why := errors.New("shutting down")
		ctx2, stop := context.WithCancelCause(t.Context())
		stop(why)
		err = limited(ctx2, exec, "third")
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, why)

		require.NoError(t, limited(t.Context(), exec, "fourth"))
		assert.Equal(t, map[string]bool{"first": true, "fourth": true}, ran)
	})
}

func TestLimitPanicLeavesThePlace(t *testing.T) {
	t.Parallel()
	exec := invoke.Limit(execFunc(func(_ context.Context, path string, _ []byte, _ []string) ([]byte, error) {
		if path == "bad" {
			panic("boom")
		}
		return nil, nil
	}), 1)
	assert.PanicsWithValue(t, "boom", func() { _ = limited(t.Context(), exec, "bad") })
	require.NoError(t, limited(t.Context(), exec, "good"))
}

// A run inside a run has its place; one with a foreign context does not.
func TestLimitDelegation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var exec invoke.Exec
		exec = invoke.Limit(execFunc(func(ctx context.Context, path string, _ []byte, _ []string) ([]byte, error) {
			switch path {
			case "outer":
				return nil, limited(ctx, exec, "inner")
			case "foreign":
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				return nil, limited(ctx, exec, "inner")
			}
			return nil, nil
		}), 1)
		require.NoError(t, limited(t.Context(), exec, "outer"))
		require.ErrorIs(t, limited(t.Context(), exec, "foreign"), context.DeadlineExceeded)
		require.NoError(t, limited(t.Context(), exec, "outer"))
	})
}

func TestLimitPassesTheRestThrough(t *testing.T) {
	t.Parallel()
	inner := replies("", nil)
	exec := invoke.Limit(inner, 1)
	path, err := exec.FindInPath("p", []string{"/d"})
	require.NoError(t, err)
	assert.Equal(t, "/d/p", path)
	info, err := exec.Decode([]byte(`{"cniVersion":"1.0.0","supportedVersions":["0.4.0"]}`))
	require.NoError(t, err)
	assert.Equal(t, []string{"0.4.0"}, info.SupportedVersions())

	assert.NotNil(t, invoke.Limit(nil, 1))
	assert.IsType(t, inner, invoke.Limit(inner, 0), "no limit, no wrapper")
}
