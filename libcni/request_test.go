package libcni

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/internal/rawjson"
	"github.com/cnikit/cnikit/types"
)

// asked is what a test asks of a request, with the network "net" in 1.0.0.
type asked struct {
	prev     []byte
	args     map[string]any
	strip    bool
	filePrev bool
}

func requestFor(conf []byte, a asked) (string, error) {
	plugin := &PluginConfig{Network: &types.PluginConf{}, Bytes: conf}
	if parsed, err := NetworkPluginConfFromBytes(conf); err == nil {
		plugin = parsed
	}
	r, err := newRequests(&network{name: "net", version: "1.0.0", plugins: []*PluginConfig{plugin}}, a.args, false)
	if err != nil {
		return "", err
	}
	r.strip, r.filePrev = a.strip, a.filePrev
	b, err := r.request(plugin, a.prev)
	return string(b), err
}

func TestRequest(t *testing.T) {
	for _, c := range []struct {
		name, conf string
		asked      asked
		want       string
	}{
		{"R7 what nobody knows keeps its bytes, but for white space", `{"type":"a","big":9223372036854775807,"exp":1e400,"one":1.0,"esc":"\u003c\/","deep":{ "b" : [ 1 ] }}`, asked{},
			`{"big":9223372036854775807,"cniVersion":"1.0.0","deep":{"b":[1]},"esc":"\u003c\/","exp":1e400,"name":"net","one":1.0,"type":"a"}`},
		{"R42 name and version are the network's", `{"name":"mine","cniVersion":"0.1.0","type":"a"}`, asked{},
			`{"cniVersion":"1.0.0","name":"net","type":"a"}`},
		{"R9 R35 prevResult in a file is not config", `{"type":"a","prevResult":{"ips":[]}}`, asked{},
			`{"cniVersion":"1.0.0","name":"net","type":"a"}`},
		{"R9 but DEL, GC and STATUS pass it on, as upstream", `{"type":"a","prevResult":{"ips":[]},"PrevResult":{}}`, asked{filePrev: true},
			`{"cniVersion":"1.0.0","name":"net","prevResult":{"ips":[]},"type":"a"}`},
		{"R9 unless there is a record", `{"type":"a","prevResult":{"ips":[]}}`, asked{filePrev: true, prev: []byte("{}")},
			`{"cniVersion":"1.0.0","name":"net","prevResult":{},"type":"a"}`},
		{"R45 nor is any key of cni.dev", `{"type":"a","cni.dev/valid-attachments":[],"CNI.dev/x":1,"\u0063ni.dev/y":2,"cni.development":3,"cni":4}`, asked{},
			`{"cni":4,"cni.development":3,"cniVersion":"1.0.0","name":"net","type":"a"}`},
		{"R45 other spellings of what is set are dropped", `{"type":"a","NAME":"x","CniVersion":"y","PrevResult":{},"prevre\u017fult":{}}`,
			asked{prev: []byte(`{"p":1}`)},
			`{"cniVersion":"1.0.0","name":"net","prevResult":{"p":1},"type":"a"}`},
		{"prevResult travels byte for byte", `{"type":"a"}`, asked{prev: []byte("{ \"x\":\t1.0 }")},
			"{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"prevResult\":{ \"x\":\t1.0 },\"type\":\"a\"}"},
		{"R43 declared and supplied arguments, sorted", `{"type":"a","capabilities":{"z":true,"b":true,"no":false,"absent":true}}`,
			asked{args: map[string]any{"z": int64(math.MaxInt64), "b": []int{1}, "no": 1, "undeclared": func() {}}},
			`{"capabilities":{"z":true,"b":true,"no":false,"absent":true},"cniVersion":"1.0.0","name":"net","runtimeConfig":{"b":[1],"z":9223372036854775807},"type":"a"}`},
		{"R43 a file's own runtimeConfig is replaced whole", `{"type":"a","capabilities":{"b":true},"runtimeConfig":{"x":1}}`,
			asked{args: map[string]any{"b": 1}},
			`{"capabilities":{"b":true},"cniVersion":"1.0.0","name":"net","runtimeConfig":{"b":1},"type":"a"}`},
		{"R43 or kept when there is nothing to deliver", `{"type":"a","capabilities":{"b":true},"runtimeConfig":{"x":1}}`,
			asked{args: map[string]any{"c": 1}},
			`{"capabilities":{"b":true},"cniVersion":"1.0.0","name":"net","runtimeConfig":{"x":1},"type":"a"}`},
		{"R44 capabilities stripped by option", `{"type":"a","capabilities":{"b":true}}`,
			asked{strip: true, args: map[string]any{"b": 1}},
			`{"cniVersion":"1.0.0","name":"net","runtimeConfig":{"b":1},"type":"a"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := requestFor([]byte(c.conf), c.asked)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
	for _, c := range []struct {
		name, conf string
		asked      asked
		err        string
	}{
		{"no bytes", ``, asked{}, "unmarshal existing network bytes: unexpected end of JSON input"},
		{"no type", `{"x":1}`, asked{}, "error parsing configuration: missing 'type'"},
		{"argument without a JSON form", `{"type":"a","capabilities":{"b":true}}`,
			asked{args: map[string]any{"b": func() {}}}, `capability argument "b": json: unsupported type: func()`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := requestFor([]byte(c.conf), c.asked)
			assert.EqualError(t, err, c.err)
		})
	}
}

func TestUndeliveredCapabilities_R46(t *testing.T) {
	list := mustList(t, `{"name":"n","plugins":[{"type":"a","capabilities":{"x":true,"off":false}},{"type":"b","capabilities":{"y":true}}]}`)
	assert.Equal(t, []string{"off", "z"}, list.UndeliveredCapabilities(map[string]any{"x": 1, "y": 1, "z": 1, "off": 1}))
	assert.Nil(t, list.UndeliveredCapabilities(nil))
	assert.Equal(t, []string{"x"}, (&NetworkConfigList{}).UndeliveredCapabilities(map[string]any{"x": 1}))
}

// FuzzRequest holds the splice against the plain way, over maps.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		`{"type":"a"}`, `{"TYPE":"a","x":{"y":[1,2,{"z":null}]}}`, `{"type":"a","prevResult":{"a":1},"cni.dev/x":2,"Name":3}`,
		`{"type":"a","runtimeConfig":{"x":1},"capabilities":{"c":true}}`, `{"type":"a","a":1,"a":2,"\u0061":3}`, `{"ty\u0070e":"a"}`,
	} {
		f.Add([]byte(s), []byte(`{"ips":[]}`), true)
	}
	f.Fuzz(func(t *testing.T, conf, prev []byte, withArgs bool) {
		plugin, err := NetworkPluginConfFromBytes(conf)
		if err != nil {
			return
		}
		if _, err := rawjson.ParseObject(prev); err != nil {
			prev = nil
		}
		a := asked{prev: prev}
		if withArgs {
			a.args = map[string]any{"c": 1}
		}
		got, err := requestFor(conf, a)
		require.NoError(t, err)

		want := decoded(t, conf)
		for key := range want {
			for _, own := range []string{"name", "cniVersion", "prevResult"} {
				if strings.EqualFold(key, own) {
					delete(want, key)
				}
			}
			if len(key) >= 8 && strings.EqualFold(key[:8], "cni.dev/") {
				delete(want, key)
			}
		}
		want["name"], want["cniVersion"] = "net", "1.0.0"
		if prev != nil {
			want["prevResult"] = any(decoded(t, prev))
		}
		if withArgs && plugin.Network.Capabilities["c"] {
			for key := range want {
				if strings.EqualFold(key, "runtimeConfig") {
					delete(want, key)
				}
			}
			want["runtimeConfig"] = map[string]any{"c": json.Number("1")}
		}
		require.Equal(t, want, decoded(t, []byte(got)))
	})
}

func decoded(t *testing.T, src []byte) map[string]any {
	d := json.NewDecoder(bytes.NewReader(src))
	d.UseNumber()
	var v map[string]any
	require.NoError(t, d.Decode(&v))
	return v
}
