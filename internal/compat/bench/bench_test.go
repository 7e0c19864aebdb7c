package bench

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newBench(tb testing.TB) *Bench {
	tb.Helper()
	b, err := New()
	require.NoError(tb, err)
	tb.Cleanup(func() { assert.NoError(tb, b.Close()) })
	return b
}

// ready skips a row that cannot be had here.
func ready(tb testing.TB, err error) {
	tb.Helper()
	if errors.Is(err, ErrNoCompiler) && os.Getenv("CI") != "true" {
		tb.Skip(err)
	}
	require.NoError(tb, err)
}

func TestBothLibrariesComeToTheSame(t *testing.T) {
	b := newBench(t)
	for _, row := range Rows() {
		t.Run(row.Name, func(t *testing.T) { ready(t, b.Equal(row)) })
	}
}

// What would make the comparison blind: another request, or another result.
func TestEqualFindsDifferences(t *testing.T) {
	says := func(result any, request string) *op {
		exec := &fakeExec{}
		return &op{exec: exec, run: func(int) (any, error) {
			_, err := exec.ExecPlugin(t.Context(), "", []byte(request), nil)
			return result, err
		}}
	}
	r := &Row{Name: "row"}
	assert.NoError(t, r.equal([2]*op{says(1, `{"a": 1}`), says(1, `{"a":1}`)}))
	assert.Error(t, r.equal([2]*op{says(1, `{}`), says(2, `{}`)}))
	assert.Error(t, r.equal([2]*op{says(1, `{"a":1}`), says(1, `{"a":1.0}`)}))
}

func TestAllocations(t *testing.T) {
	b := newBench(t)
	for _, row := range Rows() {
		if row.Allocs == 0 {
			continue
		}
		t.Run(row.Name, func(t *testing.T) {
			pair, err := b.pair(row)
			ready(t, err)
			const runs = 50
			ours, i := pair[1], 0
			if ours.prepare != nil {
				require.NoError(t, ours.prepare(runs+1))
			}
			allocs := testing.AllocsPerRun(runs, func() {
				_, err = ours.run(i)
				i++
			})
			require.NoError(t, err)
			t.Logf("%.0f allocations", allocs)
			assert.LessOrEqual(t, allocs, row.Allocs)
		})
	}
}

func BenchmarkRows(b *testing.B) {
	place := newBench(b)
	for _, row := range Rows() {
		b.Run(row.Name, func(b *testing.B) {
			pair, err := place.pair(row)
			ready(b, err)
			for i, lib := range libraries {
				b.Run(lib.String(), func(b *testing.B) { pair[i].benchmark(b) })
			}
		})
	}
}

func (o *op) benchmark(b *testing.B) {
	b.ReportAllocs()
	if o.prepare != nil {
		require.NoError(b, o.prepare(b.N))
	}
	b.ResetTimer()
	for i := range b.N {
		if _, err := o.run(i); err != nil {
			b.Fatal(err)
		}
	}
}
