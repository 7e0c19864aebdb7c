package bench

import (
	"fmt"
	goruntime "runtime"
	"slices"
	"time"
)

// A Measurement is what a row's operation costs: upstream and here. Ratio is how
// many times as fast it is here. Time is that of the calling thread on a
// processor or, where other threads and processes do the work, on the wall.
type Measurement struct {
	Time   [2]time.Duration
	Allocs [2]float64
	Bytes  [2]float64
	Ratio  float64
}

// maxOps bounds a slice of operations that have to be prepared.
const maxOps = 2000

// processOps is how many processes stand for one slice of operations.
const processOps = 50

// Measure checks that both libraries come to the same outcome and then lets them
// take turns: a slice of operations each, rounds times. What else runs on the
// machine hits neighbours alike, so the ratio is the median of the neighbours'.
// Processes it hits hardest: there a turn is one of them.
func (b *Bench) Measure(r *Row, rounds int, slice time.Duration) (*Measurement, error) {
	pair, err := b.pair(r)
	if err != nil {
		return nil, err
	}
	if err := r.equal(pair); err != nil {
		return nil, err
	}
	var n [2]int
	for i, o := range pair {
		if n[i], err = o.calibrate(slice); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", r.Name, libraries[i], err)
		}
	}
	if pair[0].process() {
		rounds *= processOps
	}
	m := &Measurement{}
	var times [2][]time.Duration
	var ratios []float64
	for round := range rounds {
		for turn := range pair {
			i := (turn + round) % 2
			cost, err := pair[i].slice(n[i])
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", r.Name, libraries[i], err)
			}
			times[i] = append(times[i], cost.time)
			m.Allocs[i], m.Bytes[i] = cost.allocs, cost.bytes
		}
		ratios = append(ratios, float64(times[0][round])/float64(times[1][round]))
	}
	m.Time = [2]time.Duration{median(times[0]), median(times[1])}
	m.Ratio = median(ratios)
	return m, nil
}

// process tells an operation that is one process from all others.
func (o *op) process() bool { return o.wall && o.each == 0 }

type cost struct {
	time          time.Duration
	allocs, bytes float64
}

// slice does n operations and returns what one costs.
func (o *op) slice(n int) (cost, error) {
	if o.prepare != nil {
		if err := o.prepare(n); err != nil {
			return cost{}, err
		}
	}
	if !o.process() {
		goruntime.GC() // what others left is not this slice's
	}
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	clock := threadTime
	if o.wall {
		clock = wallTime
	}
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	start := clock()
	for i := range n {
		if _, err := o.run(i); err != nil {
			return cost{}, err
		}
	}
	took := clock() - start
	goruntime.ReadMemStats(&after)
	one := float64(max(n*o.each, n))
	return cost{
		time:   time.Duration(float64(took) / one),
		allocs: float64(after.Mallocs-before.Mallocs) / one,
		bytes:  float64(after.TotalAlloc-before.TotalAlloc) / one,
	}, nil
}

// calibrate returns how many operations fill a slice.
func (o *op) calibrate(slice time.Duration) (int, error) {
	if o.once || o.process() {
		return 1, nil
	}
	for n := 1; ; n *= 4 {
		start := time.Now()
		c, err := o.slice(n)
		if err != nil {
			return 0, err
		}
		took := c.time * time.Duration(max(n*o.each, n))
		if took > slice/4 || n >= maxOps || time.Since(start) > 4*slice {
			return fill(n, took, slice), nil
		}
	}
}

// fill returns how many operations fill a slice when n of them took that long.
func fill(n int, took, slice time.Duration) int {
	if took <= 0 {
		return n // the clock has not moved
	}
	return int(min(max(float64(n)*float64(slice)/float64(took), 1), maxOps))
}

var began = time.Now()

func wallTime() time.Duration { return time.Since(began) }

func median[T time.Duration | float64](values []T) T {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}
