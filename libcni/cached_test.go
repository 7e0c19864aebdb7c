package libcni

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/internal/rawjson"
)

// warnings collects what Options.Warn is told.
func warnings(to *[]error) func(context.Context, error) {
	var mu sync.Mutex
	return func(_ context.Context, err error) {
		mu.Lock()
		defer mu.Unlock()
		*to = append(*to, err)
	}
}

func TestCachedFunctionsCheckTheirArguments(t *testing.T) {
	f := newFixture(t, Options{})
	list := func(name string) *NetworkConfigList { return &NetworkConfigList{Name: name} }
	for _, c := range []struct {
		name string
		list *NetworkConfigList
		rt   *RuntimeConf
		text string
	}{
		{"nil list", nil, f.rt, "no network configuration list (nil)"},
		{"nil runtime configuration", list("net"), nil, "no runtime configuration (nil)"},
		{"no network", list(""), f.rt, `cache file path requires network name (""), container ID ("c1"), and interface name ("eth0")`},
		{"no container", list("net"), &RuntimeConf{IfName: "eth0"}, `cache file path requires network name ("net"), container ID (""), and interface name ("eth0")`},
		{"R1 path in the network's name", list("../x"), f.rt, "invalid characters found in network name"},
		{"R13 path in the container ID", list("net"), &RuntimeConf{ContainerID: "a/b", IfName: "eth0"}, "invalid characters in containerID"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var refused *RequestError
			_, err := f.GetNetworkListCachedResult(c.list, c.rt)
			assert.ErrorAs(t, err, &refused)
			assert.ErrorContains(t, err, c.text)
			_, _, err = f.GetNetworkListCachedConfig(c.list, c.rt)
			assert.ErrorAs(t, err, &refused)
			assert.ErrorContains(t, err, c.text)
		})
	}
	_, err := f.GetNetworkCachedResult(nil, f.rt)
	assert.Error(t, err)
	_, _, err = f.GetNetworkCachedConfig(&PluginConfig{}, f.rt)
	assert.Error(t, err)
}

func TestNoRecordIsNoError(t *testing.T) {
	f := newFixture(t, Options{})
	list := list3(t, v1)
	result, err := f.GetNetworkListCachedResult(list, f.rt)
	assert.NoError(t, err)
	assert.Nil(t, result)
	config, rt, err := f.GetNetworkListCachedConfig(list, f.rt)
	assert.NoError(t, err)
	assert.Nil(t, config)
	assert.Nil(t, rt)
}

// Numbers survive: on the way to the plugins byte for byte, to the caller as
// float64 unless that would lose digits.
func TestNumbersSurvive(t *testing.T) {
	f := newFixture(t, Options{})
	f.rt.CapabilityArgs = map[string]any{"m": map[string]any{
		"small": 5, "max": int64(math.MaxInt64), "umax": uint64(math.MaxUint64), "float": 1.5, "list": []any{uint64(1)<<53 + 1}, "huge": json.Number("1e400"),
	}}
	list := mustList(t, `{"name":"net","cniVersion":"1.0.0","plugins":[{"type":"one","capabilities":{"m":true}}]}`)
	f.fake.replies["ADD"] = `{"cniVersion":"1.0.0","vendor":[9223372036854775807,1e400]}`
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	_, rt, err := f.GetNetworkListCachedConfig(list, f.rt)
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"m": map[string]any{
		"small": 5.0, "max": json.Number("9223372036854775807"), "umax": json.Number("18446744073709551615"), "float": 1.5,
		"list": []any{json.Number("9007199254740993")}, "huge": json.Number("1e400"),
	}}, rt.CapabilityArgs)
	f.fake.take()
	require.NoError(t, f.DelAttachment(t.Context(), AttachmentKey{"net", "c1", "eth0"}))
	stdin := f.fake.take()[0].stdin
	assert.Contains(t, stdin, `"runtimeConfig":{"m":{"float":1.5,"huge":1e400,"list":[9007199254740993],"max":9223372036854775807,"small":5,"umax":18446744073709551615}}`)
	assert.Contains(t, stdin, `"vendor":[9223372036854775807,1e400]`)
}

func TestCachedConfigOfDamagedRecords(t *testing.T) {
	f := newFixture(t, Options{})
	require.NoError(t, os.MkdirAll(filepath.Join(f.opts.CacheDir, "results"), 0o700))
	path := filepath.Join(f.opts.CacheDir, "results", "net-c1-eth0")
	for data, text := range map[string]string{
		"adfads":                `failed to unmarshal cached network "net" config: invalid character 'a' looking for beginning of value`,
		`{"kind":"other"}`:      `read cached network "net" config has wrong kind: other`,
		`{"kind":"cniCacheV1"}`: "record names no attachment",
	} {
		require.NoError(t, os.WriteFile(path, []byte(data), 0o600))
		_, _, err := f.GetNetworkListCachedConfig(list3(t, v1), f.rt)
		assert.EqualError(t, err, text)
		var damaged *RecordError
		require.ErrorAs(t, err, &damaged)
		assert.Equal(t, path, damaged.Path)
	}
}

// FuzzCapabilityArgs: the decoder of its own makes what encoding/json makes, where
// that loses no digits.
func FuzzCapabilityArgs(f *testing.F) {
	for _, args := range []string{
		capabilityArgs,
		`{"a":[],"b":{},"c":[{},[null,true,false]],"d":"\u0061\ud800é","\u0065":-0,"dup":1,"dup":{"x":1,"x":2}}`,
		`{"n":[0,-0,1.0,1e2,1E400,-1e-400,123456789012345,1234567890123456,9007199254740993,18446744073709551615,0.1234567890123456789]}`,
		` { "a" : [ 1 , { "b" : "c" } ] } `,
	} {
		f.Add([]byte(args))
	}
	f.Fuzz(func(t *testing.T, args []byte) {
		if !json.Valid(args) || rawjson.TypeOf(args) != rawjson.Obj {
			return
		}
		var want map[string]any
		d := json.NewDecoder(bytes.NewReader(args))
		d.UseNumber()
		require.NoError(t, d.Decode(&want))
		got := decodeCapabilityArgs(args)
		require.Equal(t, floats(want), any(got))
	})
}

// floats turns the numbers in a decoded value into float64 where none of their
// digits is lost.
func floats(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			v[key] = floats(member)
		}
	case []any:
		for i, element := range v {
			v[i] = floats(element)
		}
	case json.Number:
		f, err := v.Float64()
		whole := !strings.ContainsAny(v.String(), ".eE")
		if err != nil || whole && strconv.FormatFloat(f, 'f', 0, 64) != v.String() {
			return v
		}
		return f
	}
	return v
}

// capabilityArgs are those of a pod of Kubernetes with a port.
const capabilityArgs = `{"bandwidth":{"ingressRate":1000000,"ingressBurst":2000000,"egressRate":0,"egressBurst":0},` +
	`"io.kubernetes.cri.pod-annotations":{"kubernetes.io/config.source":"api"},` +
	`"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp","hostIP":""}]}`

func BenchmarkCapabilityArgs(b *testing.B) {
	args := []byte(capabilityArgs)
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.NotNil(b, decodeCapabilityArgs(args))
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var decoded map[string]any
			require.NoError(b, json.Unmarshal(args, &decoded))
		}
	})
}
