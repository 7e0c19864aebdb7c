package rawjson

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseObjectKeepsBytes(t *testing.T) {
	src := []byte(" {\n \"a\" : 1e400 ,\"b\\u0063\":{\"x\": [1, 2]}, \"a\":\"\\u003c\"\t} ")
	o, err := ParseObject(src)
	require.NoError(t, err)
	require.Len(t, o, 3)
	assert.Equal(t, "1e400", string(o[0].Value))
	assert.Equal(t, "bc", o[1].Key())
	assert.Equal(t, `{"x": [1, 2]}`, string(o[1].Value))
	for _, m := range o {
		assert.True(t, bytes.HasPrefix(src[m.Offset:], m.Value), "offset of %s", m.Quoted)
	}
	last, ok := o.Get("a")
	require.True(t, ok, "of equal keys the last one counts")
	assert.Equal(t, `"\u003c"`, string(last.Value))
	_, ok = o.Get("A")
	assert.False(t, ok)
}

func TestParseErrors(t *testing.T) {
	for name, c := range map[string]struct{ src, err string }{
		"empty":             {"", "unexpected end of JSON input"},
		"cut off":           {"{", "unexpected end of JSON input"},
		"a word":            {"adadasdasd", "invalid character 'a' looking for beginning of value"},
		"trailing data":     {"{} x", "invalid character 'x' after top-level value"},
		"trailing comma":    {`{"a":1,}`, "invalid character '}' looking for beginning of object key string"},
		"comma in an array": {`[1,]`, "invalid character ']' looking for beginning of value"},
		"key begins late":   {`{a":1}`, "invalid character 'a' looking for beginning of object key string"},
		"key never ends":    {`{"a:1}`, "unexpected end of JSON input"},
		"no colon":          {`{"a" 1}`, "invalid character '1' after object key"},
		"no comma":          {`{"a":1 "b":2}`, "invalid character '\"' after object key:value pair"},
		"other bracket":     {`{"a":1]`, "invalid character ']' after object key:value pair"},
		"control":           {"{\"a\x01\":1}", `invalid character '\x01' in string literal`},
		"byte order mark":   {"\xef\xbb\xbf{}", "invalid character 'ï' looking for beginning of value"},
		"array":             {"[1]", "JSON value is an array, not an object"},
		"null":              {"null", "JSON value is null, not an object"},
		"broken array":      {"[1", "unexpected end of JSON input"},
		"too deep":          {`{"a":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + "}", "invalid character '[' exceeded max depth"},
		"half a surrogate":  {`{"a":"\ud8"}`, "invalid character '\"' in \\u hexadecimal character escape"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := ParseObject([]byte(c.src))
			assert.Nil(t, o)
			assert.EqualError(t, err, c.err)
			for levels := range 5 {
				_, err := ParseTree(nil, []byte(c.src), levels)
				if json.Valid([]byte(c.src)) {
					assert.NoError(t, err)
				} else {
					assert.EqualError(t, err, c.err, "a tree of %d levels", levels)
				}
			}
		})
	}
}

// Strings are walked over eight bytes at a time: each byte at each place of such a
// step, in a key and in a value.
func TestEveryByteOfAString(t *testing.T) {
	for c := range 256 {
		for at := range 17 {
			text := []byte(`"0123456789abcdefg"`)
			text[1+at] = byte(c)
			for _, src := range []string{`{"k":` + string(text) + `}`, `{` + string(text) + `:1}`} {
				o, err := ParseObject([]byte(src))
				if valid := json.Valid([]byte(src)); valid != (err == nil) {
					t.Fatalf("%q: %v, encoding/json says %v", src, err, valid)
				}
				if err == nil {
					var want map[string]any
					require.NoError(t, json.Unmarshal([]byte(src), &want))
					require.Contains(t, want, o[0].Key())
				}
			}
		}
	}
}

func TestFolds(t *testing.T) {
	o, err := ParseObject([]byte(`{"Type":1,"type":1,"TYPE":1,"typ\u0065":1,"types":1,"tyqe":1,"prevRe\u017fult":1,"prevResult":1}`))
	require.NoError(t, err)
	var folds []int
	for i, m := range o {
		if m.Folds("type") || m.Folds("prevResult") {
			folds = append(folds, i)
		}
	}
	assert.Equal(t, []int{0, 1, 2, 3, 6, 7}, folds)
}

func TestSplice(t *testing.T) {
	o, err := ParseObject([]byte(`{ "big": 9223372036854775807, "drop": {}, "v\u0065ndor": 1.0 }`))
	require.NoError(t, err)
	out := Splice(nil, o, func(m Member) bool { return !m.Is("drop") }, Field{"name", []byte(`"n"`)}, Field{"<", []byte("1")})
	assert.Equal(t, `{"big":9223372036854775807,"v\u0065ndor":1.0,"name":"n","\u003c":1}`, string(out))
	assert.Equal(t, `{}`, string(Splice(nil, nil, nil)))
	assert.Equal(t, `x{"a":1}`, string(Splice([]byte("x"), nil, nil, Field{"a", []byte("1")})), "appends")
}

func TestAppendSorted(t *testing.T) {
	o, err := ParseObject([]byte(`{ "b": {"z": 1, "a" : [ {"y":1,"x" :"  "} ]}, "a":1.0, "a": 2 }`))
	require.NoError(t, err)
	assert.Equal(t, `{"a":2,"b":{"z":1,"a":[{"y":1,"x":"  "}]}}`, string(AppendSorted(nil, o, false)))
	assert.Equal(t, `{"a":2,"b":{"a":[{"x":"  ","y":1}],"z":1}}`, string(AppendSorted(nil, o, true)))
}

func TestSpliceSorted(t *testing.T) {
	o, err := ParseObject([]byte(`{ "type": "a", "c": { "z" : 1.0 }, "\u0061":1, "a": 2 }`))
	require.NoError(t, err)
	fields := []Field{{"A", []byte(" 1 ")}, {"b", []byte("2")}, {"z", []byte("3")}}
	assert.Equal(t, `{"A": 1 ,"a":2,"b":2,"c":{"z":1.0},"type":"a","z":3}`, string(SpliceSorted(nil, o.Sorted(), fields...)))
	assert.Equal(t, `{}`, string(SpliceSorted(nil, Object(nil).Sorted())))
}

func TestEqualCompact(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`{"a": [1, 2], "b" :"x y"}`, `{"a":[1,2],"b":"x y"}`, true},
		{`{"a":"x y"}`, `{"a":"xy"}`, false},
		{`[1]`, `[1,2]`, false},
		{`[12]`, `[1]`, false},
		{`"\u0061"`, `"a"`, false},
		{` null `, `null`, true},
	} {
		assert.Equal(t, c.want, EqualCompact([]byte(c.a), []byte(c.b)), "%s %s", c.a, c.b)
		assert.Equal(t, c.want, EqualCompact([]byte(c.b), []byte(c.a)), "%s %s", c.b, c.a)
	}
}

func TestPosition(t *testing.T) {
	src := []byte("{\n  \"a\": x\n}")
	for offset, want := range map[int][2]int{0: {1, 1}, 2: {2, 1}, 9: {2, 8}, 99: {3, 2}, -1: {1, 1}} {
		line, column := Position(src, offset)
		assert.Equal(t, want, [2]int{line, column}, "offset %d", offset)
	}
}

func TestTypeNames(t *testing.T) {
	for src, want := range map[string]string{"null": "<nil>", "1": "float64", "true": "bool", `"a"`: "string", "[]": "[]interface {}", " {}": "map[string]interface {}", "": "<nil>", "x": "<nil>"} {
		assert.Equal(t, want, TypeOf([]byte(src)).GoType(), src)
	}
}

var seeds = []string{
	`{}`, `[]`, `null`, ``, `{"a":1}`, `{"a":[1,2.5e-3,{"b":null}],"c":"\u00e9\ud83d\ude00"}`, `{"a":-0,"b":01}`,
	`{"a":1,"a":2,"A":3}`, ` { "x" : "\\\"" , "y" : true } `, `{"a":1e400,"b":1.0,"c":9223372036854775807}`,
	"{\"a\":\"\xff\"}", `{"a":"\ud800"}`, `[[[[{"a":[]}]]]]`, `{"a":tru}`, `{"a":1 2}`, `"s"`, `-`, `1.`, `1e`, `{"":""}`,
}

// FuzzScan holds the scanner against encoding/json: same texts accepted, same
// members found.
func FuzzScan(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		require.Equal(t, json.Valid(src), Valid(src))
		o, err := ParseObject(src)
		var twin map[string]json.RawMessage
		twinErr := json.Unmarshal(src, &twin)
		if twinErr != nil || twin == nil {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		for _, m := range o {
			got, ok := o.Get(m.Key())
			require.True(t, ok)
			require.Equal(t, string(twin[m.Key()]), string(got.Value))
		}
		for key := range twin {
			_, ok := o.Get(key)
			require.True(t, ok, "%q", key)
		}
	})
}

// FuzzTree holds what one walk finds against taking each value apart by itself.
func FuzzTree(f *testing.F) {
	for _, s := range append(seeds, benchPretty, `[{"a":[1,{"b":[[]]}],"c":{}},[],2]`) {
		for levels := range uint8(5) {
			f.Add([]byte(s), levels)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte, levels uint8) {
		tree, err := ParseTree(nil, src, int(levels%8))
		if !Valid(src) {
			require.Equal(t, syntaxError(src), err)
			return
		}
		require.NoError(t, err)
		root := tree.Root(src)
		require.Equal(t, bytes.Trim(src, " \t\r\n"), root.Value)
		sameAsTaken(t, tree, src, root, int(levels%8))
	})
}

func sameAsTaken(t *testing.T, tree Tree, src []byte, m Member, levels int) {
	require.Equal(t, m.Value, src[m.Offset:m.Offset+len(m.Value)])
	var alone Object
	if levels > 0 {
		switch TypeOf(m.Value) {
		case Obj:
			alone, _ = ParseObject(m.Value)
		case Array:
			elements, _ := ParseArray(m.Value)
			for _, e := range elements {
				alone = append(alone, Member{Value: e.Value, Offset: e.Offset})
			}
		}
	}
	within := tree.Object(src, nil, m)
	require.Len(t, within, len(alone))
	for i, inner := range within {
		require.Equal(t, string(alone[i].Quoted), string(inner.Quoted))
		require.Equal(t, alone[i].simple, inner.simple)
		require.Equal(t, string(alone[i].Value), string(inner.Value))
		require.Equal(t, m.Offset+alone[i].Offset, inner.Offset)
		sameAsTaken(t, tree, src, inner, levels-1)
	}
}

func TestKeys(t *testing.T) {
	keys := KeysOf("type", "name", "prevResult")
	o, err := ParseObject([]byte(`{"type":0,"NAME":0,"typ\u0065":0,"prevRe\u017fult":0,"tipe":0,"types":0,"":0,"` + strings.Repeat("x", 68) + `":0}`))
	require.NoError(t, err)
	var found []int
	for _, m := range o {
		found = append(found, keys.Find(m))
	}
	assert.Equal(t, []int{0, 1, 0, 2, -1, -1, -1, -1}, found)
}

// Sorting by first bytes, and what it leaves to the sort of any object.
func TestSorted(t *testing.T) {
	many := make([]string, 20)
	for i := range many {
		many[i] = string(rune('a' + len(many) - i))
	}
	for name, keys := range map[string][]string{
		"same beginning":  {"isGatewayB", "isGatewayA", "isGateway", "isGatewa"},
		"beginning first": {"ab", "a", "", "abc", "a!", "a "},
		"duplicates":      {"b", "a", "b", "a", "b"},
		"not ASCII":       {"b", "é", "a", "à"},
		"many":            many,
	} {
		t.Run(name, func(t *testing.T) {
			text, want := []byte{'{'}, map[string]int{}
			for i, key := range keys {
				text = append(AppendString(comma(text, '{'), key), fmt.Sprintf(":%d", i)...)
				want[key] = i
			}
			o, err := ParseObject(append(text, '}'))
			require.NoError(t, err)
			var got []string
			for _, m := range o.Sorted() {
				got = append(got, m.Key())
				assert.Equal(t, fmt.Sprint(want[m.Key()]), string(m.Value), "the last of equal keys")
			}
			assert.Equal(t, slices.Sorted(maps.Keys(want)), got)
		})
	}
}

// FuzzWrite holds what is written against a round trip through maps.
func FuzzWrite(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), "name", "value")
	}
	f.Fuzz(func(t *testing.T, src []byte, key, value string) {
		o, err := ParseObject(src)
		if err != nil {
			return
		}
		want := decode(t, src).(map[string]any)
		require.Equal(t, any(want), decode(t, AppendSorted(nil, o, false)))
		require.Equal(t, any(want), decode(t, AppendSorted(nil, o, true)))
		compact := AppendCompact(nil, src)
		require.Equal(t, any(want), decode(t, compact))
		require.True(t, EqualCompact(compact, src))

		quoted := AppendString(nil, key)
		decodedKey, ok := String(quoted)
		require.True(t, ok)
		out := Splice(nil, o, func(m Member) bool { return !m.Is(decodedKey) }, Field{key, AppendString(nil, value)})
		plainValue, _ := json.Marshal(value)
		want[decodedKey] = decode(t, plainValue)
		require.Equal(t, any(want), decode(t, out))
		others := slices.DeleteFunc(o, func(m Member) bool { return m.Is(decodedKey) })
		out = SpliceSorted(nil, others.Sorted(), Field{decodedKey, AppendString(nil, value)})
		require.Equal(t, any(want), decode(t, out))
		sorted, err := ParseObject(out)
		require.NoError(t, err)
		require.True(t, slices.IsSortedFunc(sorted, func(a, b Member) int { return cmp.Compare(a.Key(), b.Key()) }), "%s", out)
	})
}

func decode(t *testing.T, src []byte) any {
	d := json.NewDecoder(bytes.NewReader(src))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v), "%q", src)
	return v
}

var benchSrc = []byte(`{"cniVersion":"1.0.0","name":"net","plugins":[{"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":true,"ipam":{"type":"host-local","ranges":[[{"subnet":"10.0.0.0/16"}]],"routes":[{"dst":"0.0.0.0/0"}]}},{"type":"portmap","capabilities":{"portMappings":true}}]}`)

func BenchmarkParseObject(b *testing.B) {
	b.SetBytes(int64(len(benchSrc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseObject(benchSrc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSorted(b *testing.B) {
	parsed, err := ParseObject([]byte(`{"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":true,"hairpinMode":true,"promiscMode":false,"capabilities":{},"ipam":{}}`))
	require.NoError(b, err)
	o := make(Object, len(parsed))
	for b.Loop() {
		copy(o, parsed)
		_ = o.Sorted()
	}
}

func BenchmarkParseTree(b *testing.B) {
	b.ReportAllocs()
	src := []byte(benchPretty)
	for b.Loop() {
		var room [64]Node
		tree, err := ParseTree(room[:0], src, 4)
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for m := range tree.In(src, tree.Root(src)) {
			n += m.Offset
		}
		if n == 0 {
			b.Fatal("nothing there")
		}
	}
}

func BenchmarkEncodingJSON(b *testing.B) {
	b.SetBytes(int64(len(benchSrc)))
	b.ReportAllocs()
	for b.Loop() {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(benchSrc, &m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValid(b *testing.B) {
	for name, src := range map[string][]byte{
		"list":   benchSrc,
		"pretty": []byte(benchPretty),
		"base64": []byte(`{"config":"` + strings.Repeat("eyJjbmlWZXJzaW9uIjoi", 60) + `"}`),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				if !Valid(src) {
					b.Fatal("not valid")
				}
			}
		})
	}
}

const benchPretty = `{
  "cniVersion": "1.1.0",
  "name": "podnet",
  "plugins": [
    {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true, "promiscMode": false,
      "capabilities": {"ips": true, "dns": true},
      "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/16", "gateway": "10.88.0.1"}], [{"subnet": "fd00:10:88::/64"}]],
               "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}},
    {"type": "portmap", "capabilities": {"portMappings": true}, "snat": true, "markMasqBit": 14},
    {"type": "firewall", "backend": "iptables", "ingressPolicy": "same-bridge"}
  ]
}
`
