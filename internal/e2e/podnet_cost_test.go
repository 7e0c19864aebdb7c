//go:build linux

package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPodnetCost attaches and detaches containers with real plugins, by plain calls of libcni
// and with podnet: one after the other in turns, of which it logs the median, and 1, 8 and 32
// at a time, of which it logs the rates:
//
//	go -C internal/e2e test -v -run TestPodnetCost .
//
// It measures and does not judge: what podnet adds is some hundred microseconds
// (BenchmarkAttachDetach in libcni/podnet), below what two runs at a rate differ by here.
func TestPodnetCost(t *testing.T) {
	sandbox(t, rootless, func(t *testing.T) string {
		needLinkKind(t, "bridge")
		containers := make([]*container, 32)
		for i := range containers {
			containers[i] = newContainer(t, fmt.Sprintf("con%02d", i))
		}
		host(t, "ip link add backend up address 02:00:00:00:00:31 type bridge")
		networks := map[string]string{
			"loopback": `{"cniVersion":"1.0.0","name":"loopback","plugins":[{"type":"loopback"}]}`,
			"backend":  segment("backend", "10.31.0.0/24"),
		}
		openPodnet(t, map[string]string{"10-loopback.conflist": networks["loopback"], "20-backend.conflist": networks["backend"]})
		opts := podnetOptions()
		opts.CacheDir = "/var/lib/cni/cost"
		opts.NoLoopback = true // or it would be in the process
		opts.MaxPlugins = -1
		m, err := podnet.Open(t.Context(), opts)
		require.NoError(t, err)
		t.Cleanup(func() { _ = m.Close() })
		cni := libcni.New([]string{pluginsDir()}, libcni.Options{CacheDir: "/var/lib/cni/plain"})

		var report strings.Builder
		for _, name := range []string{"loopback", "backend"} {
			list, err := libcni.NetworkConfFromBytes([]byte(networks[name]))
			require.NoError(t, err)
			plain := func(c *container) {
				rt := &libcni.RuntimeConf{ContainerID: c.name, NetNS: c.netns, IfName: "eth0"}
				_, err := cni.AddNetworkList(t.Context(), list, rt)
				assert.NoError(t, err)
				assert.NoError(t, cni.DelNetworkList(t.Context(), list, rt))
			}
			engine := func(c *container) {
				_, err := m.Attach(t.Context(), podnet.Pod{ID: c.name, NetNS: c.netns, Networks: []podnet.Network{{Name: name}}})
				assert.NoError(t, err)
				assert.NoError(t, m.Detach(t.Context(), c.name))
			}
			without, with := inTurns(containers, plain, engine)
			fmt.Fprintf(&report, "%-8s in turns: libcni %.2f ms, podnet %.2f ms, %+.1f %%\n", name,
				without.Seconds()*1000, with.Seconds()*1000, 100*(with.Seconds()/without.Seconds()-1))
			for _, parallel := range []int{1, 8, 32} {
				var with, without []time.Duration
				for range 3 { // in turns: the machine is not always as fast
					without = append(without, eachContainer(containers, parallel, plain))
					with = append(with, eachContainer(containers, parallel, engine))
				}
				fmt.Fprintf(&report, "%-8s %2d at a time: libcni %5.1f/s, podnet %5.1f/s\n", name, parallel,
					rate(containers, slices.Min(without)), rate(containers, slices.Min(with)))
			}
		}
		t.Logf("attached and detached again:\n%s", &report)
		files, err := filepath.Glob("/var/lib/cni/cost/*/*")
		require.NoError(t, err)
		assert.Empty(t, files)
		return ""
	})
}

// inTurns does one thing and another with each container, several times, and returns the
// median of how long each took: what else the machine has to do slows both down.
func inTurns(containers []*container, one, other func(*container)) (_, _ time.Duration) {
	var ones, others []time.Duration
	timed := func(all *[]time.Duration, c *container, do func(*container)) {
		start := time.Now()
		do(c)
		*all = append(*all, time.Since(start))
	}
	for round := range 8 {
		for _, c := range containers {
			if round%2 == 0 {
				timed(&ones, c, one)
			}
			timed(&others, c, other)
			if round%2 == 1 {
				timed(&ones, c, one)
			}
		}
	}
	slices.Sort(ones)
	slices.Sort(others)
	return ones[len(ones)/2], others[len(others)/2]
}

// eachContainer does something with each container, several at a time, and returns how long
// it took.
func eachContainer(containers []*container, parallel int, do func(*container)) time.Duration {
	start := time.Now()
	next := make(chan *container)
	var all sync.WaitGroup
	for range parallel {
		all.Go(func() {
			for c := range next {
				do(c)
			}
		})
	}
	for _, c := range containers {
		next <- c
	}
	close(next)
	all.Wait()
	return time.Since(start)
}

func rate(containers []*container, d time.Duration) float64 {
	return float64(len(containers)) / d.Seconds()
}
