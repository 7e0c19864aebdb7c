//go:build !linux

package bench

import "time"

// threadTime is the clock on the wall here.
func threadTime() time.Duration { return wallTime() }
