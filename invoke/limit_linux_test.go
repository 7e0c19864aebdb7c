package invoke_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cnikit/cnikit/invoke"
)

// BenchmarkLimit runs a small process from 256 goroutines at once: how many end in
// a second, how long one caller in a hundred waits for its own, how many threads
// the program needs for it.
func BenchmarkLimit(b *testing.B) {
	const callers = 256
	path := script(b, "exit 0")
	for _, n := range []int{0, 4, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d/limit=%d", callers, n), func(b *testing.B) {
			exec := invoke.Limit(&invoke.DefaultExec{RawExec: &invoke.RawExec{}}, n)
			took := make([]time.Duration, b.N)
			jobs := make(chan int, b.N)
			for i := range b.N {
				jobs <- i
			}
			close(jobs)
			most, stop := watchThreads()
			b.ResetTimer()
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					for i := range jobs {
						start := time.Now()
						if _, err := exec.ExecPlugin(b.Context(), path, nil, []string{}); err != nil {
							b.Error(err)
						}
						took[i] = time.Since(start)
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			stop()
			slices.Sort(took)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(*most), "threads")
		})
	}
}

// watchThreads counts the program's threads every few milliseconds.
func watchThreads() (most *int, stop func()) {
	most = new(int)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			status, _ := os.ReadFile("/proc/self/status")
			_, after, _ := strings.Cut(string(status), "Threads:")
			n := 0
			_, _ = fmt.Sscan(after, &n)
			*most = max(*most, n)
			select {
			case <-quit:
				return
			case <-tick.C:
			}
		}
	}()
	return most, func() { close(quit); <-done }
}
