package podnet

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Those that wait for one key get it in the order in which they came, those that
// give up are passed over, and another key is free. R28.
func TestKeyed_R28(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k keyed
		var mu sync.Mutex
		var got []string
		note := func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, fmt.Sprintf(format, args...))
		}
		unlock, err := k.lock(t.Context(), "con1")
		require.NoError(t, err)
		for i := range 6 {
			go func() {
				ctx := t.Context()
				if i%3 == 1 {
					timed, cancel := context.WithTimeout(ctx, time.Second+time.Duration(i)*time.Millisecond)
					defer cancel()
					ctx = timed
				}
				unlock, err := k.lock(ctx, "con1")
				if err != nil {
					note("%d gives up: %v", i, err)
					return
				}
				note("%d", i)
				time.Sleep(time.Second)
				unlock()
			}()
			synctest.Wait()
		}
		other, err := k.lock(t.Context(), "con2")
		require.NoError(t, err, "another container")
		other()
		time.Sleep(2 * time.Second)
		unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"1 gives up: context deadline exceeded", "4 gives up: context deadline exceeded", "0", "2", "3", "5"}, got)
		assert.Empty(t, k.queue, "a key that nobody wants takes no memory")

		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = k.lock(ended, "con1")
		require.ErrorIs(t, err, context.Canceled)
		caused, because := context.WithTimeoutCause(t.Context(), 0, assert.AnError)
		defer because()
		_, err = k.lock(caused, "con1")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, assert.AnError)
		assert.Empty(t, k.queue)
	})
}

// R29: GC is alone, waits for those inside, and those that come after it wait for
// it; neither kind starves.
func TestGate_R29(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		start := time.Now()
		var mu sync.Mutex
		var got []string
		visit := func(name string, alone bool, stay, patience time.Duration) {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				leave, err := g.enter(ctx, alone)
				mu.Lock()
				got = append(got, fmt.Sprintf("%s at %v %v", name, time.Since(start), err))
				mu.Unlock()
				if err == nil {
					time.Sleep(stay)
					leave()
				}
			}()
			synctest.Wait()
		}
		visit("attach 1", false, time.Second, time.Hour)
		visit("attach 2", false, 2*time.Second, time.Hour)
		visit("impatient gc", true, time.Second, time.Second/2)
		visit("gc 1", true, time.Second, time.Hour)
		visit("attach 3", false, time.Second, time.Hour)
		visit("gc 2", true, time.Second, time.Hour)
		visit("attach 4", false, time.Second, time.Hour)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{
			"attach 1 at 0s <nil>", "attach 2 at 0s <nil>",
			"impatient gc at 500ms context deadline exceeded",
			"gc 1 at 2s <nil>", "attach 3 at 3s <nil>", "gc 2 at 4s <nil>", "attach 4 at 5s <nil>",
		}, got)
		assert.Equal(t, gate{waiting: []*visitor{}}, gate{waiting: g.waiting, inside: g.inside, alone: g.alone})
	})
}

// One that gives up lets those in that waited behind it only.
func TestGateOpensWhenTheFirstGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		leave, err := g.enter(t.Context(), false)
		require.NoError(t, err)
		defer leave()
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := g.enter(ctx, true)
			assert.Error(t, err)
		}()
		synctest.Wait()
		second, err := g.enter(t.Context(), false)
		require.NoError(t, err)
		second()
	})
}
