//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/cnikit/cnikit/libcni"
	reference "github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// roundsVar is how often the libraries take turns in TestCostOfABridge. The time is
// worth a look from some hundred on:
//
//	CNIKIT_E2E_COST=300 go test -count 1 -run TestCostOfABridge -v .
const roundsVar = "CNIKIT_E2E_COST"

// TestCostOfABridge: both libraries, and ours without the sync of its record, attach a
// container to a bridge and detach it, in turn. They come to the same result; how long
// they took is logged. Records are on the disk that holds temporary files, not in memory.
func TestCostOfABridge(t *testing.T) {
	t.Log(sandbox(t, rootless, func(t *testing.T) string {
		rounds, _ := strconv.Atoi(os.Getenv(roundsVar))
		rounds = max(rounds, 2)
		libraries := []turns{upstreamTurns(t), cnikitTurns(t, false), cnikitTurns(t, true)}
		add, del := make([][]time.Duration, len(libraries)), make([][]time.Duration, len(libraries))
		for round := range rounds {
			results := make([]*current.Result, len(libraries))
			for turn := range libraries {
				i := (turn + round) % len(libraries)
				c := newContainer(t, fmt.Sprintf("c%d-%d", round, i))
				start := time.Now()
				result, err := libraries[i].add(t.Context(), c)
				add[i] = append(add[i], time.Since(start))
				require.NoError(t, err)
				results[i], err = current.NewResultFromResult(result)
				require.NoError(t, err)
				start = time.Now()
				require.NoError(t, libraries[i].del(t.Context(), c))
				del[i] = append(del[i], time.Since(start))
				c.remove(t)
			}
			for _, result := range results[1:] {
				assert.Len(t, result.Interfaces, len(results[0].Interfaces))
				assert.Len(t, result.IPs, len(results[0].IPs))
				assert.Equal(t, results[0].Routes, result.Routes)
			}
		}
		report := fmt.Sprintf("medians of %d:", rounds)
		for i, l := range []string{"upstream", "cnikit", "cnikit, NoSync"} {
			report += fmt.Sprintf("\n%-14s  ADD %v, %.3fx as fast; DEL %v, %.3fx", l,
				median(add[i]), ratio(add[0], add[i]), median(del[i]), ratio(del[0], del[i]))
		}
		return report
	}))
}

// turns are what one library does.
type turns struct {
	add func(context.Context, *container) (types.Result, error)
	del func(context.Context, *container) error
}

const costList = `{
	"cniVersion": "1.0.0",
	"name": "cost",
	"plugins": [{
		"type": "bridge", "bridge": "cost0", "isGateway": true,
		"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.99.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}
	}]
}`

func upstreamTurns(t *testing.T) turns {
	list, err := reference.NetworkConfFromBytes([]byte(costList))
	require.NoError(t, err)
	cni := reference.NewCNIConfigWithCacheDir([]string{pluginsDir()}, t.TempDir(), nil)
	rt := func(c *container) *reference.RuntimeConf {
		return &reference.RuntimeConf{ContainerID: c.name, NetNS: c.netns, IfName: "eth0"}
	}
	return turns{
		func(ctx context.Context, c *container) (types.Result, error) {
			return cni.AddNetworkList(ctx, list, rt(c))
		},
		func(ctx context.Context, c *container) error { return cni.DelNetworkList(ctx, list, rt(c)) },
	}
}

func cnikitTurns(t *testing.T, noSync bool) turns {
	list, err := libcni.NetworkConfFromBytes([]byte(costList))
	require.NoError(t, err)
	cni := libcni.New([]string{pluginsDir()}, libcni.Options{CacheDir: t.TempDir(), NoSync: noSync})
	rt := func(c *container) *libcni.RuntimeConf {
		return &libcni.RuntimeConf{ContainerID: c.name, NetNS: c.netns, IfName: "eth0"}
	}
	return turns{
		func(ctx context.Context, c *container) (types.Result, error) {
			return cni.AddNetworkList(ctx, list, rt(c))
		},
		func(ctx context.Context, c *container) error { return cni.DelNetworkList(ctx, list, rt(c)) },
	}
}

// ratio is the median of how many times as long the first took.
func ratio(first, second []time.Duration) float64 {
	var ratios []float64
	for i := range first {
		ratios = append(ratios, float64(first[i])/float64(second[i]))
	}
	return median(ratios)
}

func median[T time.Duration | float64](values []T) T {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}
