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

// TestPodnetCost attaches and detaches containers with real plugins, 1, 8 and 32 at a time,
// by plain calls of libcni and with podnet, and logs the rates:
//
//	go -C internal/e2e test -v -run TestPodnetCost .
//
// It measures and does not judge: what podnet adds is some hundred microseconds
// (BenchmarkAttachDetach in libcni/podnet), far below what two runs differ by here.
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
