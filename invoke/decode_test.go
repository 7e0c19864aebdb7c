package invoke

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/internal/rawjson"
	types100 "github.com/containernetworking/cni/pkg/types/100"
)

const resultOfPlugins = `{
    "cniVersion": "1.1.0",
    "interfaces": [
        {"name": "cni0", "mac": "ba:1c:0f:4e:24:91"},
        {"name": "veth9d2a7c31", "mac": "5e:77:2d:ab:5b:cc"},
        {"name": "eth0", "mac": "0a:58:0a:58:00:05", "mtu": 1500, "sandbox": "/run/netns/cni-2c7a", "socketPath": "/s", "pciID": "0000:02:00.1"}
    ],
    "ips": [
        {"interface": 2, "address": "10.88.0.5/16", "gateway": "10.88.0.1"},
        {"interface": 2, "address": "fd00:10:88::5/64", "gateway": "fd00:10:88::1"}
    ],
    "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0", "gw": "fe80::1", "mtu": 1400, "advmss": 1360, "priority": 10, "table": 254, "scope": 0}],
    "dns": {"nameservers": ["10.96.0.10"], "domain": "cluster.local", "search": ["svc.cluster.local"], "options": ["ndots:5"]},
    "vendor": {"id": 12345678901234567890}
}`

func TestResultsOfPluginsAreDecodedWithoutEncodingJSON(t *testing.T) {
	for _, result := range []string{
		resultOfPlugins,
		`{"cniVersion":"1.0.0"}`,
		`{"cniVersion":"1.0.0","interfaces":[],"ips":[{"address":"10.0.0.2/24"}],"dns":{}}`,
	} {
		o, err := rawjson.ParseObject([]byte(result))
		require.NoError(t, err)
		_, ok := decode100(o)
		assert.True(t, ok, result)
	}
}

// FuzzDecodeResult: the decoder of its own makes what encoding/json makes, or
// leaves the result to it.
func FuzzDecodeResult(f *testing.F) {
	for _, result := range []string{
		resultOfPlugins,
		`{"cniVersion":"1.0.0","interfaces":[],"ips":[],"routes":[],"dns":{"search":[]}}`,
		`{"cniVersion":"1.1.0","ips":[{"address":"::ffff:1.2.3.4/120","gateway":"::ffff:1.2.3.4","interface":-0}]}`,
		`{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.2/024","gateway":"","interface":1}]}`,
		`{"cniVersion":"1.1.0","ips":[{"address":"fe80::1%eth0/64"},{"address":"10.0.0.1","gateway":"fe80::1%eth0"}]}`,
		`{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.1/8","gateway":"fe80::1%eth0"}]}`,
		`{"cniVersion":"1.1.0","ips":[{"interface":1,"interface":2,"address":"10.0.0.2/24","address":"10.0.0.3/24"}]}`,
		`{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.2/24","ADDRESS":"10.0.0.3/24"}],"IPS":[{}]}`,
		`{"cniVersion":"1.1.0","ips":[{"interface":1}],"ips":[{"gateway":"10.0.0.1"}]}`,
		`{"cniVersion":"1.1.0","dns":{"domain":"a"},"dns":{"search":["b"]}}`,
		`{"cniVersion":"1.1.0","dns":{"search":["a","b"]},"dns":{"search":["c"]}}`,
		`{"cniVersion":"1.1.0","interfaces":[{"name":"\u0065th0","mac":"\ud800","\u006dtu":1}]}`,
		`{"cniVersion":"1.1.0","interfaces":[null],"ips":null,"routes":[{"dst":null,"table":null}]}`,
		`{"cniVersion":"1.1.0","interfaces":{"a":1},"ips":[1],"routes":["x"],"dns":[]}`,
		`{"cniVersion":"1.1.0","ips":[` + strings.Repeat(`{"interface":5,"address":"fd00::5/64","gateway":"fd00::1"},`, 40) + `{"address":"10.0.0.2/0"}]}`,
		`{"cniVersion":"1.1.0","cniVersion":"1.0.0"}`, `{"cniVersion":"1.1"}`, `{"CNIVersion":"1.1.0"}`,
		`{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.0.0.2/24"}]}`,
		`{"cniVersion":"1.1.0","routes":[{"dst":"0.0.0.0/0","mtu":1e3},{"dst":"0.0.0.0/0","table":9223372036854775808}]}`,
		`{}`, `null`, `[]`, ``, `{"cniVersion":"1.1.0"} `, `{"cniVersion":"1.1.0"}}`,
	} {
		f.Add([]byte(result))
	}
	f.Fuzz(func(t *testing.T, result []byte) {
		got, err := DecodeResult(result)
		want, wantErr := decodeAny(result)
		if wantErr != nil {
			require.EqualError(t, err, wantErr.Error())
			return
		}
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

// Results share memory; what a caller does to one value shows in no other.
func TestDecodedValuesAreTheirOwn(t *testing.T) {
	decoded, err := DecodeResult([]byte(resultOfPlugins))
	require.NoError(t, err)
	r := decoded.(*types100.Result)
	_ = append(r.IPs[0].Address.IP, 1, 2, 3, 4)
	_ = append(r.IPs[0].Address.Mask, 1, 2, 3, 4)
	_ = append(r.IPs[0].Gateway, 1, 2, 3, 4)
	_ = append(r.IPs[1].Address.IP, 1, 2, 3, 4)
	*r.IPs[0].Interface = 7
	r.Interfaces[0].Name = "other"

	fresh, err := decodeAny([]byte(resultOfPlugins))
	require.NoError(t, err)
	want := fresh.(*types100.Result)
	seven := 7
	want.IPs[0].Interface = &seven
	want.Interfaces[0].Name = "other"
	assert.Equal(t, want, r)
}

func BenchmarkDecodeResult(b *testing.B) {
	for _, v := range []struct{ name, result string }{
		{"as plugins write it", resultOfPlugins},
		{"left to encoding-json", resultOfPlugins[:len(resultOfPlugins)-1] + `,"IPS":[]}`},
	} {
		b.Run(v.name, func(b *testing.B) {
			b.ReportAllocs()
			result := []byte(v.result)
			for b.Loop() {
				if _, err := DecodeResult(result); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
