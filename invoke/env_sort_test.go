package invoke

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The order of numbers is the order of names, also of those with one beginning.
func TestMergeEnvLikeAMap(t *testing.T) {
	letters := []string{"A", "B", "_", "1", "é", "LONGER_THAN_A_NUMBER_"}
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		var base, extra []string
		want := map[string]string{}
		for i := range 1 + random.IntN(60) {
			name := "N"
			for range random.IntN(4) {
				name += letters[random.IntN(len(letters))]
			}
			kv := fmt.Sprintf("%s=%d", name, i)
			if want[name] = kv; i < 40 {
				base = append(base, kv)
			} else {
				extra = append(extra, kv)
			}
		}
		var sorted []string
		for _, name := range slices.Sorted(maps.Keys(want)) {
			sorted = append(sorted, want[name])
		}
		if !assert.Equal(t, sorted, mergeEnv(base, extra...), "seed %d", seed) {
			return
		}
	}
}

// What is kept of this process's environment is neither old nor anybody else's to
// write to.
func TestOwnEnvironIsThatOfNow(t *testing.T) {
	t.Setenv("CNIKIT_TEST", "1")
	first := mergeEnv(nil)
	assert.Contains(t, first, "CNIKIT_TEST=1")
	for i := range first {
		first[i] = "CNIKIT_TEST=written"
	}
	assert.Contains(t, mergeEnv(nil), "CNIKIT_TEST=1")
	t.Setenv("CNIKIT_TEST", "2")
	assert.Contains(t, mergeEnv(nil), "CNIKIT_TEST=2")
	assert.NotContains(t, mergeEnv(nil), "CNIKIT_TEST=1")
	assert.True(t, slices.IsSortedFunc(mergeEnv(nil, "CNIKIT_TEST=3"), func(a, b string) int {
		return strings.Compare(envName(a), envName(b))
	}))
}
