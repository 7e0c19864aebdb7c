package invoketest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// maxShown is how much of a value a difference shows.
const maxShown = 200

// diffJSON says, one line a place, in what got does not contain want: see
// [Run.Stdin].
func diffJSON(want, got []byte) []string {
	w, err := decode(want)
	if err != nil {
		return []string{fmt.Sprintf("Run.Stdin is not JSON: %v", err)}
	}
	g, err := decode(got)
	if err != nil {
		return []string{fmt.Sprintf("stdin is not JSON: %v: %q", err, got)}
	}
	return diffValue("", w, g)
}

// decode keeps numbers as they are written: 9007199254740993 is not ...992.
func decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("there is more after the first value")
	}
	return v, nil
}

func diffValue(pointer string, want, got any) []string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return differs(pointer, want, got)
		}
		var lines []string
		for _, key := range slices.Sorted(maps.Keys(w)) {
			at := pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
			value, there := g[key]
			switch {
			case w[key] == nil && there && value != nil:
				lines = append(lines, fmt.Sprintf("stdin %s: got %s, want none", at, show(value)))
			case w[key] == nil:
			case !there:
				lines = append(lines, fmt.Sprintf("stdin %s: got none, want %s", at, show(w[key])))
			default:
				lines = append(lines, diffValue(at, w[key], value)...)
			}
		}
		return lines
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return differs(pointer, want, got)
		}
		var lines []string
		for i := range w {
			lines = append(lines, diffValue(fmt.Sprintf("%s/%d", pointer, i), w[i], g[i])...)
		}
		return lines
	case json.Number:
		if g, ok := got.(json.Number); ok && sameNumber(w, g) {
			return nil
		}
	default:
		if want == got {
			return nil
		}
	}
	return differs(pointer, want, got)
}

func differs(pointer string, want, got any) []string {
	if pointer == "" {
		pointer = "as a whole"
	}
	return []string{fmt.Sprintf("stdin %s: got %s, want %s", pointer, show(got), show(want))}
}

// sameNumber compares values: 1, 1.0 and 1e0 are the same.
func sameNumber(a, b json.Number) bool {
	if a == b {
		return true
	}
	const bits = 512
	x, _, err1 := big.ParseFloat(a.String(), 10, bits, big.ToNearestEven)
	y, _, err2 := big.ParseFloat(b.String(), 10, bits, big.ToNearestEven)
	return err1 == nil && err2 == nil && x.Cmp(y) == 0
}

func show(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	if len(text) > maxShown {
		return string(text[:maxShown]) + "..."
	}
	return string(text)
}
