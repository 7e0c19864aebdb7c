package diff

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// compare returns what differs between two runs of a case, one line each.
func compare(theirs, ours []step) []string {
	var lines []string
	seen := map[string]bool{}
	for i := range theirs {
		var d differ
		d.step(theirs[i], ours[i])
		for _, line := range d.lines {
			// What has been said of an earlier step is not said again.
			if !seen[line] {
				seen[line] = true
				lines = append(lines, fmt.Sprintf("step %d, %s: %s", i+1, theirs[i].Op, line))
			}
		}
	}
	return lines
}

type differ struct {
	place []string
	lines []string
}

func (d *differ) at(place string, f func()) {
	d.place = append(d.place, place)
	f()
	d.place = d.place[:len(d.place)-1]
}

func (d *differ) found(theirs, ours any) {
	d.lines = append(d.lines, fmt.Sprintf("%s: upstream %s, cnikit %s", strings.Join(d.place, ": "), short(theirs), short(ours)))
}

func short(v any) string {
	s := fmt.Sprint(v)
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return strings.ReplaceAll(s, "\n", `\n`)
}

func (d *differ) step(a, b step) {
	d.at("error", func() {
		switch {
		case a.Failed != b.Failed:
			d.found(told(a), told(b))
		case a.Err != b.Err:
			d.found(fmt.Sprintf("%q", a.Err), fmt.Sprintf("%q", b.Err))
		}
	})
	d.at("types.Error", func() { d.equal(a.Code, b.Code) })
	d.at("panic", func() { d.equal(a.Panic, b.Panic) })
	d.at("returned", func() { d.json(toJSON(a.Value), toJSON(b.Value)) })
	d.at("plugins run", func() {
		ra, rb := names(a.Runs), names(b.Runs)
		d.equal(ra, rb)
		if ra == rb {
			for i := range a.Runs {
				d.at(fmt.Sprintf("%d %s", i+1, a.Runs[i].Plugin), func() { d.run(a.Runs[i], b.Runs[i]) })
			}
		}
	})
	d.at("records", func() { d.json(records(a.Records), records(b.Records)) })
}

func told(s step) string {
	if !s.Failed {
		return "none"
	}
	return fmt.Sprintf("%q", s.Err)
}

func names(runs []run) string {
	var names []string
	for _, r := range runs {
		names = append(names, r.Plugin+" "+r.command())
	}
	return strings.Join(names, ", ")
}

func (d *differ) run(a, b run) {
	d.at("environment", func() {
		// Upstream's order is random.
		ea, eb := slices.Clone(a.Environ), slices.Clone(b.Environ)
		slices.Sort(ea)
		slices.Sort(eb)
		if !slices.Equal(ea, eb) {
			d.found(without(ea, eb), without(eb, ea))
		}
	})
	d.at("stdin", func() { d.json(stdin(a.Stdin), stdin(b.Stdin)) })
}

func stdin(s string) any {
	v := parse(s)
	if m, ok := v.(map[string]any); ok && m["prevResult"] != nil {
		m["prevResult"] = filled(m["prevResult"])
	}
	return v
}

// filled returns a result without its empty members. Upstream's types write some
// of them (DNS) in some versions and leave out the others; this library passes
// a plugin's answer on as it is. To a reader it is the same.
func filled(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if x = filled(x); x == nil {
				delete(v, k)
			} else {
				v[k] = x
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		for i := range v {
			if x := filled(v[i]); x != nil {
				v[i] = x
			}
		}
		if len(v) == 0 {
			return nil
		}
	case string:
		if v == "" {
			return nil
		}
	}
	return v
}

// without returns the entries of a that are not in b.
func without(a, b []string) []string {
	var only []string
	for _, s := range a {
		if !slices.Contains(b, s) {
			only = append(only, s)
		}
	}
	return only
}

func (d *differ) equal(a, b string) {
	if a != b {
		d.found(fmt.Sprintf("%q", a), fmt.Sprintf("%q", b))
	}
}

// json compares two JSON values: numbers by their exact value, however they are
// written.
func (d *differ) json(a, b any) {
	switch va := a.(type) {
	case map[string]any:
		vb, ok := b.(map[string]any)
		if !ok {
			break
		}
		keys := map[string]bool{}
		for k := range va {
			keys[k] = true
		}
		for k := range vb {
			keys[k] = true
		}
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			d.at("."+k, func() {
				x, ina := va[k]
				y, inb := vb[k]
				if ina && inb {
					d.json(x, y)
				} else {
					d.found(present(x, ina), present(y, inb))
				}
			})
		}
		return
	case []any:
		vb, ok := b.([]any)
		if !ok || len(va) != len(vb) {
			break
		}
		for i := range va {
			d.at(fmt.Sprintf("[%d]", i), func() { d.json(va[i], vb[i]) })
		}
		return
	case json.Number:
		vb, ok := b.(json.Number)
		if ok && sameNumber(va.String(), vb.String()) {
			return
		}
	default:
		if a == b {
			return
		}
	}
	d.found(present(a, true), present(b, true))
}

func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	x, ok := new(big.Rat).SetString(a)
	y, ok2 := new(big.Rat).SetString(b)
	return ok && ok2 && x.Cmp(y) == 0
}

func present(v any, ok bool) string {
	if !ok {
		return "nothing"
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return strings.TrimSpace(b.String())
}

// parse returns a text as a JSON value, or as it is.
func parse(s string) any {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return s
	}
	if _, err := d.Token(); err != io.EOF {
		return s
	}
	return v
}

func toJSON(v any) any {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return expand(parse(string(data)))
}

// expand makes readable what was returned: configurations as text, and a
// plugin's bytes, which both libraries write anew, as a JSON value.
func expand(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			s, ok := x.(string)
			switch {
			case ok && k == "bytes" && v["type"] != nil:
				v[k] = parse(s)
			case ok && k == "Config":
				v[k] = plainText(s)
			default:
				v[k] = expand(x)
			}
		}
	case []any:
		for i := range v {
			v[i] = expand(v[i])
		}
	}
	return v
}

// plainText decodes base64, in which JSON holds a slice of bytes.
func plainText(s string) string {
	if text, err := base64.StdEncoding.DecodeString(s); err == nil {
		return string(text)
	}
	return s
}

// records returns the record files as JSON values, with the configuration, which
// is in base64 there, as text.
func records(files map[string]string) any {
	all := map[string]any{}
	for name, content := range files {
		v := parse(content)
		if m, ok := v.(map[string]any); ok {
			if s, ok := m["config"].(string); ok {
				m["config"] = plainText(s)
			}
			// A key of its own, for what upstream's records have no key for.
			delete(m, "cnikit")
			if result := filled(m["result"]); result != nil {
				m["result"] = result
			} else {
				delete(m, "result")
			}
		}
		all[name] = v
	}
	return all
}
