package invoke

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
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
