package libcni

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/internal/rawjson"
)

// upstreamRecord is what upstream decodes a record file into.
type upstreamRecord struct {
	Kind           string                 `json:"kind"`
	ContainerID    string                 `json:"containerId"`
	Config         []byte                 `json:"config"`
	IfName         string                 `json:"ifName"`
	NetworkName    string                 `json:"networkName"`
	NetNS          string                 `json:"netns,omitempty"`
	CniArgs        [][2]string            `json:"cniArgs,omitempty"`
	CapabilityArgs map[string]interface{} `json:"capabilityArgs,omitempty"`
	RawResult      map[string]interface{} `json:"result,omitempty"`
}

func sampleRecord() *record {
	return &record{
		key:            key{"net", "c1", "eth0"},
		netns:          "/run/netns/c1",
		args:           [][2]string{{"IgnoreUnknown", "1"}, {"K8S_POD_NAME", `a"b\c<d>é`}},
		capabilityArgs: json.RawMessage(`{"portMappings":[{"hostPort":8080}],"big":9223372036854775807}`),
		config:         []byte(`{"name":"net","cniVersion":"1.0.0","plugins":[{"type":"one"}]}`),
		created:        time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
	}
}

func TestRecordIsUpstreams(t *testing.T) {
	r := sampleRecord()
	result := []byte(`{ "cniVersion":"1.0.0", "ips":[{"address":"10.0.0.2/24"}], "vendor":9223372036854775807 }`)
	data := completeRecord(r.encodeIntent(), result)

	var theirs upstreamRecord
	require.NoError(t, json.Unmarshal(data, &theirs))
	assert.Equal(t, CNICacheV1, theirs.Kind)
	assert.Equal(t, []string{"net", "c1", "eth0", "/run/netns/c1"}, []string{theirs.NetworkName, theirs.ContainerID, theirs.IfName, theirs.NetNS})
	assert.Equal(t, string(r.config), string(theirs.Config))
	assert.Equal(t, r.args, theirs.CniArgs)
	assert.Contains(t, theirs.CapabilityArgs, "portMappings")
	assert.Equal(t, "1.0.0", theirs.RawResult["cniVersion"])

	got, err := decodeRecord(data)
	require.NoError(t, err)
	want := *r
	want.result = result
	assert.Equal(t, &want, got, "numbers and unknown members keep their bytes")
}

// An intent reads the same at every step of becoming a record, but for the result as
// soon as that is whole, and is none where it is cut off itself.
func TestIntentThatBecomesARecord(t *testing.T) {
	want := sampleRecord()
	intent := want.encodeIntent()
	result := []byte(`{"cniVersion":"1.0.0","cnikit":{"created":"x"},"ips":[]}`)
	record := completeRecord(bytes.Clone(intent), result)
	for n := range len(record) + 1 {
		got, err := decodeIntent(record[:n])
		if n < len(intent)-1 {
			require.Error(t, err, "%s", record[:n])
			continue
		}
		require.NoError(t, err, "%s", record[:n])
		if n == len(record)-len("}") {
			want.result = result
		}
		require.Equal(t, want, got, "%s", record[:n])
	}
	want.result = nil
	got, err := decodeIntent(intent)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	for name, data := range map[string]string{
		"others' record": `{"kind":"cniCacheV1","containerId":"c","ifName":"i","networkName":"n"}`,
		"other kind":     `{"kind":"cniPending","containerId":"c","ifName":"i","networkName":"n","cnikit":{}}`,
		"array":          `[]`,
	} {
		_, err := decodeIntent([]byte(data))
		assert.Error(t, err, name)
	}
}

// The one record of ours that upstream cannot read: a number beyond float64 in a
// member that it would have dropped. It then takes the file for a bare result.
func TestRecordBeyondFloat64(t *testing.T) {
	data := completeRecord(sampleRecord().encodeIntent(), []byte(`{"cniVersion":"1.0.0","vendor":1e400}`))
	assert.ErrorContains(t, json.Unmarshal(data, &upstreamRecord{}), "cannot unmarshal number 1e400")
	r, err := decodeRecord(data)
	require.NoError(t, err)
	prev, err := r.prevResult("1.0.0")
	require.NoError(t, err)
	assert.Equal(t, `{"cniVersion":"1.0.0","vendor":1e400}`, string(prev))
}

func TestRecordWithoutOptionalMembers(t *testing.T) {
	r := &record{key: key{"n", "c", "i"}, created: time.Unix(1, 0).UTC()}
	got, err := decodeRecord(completeRecord(r.encodeIntent(), []byte(`{}`)))
	require.NoError(t, err)
	r.config, r.result = []byte{}, []byte(`{}`)
	assert.Equal(t, r, got)
}

// Records that upstream wrote, in whatever order and layout.
func TestRecordsOfOthers(t *testing.T) {
	theirs, err := json.MarshalIndent(upstreamRecord{
		Kind: CNICacheV1, ContainerID: "c1", IfName: "eth0", NetworkName: "net", NetNS: "/n",
		Config: []byte(`{"x":1}`), CniArgs: [][2]string{{"a", "b"}}, CapabilityArgs: map[string]any{"m": 1.0},
		RawResult: map[string]any{"cniVersion": "0.4.0"},
	}, "", "\t")
	require.NoError(t, err)
	r, err := decodeRecord(theirs)
	require.NoError(t, err)
	assert.True(t, r.foreign)
	assert.Equal(t, key{"net", "c1", "eth0"}, r.key)
	assert.Equal(t, `{"x":1}`, string(r.config))
	assert.Equal(t, [][2]string{{"a", "b"}}, r.args)
	prev, err := r.prevResult("0.4.0")
	require.NoError(t, err)
	assert.JSONEq(t, `{"cniVersion":"0.4.0"}`, string(prev))
}

func TestDamagedRecords(t *testing.T) {
	whole := string(completeRecord(sampleRecord().encodeIntent(), []byte(`{"cniVersion":"1.0.0"}`)))
	for _, c := range []struct{ name, data, err string }{
		{"text", "adfadsfasdfasfdsafaf", "decoding version from network config: invalid character 'a' looking for beginning of value"},
		{"empty", "", "decoding version from network config: unexpected end of JSON input"},
		{"torn", whole[:len(whole)/2], "decoding version from network config: unexpected end of JSON input"},
		{"array", "[]", "decoding version from network config: JSON value is an array, not an object"},
		{"other kind", `{"kind":"other"}`, `record has wrong kind: "other"`},
		{"kind no string", `{"kind":1}`, `record has wrong kind: ""`},
		{"no attachment", `{"kind":"cniCacheV1"}`, "record names no attachment"},
		{"a name that cannot be", strings.Replace(whole, `"networkName":"net"`, `"networkName":"../x"`, 1), "invalid characters found in network name"},
		{"name no string", strings.Replace(whole, `"networkName":"net"`, `"networkName":7`, 1), "record's networkName: json: cannot unmarshal number"},
		{"config no base64", strings.Replace(whole, `"config":"`, `"config":"*`, 1), "record's config: illegal base64"},
		{"config no string", `{"kind":"cniCacheV1","config":{}}`, "record's config: json: cannot unmarshal object"},
		{"args", strings.Replace(whole, `"cniArgs":[`, `"cniArgs":[1,`, 1), "record's cniArgs: json: cannot unmarshal"},
		{"capability arguments", strings.Replace(whole, `"capabilityArgs":{`, `"capabilityArgs":[],"x":{`, 1), "record's capabilityArgs: JSON value is an array, not an object"},
		{"result", strings.Replace(whole, `"result":{`, `"result":"","x":{`, 1), "record's result: JSON value is a string, not an object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := decodeRecord([]byte(c.data))
			assert.ErrorContains(t, err, c.err)
		})
	}
}

func TestPrevResult(t *testing.T) {
	for _, c := range []struct{ name, result, version, want, err string }{
		{"same version, byte for byte", `{ "cniVersion":"1.0.0","x":1e400 }`, "1.0.0", `{ "cniVersion":"1.0.0","x":1e400 }`, ""},
		{"another version", `{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.0.0.2/24"}]}`, "1.0.0", `{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/24"}]}`, ""},
		{"no version is 0.1.0", `{"ip4":{"ip":"10.0.0.2/24"}}`, "", `{"cniVersion":"0.1.0","ip4":{"ip":"10.0.0.2/24"}}`, ""},
		{"same version, shortly written", `{"cniVersion":"1.1.0", "x":1e400}`, "1.1", `{"cniVersion":"1.1.0", "x":1e400}`, ""},
		{"unknown version", `{"cniVersion":"0.4567.0"}`, "1.0.0", "", `unsupported CNI result version "0.4567.0"`},
		{"cannot be converted", `{"cniVersion":"1.0.0"}`, "9.9.9", "", `failed to convert cached result to config version "9.9.9": `},
		{"null where none may be", `{"cniVersion":"1.0.0","ips":[null]}`, "1.0.0", "", "/ips/0"},
		{"null interface in another version", `{"cniVersion":"0.4.0","interfaces":[null]}`, "1.0.0", "", "/interfaces/0"},
		{"null address in another version", `{"cniVersion":"1.0.0","ips":[null]}`, "0.4.0", "", "/ips/0"},
		{"null route in another version", `{"cniVersion":"0.4.0","routes":[null]}`, "0.2.0", "", "/routes/0"},
		{"none", "", "1.0.0", "", "record has no result"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &record{path: "/x"}
			if c.result != "" {
				r.result = []byte(c.result)
			}
			prev, err := r.prevResult(c.version)
			if c.err == "" {
				require.NoError(t, err)
				if strings.HasPrefix(c.name, "same") {
					assert.Equal(t, c.want, string(prev))
				} else {
					assert.JSONEq(t, c.want, string(prev))
				}
				return
			}
			var damaged *RecordError
			require.ErrorAs(t, err, &damaged)
			assert.Equal(t, "/x", damaged.Path)
			assert.ErrorContains(t, err, c.err)
		})
	}
}

// Any bytes are an error or an attachment; what is an attachment comes back from
// its own encoding.
func FuzzDecodeRecord(f *testing.F) {
	f.Add(completeRecord(sampleRecord().encodeIntent(), []byte(`{"cniVersion":"1.0.0"}`)))
	f.Add([]byte(`{"kind":"cniCacheV1","containerId":"c","ifName":"i","networkName":"n","config":"e30=","cniArgs":[["a","b"]],"result":{},"cnikit":{"created":"x"}}`))
	f.Add([]byte(`{"cniVersion":"0.4.0"}`))
	f.Add([]byte(`{"kind":null}`))
	for _, v := range []string{"0.4.0", "1.0.0"} {
		f.Add([]byte(`{"cniVersion":"` + v + `","interfaces":[null],"ips":[null],"routes":[null]}`))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeRecord(bytes.Clone(data))
		if err != nil {
			return
		}
		for _, v := range []string{"", "0.4.0", "1.1", "1.1.0"} {
			_, _ = r.prevResult(v)
		}
		if r.bare {
			require.Equal(t, key{}, r.key)
			return
		}
		require.NoError(t, r.key.validate())
		if r.result == nil || !r.created.Equal(r.created.Truncate(0)) || r.created.Year() < 0 || r.created.Year() > 9999 {
			return
		}
		if r.storable() != nil {
			return
		}
		again, err := decodeRecord(completeRecord(r.encodeIntent(), r.result))
		require.NoError(t, err)
		require.True(t, again.sameRequest(r), "%s", data)
		require.Equal(t, r.key, again.key)
		require.Equal(t, string(r.result), string(again.result))
	})
}

// encoding/json reads the same record out of the same bytes.
func FuzzDecodeRecordLikeUpstream(f *testing.F) {
	f.Add("net", "c1", "eth0", "/run/netns/x", "k", "v", []byte(`{"name":"net"}`), `{"a":1}`)
	f.Fuzz(func(t *testing.T, network, container, ifname, netns, k, v string, config []byte, object string) {
		r := &record{key: key{network, container, ifname}, netns: netns, args: [][2]string{{k, v}}, config: config}
		if r.key.validate() != nil || r.storable() != nil || !json.Valid([]byte(object)) || rawjson.TypeOf([]byte(object)) != rawjson.Obj {
			return
		}
		r.capabilityArgs = json.RawMessage(object)
		var theirs struct {
			upstreamRecord
			CapabilityArgs json.RawMessage `json:"capabilityArgs"`
			RawResult      json.RawMessage `json:"result"`
		}
		require.NoError(t, json.Unmarshal(completeRecord(r.encodeIntent(), []byte(object)), &theirs))
		require.Equal(t, []string{network, container, ifname, netns}, []string{theirs.NetworkName, theirs.ContainerID, theirs.IfName, theirs.NetNS})
		require.Equal(t, r.args, theirs.CniArgs)
		require.Equal(t, base64.StdEncoding.EncodeToString(config), base64.StdEncoding.EncodeToString(theirs.Config))
		require.Equal(t, strings.TrimSpace(object), string(theirs.RawResult))
	})
}

func BenchmarkRecord(b *testing.B) {
	r := sampleRecord()
	result := []byte(`{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"/run/netns/c1"}],"ips":[{"address":"10.0.0.2/24","interface":0}],"dns":{}}`)
	data := completeRecord(r.encodeIntent(), result)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			completeRecord(r.encodeIntent(), result)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decodeRecord(data); err != nil {
				b.Fatal(err)
			}
		}
	})
}
