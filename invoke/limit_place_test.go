package invoke

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A place handed over in the moment in which the waiter's context ends is not lost.
func TestLimitLosesNoPlace(t *testing.T) {
	l := &limiter{size: 1} // somebody has the place
	left := 0
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		entered := make(chan error)
		go func() { entered <- l.enter(ctx) }()
		l.mu.Lock()
		for len(l.waiting) == 0 {
			l.mu.Unlock()
			runtime.Gosched()
			l.mu.Lock()
		}
		cancel() // it leaves as soon as it has the lock
		l.pass()
		l.mu.Unlock()
		if err := <-entered; err != nil { // else it did not wait yet, and now has the place
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, 1, l.free)
			l.free, left = 0, left+1
		}
		require.Empty(t, l.waiting)
		require.Zero(t, l.free)
	}
	assert.Positive(t, left)
}
