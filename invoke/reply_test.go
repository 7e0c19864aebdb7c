package invoke_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
)

var versions = []string{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}

// R47, R48: what is a result, and what its bytes become.
func TestCheckResultAccepts(t *testing.T) {
	const full = `{"cniVersion": "1.1.0", "interfaces": [{"name": "eth0", "mac": "aa:bb", "mtu": 1500, "sandbox": "/x", "socketPath": "", "pciID": null}],` +
		` "ips": [{"interface": 0, "address": "10.0.0.2/24", "gateway": "10.0.0.1"}, {"address": "fd00::2/64", "interface": null, "gateway": ""}],` +
		` "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.1", "mtu": 1400, "advmss": 1, "priority": 2, "table": 3, "scope": null}],` +
		` "dns": {"nameservers": ["10.0.0.1", null], "domain": "a", "search": [], "options": null}, "vendor": {"big": 12345678901234567890, "e": 1e400}}`
	tests := []struct {
		name, reply, version, want string // want "" stands for reply
	}{
		{"everything, byte for byte", full, "1.1.0", ""},
		{"white space around it", " \n" + full + "\n", "1.1.0", full},
		{"an empty result", `{"cniVersion":"1.0.0"}`, "1.0.0", ""},
		{"null lists", `{"cniVersion":"1.0.0","ips":null,"interfaces":null,"routes":null,"dns":null}`, "1.0.0", ""},
		{"no version", `{"ips":[], "x": 1.0}`, "1.0.0", `{"cniVersion":"1.0.0","ips":[], "x": 1.0}`},
		{"no version, no members", `{ }`, "1.0.0", `{"cniVersion":"1.0.0"}`},
		{"empty version", `{ "cniVersion" : "" , "ips":[]}`, "0.4.0", `{ "cniVersion" : "0.4.0" , "ips":[]}`},
		{"version that is no string", `{"cniVersion":1,"ips":[]}`, "0.4.0", `{"cniVersion":"0.4.0","ips":[]}`},
		{"version in another spelling", `{"CNIVersion":"0.3.1","ips":[]}`, "0.4.0", `{"ips":[],"cniVersion":"0.4.0"}`},
		{"version in two spellings", `{"cniVersion":"0.4.0","CNIVersion":"0.3.1","ips":[]}`, "0.4.0", `{"ips":[],"cniVersion":"0.4.0"}`},
		{"no version in the configuration", `{"ip4":{"ip":"10.0.0.2/24"}}`, "", `{"cniVersion":"0.1.0","ip4":{"ip":"10.0.0.2/24"}}`},
		{"a short version", `{"cniVersion":"1.1"}`, "1.1", `{"cniVersion":"1.1.0"}`},
		{"0.2.0", `{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.2/24","gateway":"10.0.0.1","routes":[{"dst":"0.0.0.0/0"}]},"ip6":null}`, "0.2.0", ""},
		{"0.4.0", `{"cniVersion":"0.4.0","interfaces":[{"name":"eth0","mtu":"big"}],"ips":[{"version":"4","address":"10.0.0.2/24"}]}`, "0.4.0", ""},
		{"fields of another version are the plugin's own", `{"cniVersion":"0.2.0","ips":[null]}`, "0.2.0", ""},
		{"1.0.0 where 0.4.0 was asked for", `{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/24"}]}`, "0.4.0",
			`{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.0.0.2/24"}],"dns":{}}`},
		{"0.2.0 where 1.0.0 was asked for", `{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.2/24"}}`, "1.0.0",
			`{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/24"}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := invoke.CheckResult([]byte(tt.reply), tt.version)
			require.NoError(t, err)
			if tt.want == "" {
				tt.want = tt.reply
			}
			assert.Equal(t, tt.want, string(got))
			_, err = invoke.DecodeResult(got)
			assert.NoError(t, err)
		})
	}
}

func TestCheckResultRefuses(t *testing.T) {
	tests := []struct {
		name, version, reply, want string
	}{
		{"nothing", "1.0.0", "", "nothing was printed on standard output"},
		{"null", "1.0.0", "null", `JSON value is null, not an object: "null"`},
		{"array", "1.0.0", "[]", `JSON value is an array, not an object: "[]"`},
		{"text", "1.0.0", "hello", `failed to unmarshal raw result: invalid character 'h' looking for beginning of value: "hello"`},
		{"half a result", "1.0.0", `{"ips":[`, `failed to unmarshal raw result: unexpected end of JSON input: "{\"ips\":["`},
		{"two results", "1.0.0", `{}{}`, `failed to unmarshal raw result: invalid character '{' after top-level value: "{}{}"`},
		{"error object", "1.0.0", `{"code":7,"msg":"bad"}`, "an error object at exit status 0: bad"},
		{"unknown version", "1.0.0", `{"cniVersion":"2.0.0"}`, `/cniVersion: unsupported CNI result version "2.0.0"`},
		{"unknown version in the configuration", "2.0.0", `{}`, `unsupported CNI result version "2.0.0"`},

		{"1.x null interface", "1.0.0", `{"interfaces":[null]}`, "/interfaces/0: JSON value is null, not an object"},
		{"1.x null address", "1.1.0", `{"ips":[{"address":"10.0.0.2/24"},null]}`, "/ips/1: JSON value is null, not an object"},
		{"1.x null route", "1.0.0", `{"routes":[null]}`, "/routes/0: JSON value is null, not an object"},
		{"1.x no address", "1.0.0", `{"ips":[{"gateway":"10.0.0.1"}]}`, "/ips/0/address: missing"},
		{"1.x address is null", "1.0.0", `{"ips":[{"address":null}]}`, "/ips/0/address: null is not a string"},
		{"1.x no dst", "1.0.0", `{"routes":[{"gw":"10.0.0.1"}]}`, "/routes/0/dst: missing"},
		{"0.4 null interface", "0.4.0", `{"interfaces":[null]}`, "/interfaces/0: JSON value is null, not an object"},
		{"0.3 null address", "0.3.0", `{"ips":[null]}`, "/ips/0: JSON value is null, not an object"},
		{"0.3.1 no address", "0.3.1", `{"ips":[{"version":"4"}]}`, "/ips/0/address: missing"},
		{"0.4 no dst", "0.4.0", `{"routes":[{}]}`, "/routes/0/dst: missing"},
		{"0.2 no ip", "0.2.0", `{"ip4":{}}`, "/ip4/ip: missing"},
		{"0.1 null route", "0.1.0", `{"ip6":{"ip":"fd00::1/64","routes":[null]}}`, "/ip6/routes/0: JSON value is null, not an object"},
		{"0.2 no dst", "0.2.0", `{"ip4":{"ip":"10.0.0.2/24","routes":[{"gw":"10.0.0.1"}]}}`, "/ip4/routes/0/dst: missing"},
		{"a result of another version is checked as what it is", "0.4.0", `{"cniVersion":"1.0.0","ips":[{}]}`, "/ips/0/address: missing"},
		{"the odd spelling", "1.0.0", `{"IPS":[null]}`, "/ips/0: JSON value is null, not an object"},
		{"the first of two", "1.0.0", `{"ips":[null],"ips":[]}`, "/ips/0: JSON value is null, not an object"},

		{"no prefix length", "1.0.0", `{"ips":[{"address":"10.0.0.2"}]}`, `/ips/0/address: "10.0.0.2" is not an address with a prefix length`},
		{"bad gateway", "1.0.0", `{"ips":[{"address":"10.0.0.2/24","gateway":"x"}]}`, `/ips/0/gateway: "x" is not an IP address`},
		{"index as text", "1.0.0", `{"ips":[{"address":"10.0.0.2/24","interface":"0"}]}`, `/ips/0/interface: "0" is not an integer of this machine`},
		{"index as fraction", "1.0.0", `{"ips":[{"address":"10.0.0.2/24","interface":0.0}]}`, `/ips/0/interface: 0.0 is not an integer of this machine`},
		{"name as number", "1.0.0", `{"interfaces":[{"name":5}]}`, "/interfaces/0/name: 5 is not a string"},
		{"ips as object", "1.0.0", `{"ips":{}}`, "/ips: JSON value is an object, not an array"},
		{"dns as array", "1.0.0", `{"dns":[]}`, "/dns: JSON value is an array, not an object"},
		{"nameserver as number", "1.0.0", `{"dns":{"nameservers":["a",1]}}`, "/dns/nameservers/1: 1 is not a string"},

		{"no address to tell 0.2.0 of", "0.2.0", `{"cniVersion":"1.0.0"}`,
			"converting a result of version 1.0.0 to 0.2.0: cannot convert: no valid IP addresses"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := invoke.CheckResult([]byte(tt.reply), tt.version)
			assert.EqualError(t, err, tt.want)
			assert.Nil(t, got)
		})
	}
}

func TestConvertResult(t *testing.T) {
	const result = `{"cniVersion": "0.4.0", "ips": [{"version": "4", "address": "10.0.0.2/24"}], "vendor": 1.0}`
	same, err := invoke.ConvertResult([]byte(result), "0.4.0")
	require.NoError(t, err)
	assert.Equal(t, result, string(same), "nothing to do")
	for _, v := range versions {
		converted, err := invoke.ConvertResult([]byte(result), v)
		require.NoError(t, err, v)
		back, err := invoke.DecodeResult(converted)
		require.NoError(t, err, v)
		assert.Equal(t, v, back.Version())
	}
	_, err = invoke.ConvertResult([]byte(result), "7")
	assert.EqualError(t, err, `unsupported CNI result version "7"`)
	_, err = invoke.ConvertResult([]byte(`{"cniVersion":"7"}`), "1.0.0")
	assert.EqualError(t, err, `unsupported CNI result version "7"`)
	_, err = invoke.ConvertResult([]byte(`{`), "1.0.0")
	assert.ErrorContains(t, err, "decoding version from network config: unexpected end of JSON input")
}

// What cannot be read without a nil pointer is not converted, whoever asks.
func TestConvertResultRefuses(t *testing.T) {
	for _, c := range []struct{ result, version, pointer string }{
		{`{"cniVersion":"1.0.0","interfaces":[null]}`, "0.4.0", "/interfaces/0"},
		{`{"cniVersion":"1.0.0","ips":[null]}`, "0.4.0", "/ips/0"},
		{`{"cniVersion":"1.0.0","ips":[{}]}`, "0.2.0", "/ips/0/address"},
		{`{"cniVersion":"1.1.0","routes":[null]}`, "1.0.0", "/routes/0"},
		{`{"cniVersion":"0.4.0","interfaces":[null]}`, "1.0.0", "/interfaces/0"},
		{`{"cniVersion":"0.4.0","routes":[null]}`, "0.2.0", "/routes/0"},
		{`{"cniVersion":"0.2.0","ip4":{}}`, "1.0.0", "/ip4/ip"},
		{`{"ip4":{"ip":"10.0.0.2/24","routes":[null]}}`, "1.0.0", "/ip4/routes/0"},
		{`null`, "1.0.0", ""},
	} {
		_, err := invoke.ConvertResult([]byte(c.result), c.version)
		var refused *invoke.ResultError
		require.ErrorAs(t, err, &refused, c.result)
		assert.Equal(t, c.pointer, refused.Pointer, c.result)
	}
}
