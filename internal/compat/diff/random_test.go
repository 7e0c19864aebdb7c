package diff

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	seed  = flag.Uint64("seed", 0, "seed of TestRandom; 0: a new one")
	count = flag.Int("count-random", 2000, "number of cases of TestRandom")
)

// TestRandom plays cases that nobody thought of: valid lists and answers, in
// which the libraries must not differ at all. What they are known to differ in
// is not made up: numbers that a float64 does not hold, fields of a result that
// the types do not know, GC after an ADD that failed, plugins that fail VERSION.
func TestRandom(t *testing.T) {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", s)
	for i := range *count {
		c := (&maker{rand.New(rand.NewPCG(s, uint64(i)))}).testCase()
		if diffs := differences(t, c); len(diffs) > 0 {
			t.Fatalf("case %d of -seed %d; as a file of testdata/cases:\n%s\n\n%s", i, s, c, strings.Join(diffs, "\n"))
		}
	}
}

// maker makes up cases.
type maker struct{ *rand.Rand }

func pick[T any](m *maker, of ...T) T { return of[m.IntN(len(of))] }

func (m *maker) chance(percent int) bool { return m.IntN(100) < percent }

func (m *maker) testCase() *testCase {
	c := newCase("random")
	c.about = "A random case."
	c.load = pick(m, []string{"list", "x.conflist"}, []string{"bytes", "x.conflist"})
	c.rt.ContainerID = pick(m, "c1", "a-b", "0c5d.x_y", "ContainerWithALongerName")
	c.rt.IfName = pick(m, "eth0", "net1", "a-b", "Überall")
	for i := range m.IntN(4) {
		c.rt.Args = append(c.rt.Args, [2]string{pick(m, "IgnoreUnknown", "K8S_POD_NAME", "ß") + fmt.Sprint(i), pick(m, "", "1", "a=b", "two words", "日本")})
	}
	capabilities := []string{"portMappings", "mac", "ipRanges", "x.example/y"}
	if m.chance(70) {
		caps := map[string]any{}
		for _, name := range capabilities {
			if m.chance(60) {
				caps[name] = m.value(2)
			}
		}
		c.caps = m.text(caps, false)
	}
	version := pick(m, "", "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
	types := []string{"one", "two", "three", "four"}
	m.Shuffle(len(types), func(i, j int) { types[i], types[j] = types[j], types[i] })
	var plugins []any
	for _, pluginType := range types[:1+m.IntN(len(types))] {
		plugins = append(plugins, m.plugin(pluginType, capabilities))
	}
	list := map[string]any{"name": pick(m, "net", "a-b", "k8s-pod-network", "N.1_x"), "plugins": plugins}
	if version != "" {
		list["cniVersion"] = version
	}
	m.flag(list, "disableGC", 10)
	if version >= "0.4.0" {
		m.flag(list, "disableCheck", 10)
	}
	m.extra(list)
	c.files["x.conflist"] = m.text(list, true)
	fails := m.answers(c, version, types[:len(plugins)])
	if m.chance(5) {
		c.missing[types[0]] = true
		fails = true
	}
	c.steps = []string{"load", "add"}
	ops := []string{"add", "check", "del", "result", "config", "attachments", "validate", "status", "inject", "version", "gc", "gc-valid"}
	if fails {
		ops = ops[:len(ops)-2]
	}
	for range 4 + m.IntN(8) {
		c.steps = append(c.steps, pick(m, ops...))
	}
	return c
}

func (m *maker) flag(list map[string]any, key string, percent int) {
	if m.chance(percent) {
		list[key] = pick[any](m, true, false, "true", "FALSE")
	}
}

func (m *maker) plugin(pluginType string, capabilities []string) map[string]any {
	p := map[string]any{"type": pluginType}
	if m.chance(40) {
		declared := map[string]any{}
		for _, name := range capabilities {
			if m.chance(50) {
				declared[name] = m.chance(80)
			}
		}
		p["capabilities"] = declared
	}
	if m.chance(20) {
		p["name"] = pick(m, "mine", "net")
	}
	if m.chance(10) {
		p["cniVersion"] = pick(m, "0.1.0", "1.0.0")
	}
	if m.chance(30) {
		p["ipam"] = map[string]any{"type": "host-local", "subnet": "10.0.0.0/8", "x": m.value(2)}
	}
	if m.chance(20) {
		p["dns"] = map[string]any{"nameservers": []any{"10.0.0.53"}, "domain": m.string(), "search": []any{}}
	}
	if m.chance(20) {
		p["runtimeConfig"] = m.object(2)
	}
	m.extra(p)
	return p
}

func (m *maker) extra(o map[string]any) {
	for range m.IntN(5) {
		key := "x" + m.string()
		o[key] = m.value(3)
	}
}

func (m *maker) string() string {
	return pick(m, "", "a", "bridge", "two words", "\t\n\"\\/", "<&>", "ключ", "日本", "\u2028", "😀", "a\u0000b")
}

func (m *maker) object(depth int) map[string]any {
	o := map[string]any{}
	for range m.IntN(4) {
		o[m.string()] = m.value(depth - 1)
	}
	return o
}

func (m *maker) value(depth int) any {
	n := 8
	if depth <= 0 {
		n = 6
	}
	switch m.IntN(n) {
	case 0:
		return nil
	case 1:
		return m.chance(50)
	case 2:
		return json.Number(fmt.Sprint(m.IntN(1<<40) - 1<<20))
	case 3:
		return json.Number(pick(m, "0", "-0", "1.0", "0.25", "1e3", "-1.5E-2", "4294967295", "9007199254740991"))
	case 4, 5:
		return m.string()
	case 6:
		list := []any{}
		for range m.IntN(4) {
			list = append(list, m.value(depth-1))
		}
		return list
	default:
		return m.object(depth)
	}
}

// text writes a value as JSON; loose: in any order and with white space.
func (m *maker) text(v any, loose bool) string {
	space := func() string {
		if loose && m.chance(15) {
			return pick(m, " ", "\n", "\t ", "  \r\n")
		}
		return ""
	}
	var b strings.Builder
	b.WriteString(space())
	switch v := v.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v))
		m.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		b.WriteString("{" + space())
		for i, k := range keys {
			if i > 0 {
				b.WriteString(",")
			}
			b.WriteString(m.text(k, loose) + ":" + m.text(v[k], loose))
		}
		b.WriteString("}")
	case []any:
		b.WriteString("[" + space())
		for i, x := range v {
			if i > 0 {
				b.WriteString(",")
			}
			b.WriteString(m.text(x, loose))
		}
		b.WriteString("]")
	default:
		var scalar strings.Builder
		e := json.NewEncoder(&scalar)
		e.SetEscapeHTML(m.chance(50))
		_ = e.Encode(v)
		b.WriteString(strings.TrimSpace(scalar.String()))
	}
	b.WriteString(space())
	return b.String()
}

// answers makes up what the plugins print, and reports whether one of them fails
// ADD or DEL.
func (m *maker) answers(c *testCase, version string, types []string) bool {
	failure := func() string {
		return m.text(map[string]any{"cniVersion": version, "code": pick(m, 1, 7, 11, 50, 100), "msg": pick(m, "plugin error: banana", "ключ"), "details": m.string()}, false)
	}
	fails := false
	for _, plugin := range types {
		if m.chance(70) {
			c.files[plugin+".ADD"] = m.text(m.result(version), true)
		}
		for _, command := range []string{"ADD", "DEL"} {
			if m.chance(4) {
				c.files[plugin+"."+command+".error"] = failure()
				fails = true
			}
		}
		for _, command := range []string{"CHECK", "STATUS", "GC"} {
			if m.chance(5) {
				c.files[plugin+"."+command+".error"] = failure()
			}
		}
		if m.chance(10) {
			c.files[plugin+".VERSION"] = `{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}`
		}
	}
	return fails
}
