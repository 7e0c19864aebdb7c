package bench

import (
	goruntime "runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A clock that stands still for a slice would make a row of "0.0 us" and "+Inf".
func TestThreadTimeSeesShortWork(t *testing.T) {
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	last, sum := threadTime(), 0
	for range 50 {
		for i := range 20000 {
			sum += i * i
		}
		now := threadTime()
		assert.Greater(t, now, last)
		last = now
	}
	assert.NotZero(t, sum)
}

func TestFill(t *testing.T) {
	for name, c := range map[string]struct {
		n           int
		took, slice time.Duration
		want        int
	}{
		"as many as fit":        {10, 10 * time.Millisecond, 40 * time.Millisecond, 40},
		"at least one":          {1, time.Second, 40 * time.Millisecond, 1},
		"not more than that":    {100, time.Nanosecond, 40 * time.Millisecond, maxOps},
		"the clock stood still": {16, 0, 40 * time.Millisecond, 16},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, fill(c.n, c.took, c.slice)) })
	}
}
