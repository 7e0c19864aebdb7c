package invoke_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
	types020 "github.com/containernetworking/cni/pkg/types/020"
	types040 "github.com/containernetworking/cni/pkg/types/040"
	types100 "github.com/containernetworking/cni/pkg/types/100"
)

// FuzzCheckResult: what CheckResult accepts is a result that the specification's
// data types can decode, convert to every version, print and be read without a nil
// pointer, and it has the version that was asked for. What it refuses the data
// types refuse as well, unless it is one of the things they let through and should
// not.
func FuzzCheckResult(f *testing.F) {
	for _, reply := range []string{
		`{"cniVersion":"1.1.0","interfaces":[{"name":"eth0","mtu":1500}],"ips":[{"interface":0,"address":"10.0.0.2/24","gateway":"10.0.0.1"}],"routes":[{"dst":"::/0","gw":"fd00::1","table":1}],"dns":{"nameservers":["a"]}}`,
		`{"cniVersion":"0.4.0","ips":[{"version":"6","address":"::ffff:1.2.3.4/120","interface":-1}]}`,
		`{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.2/24","routes":[{"dst":"0.0.0.0/0"}]},"ip6":{"ip":"fd00::2/64","gateway":""}}`,
		`{"ip4":{"ip":"10.0.0.2/24","routes":[null]}}`,
		`{"cniVersion":"1.0.0","ips":[null],"interfaces":[null],"routes":[null]}`,
		`{"cniVersion":"1.0.0","IPS":[{"ADDRESS":"10.0.0.2/24"}],"ipſ":[null]}`,
		`{"CNIVersion":"0.3.1","ips":null,"dns":null}`,
		`{"ips":[{"address":"10.0.0.2/24"}],"ips":[{}]}`,
		`{"code":1,"msg":"x"}`, `{}`, `null`, `[]`, `{"routes":[{"dst":"1.2.3.4/33"}]}`,
		`{"ips":[{"address":"10.0.0.2\/24","interface":1e2}]}`, `{"cniVersion":"1.1"}`,
	} {
		for i := range versions {
			f.Add([]byte(reply), byte(i))
		}
	}
	f.Fuzz(func(t *testing.T, reply []byte, at byte) {
		want := versions[int(at)%len(versions)]
		before := bytes.Clone(reply)
		got, err := invoke.CheckResult(reply, want)
		require.Equal(t, before, reply, "the reply is not written to")
		if err != nil {
			if simple := simpleCheck(reply, want); simple == nil {
				t.Fatalf("refused: %v", err)
			}
			return
		}
		result, err := invoke.DecodeResult(got)
		require.NoError(t, err)
		assert.Equal(t, want, result.Version())
		require.NoError(t, readAll(result))
		again, err := invoke.CheckResult(got, want)
		require.NoError(t, err)
		assert.Equal(t, string(got), string(again))
		for _, v := range versions {
			converted, err := invoke.ConvertResult(got, v)
			if err != nil {
				continue // an old version cannot hold everything
			}
			_, err = invoke.CheckResult(converted, v)
			require.NoError(t, err, "%s to %s: %s", want, v, converted)
			result, err := invoke.DecodeResult(converted)
			require.NoError(t, err)
			require.NoError(t, readAll(result))
		}
	})
}

// simpleCheck is CheckResult made of decoders, without their leniency.
func simpleCheck(reply []byte, want string) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(reply, &members); err != nil {
		return err
	}
	if members == nil {
		return fmt.Errorf("null")
	}
	if members["code"] != nil && members["msg"] != nil {
		return fmt.Errorf("may be an error object")
	}
	if err := noDuplicates(json.NewDecoder(bytes.NewReader(reply))); err != nil {
		return err
	}
	have := ""
	_ = json.Unmarshal(members["cniVersion"], &have)
	if have == "" {
		have = want
	}
	for key := range members {
		if strings.EqualFold(key, "cniVersion") {
			delete(members, key)
		}
	}
	members["cniVersion"], _ = json.Marshal(have)
	whole, err := json.Marshal(members)
	if err != nil {
		return err
	}
	result, err := version.NewResult(have, whole)
	if err != nil {
		return err
	}
	if err := readAll(result); err != nil {
		return err
	}
	_, err = result.GetAsVersion(want)
	return err
}

// noDuplicates refuses objects in which decoders would see a field twice.
func noDuplicates(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for d.More() {
		if token == json.Delim('{') {
			key, err := d.Token()
			if err != nil {
				return err
			}
			folded := strings.ToLower(strings.ToUpper(key.(string)))
			if seen[folded] {
				return fmt.Errorf("%q twice", key)
			}
			seen[folded] = true
		}
		if token == json.Delim('{') || token == json.Delim('[') {
			if err := noDuplicates(d); err != nil {
				return err
			}
		} else {
			return nil
		}
	}
	if token == json.Delim('{') || token == json.Delim('[') {
		_, err = d.Token()
	}
	return err
}

// readAll follows every pointer of a result as code that trusts it does.
func readAll(result types.Result) error {
	route := func(r types.Route) error {
		if r.Dst.IP == nil {
			return fmt.Errorf("route without dst")
		}
		return nil
	}
	routes := func(list []*types.Route) error {
		for _, r := range list {
			if r == nil {
				return fmt.Errorf("null route")
			}
			if err := route(*r); err != nil {
				return err
			}
		}
		return nil
	}
	switch r := result.(type) {
	case *types020.Result:
		for _, ip := range []*types020.IPConfig{r.IP4, r.IP6} {
			if ip == nil {
				continue
			}
			if ip.IP.IP == nil {
				return fmt.Errorf("no address")
			}
			for _, r := range ip.Routes {
				if err := route(r); err != nil {
					return err
				}
			}
		}
	case *types040.Result:
		for _, i := range r.Interfaces {
			if i == nil {
				return fmt.Errorf("null interface")
			}
		}
		for _, ip := range r.IPs {
			if ip == nil || ip.Address.IP == nil {
				return fmt.Errorf("no address")
			}
		}
		if err := routes(r.Routes); err != nil {
			return err
		}
	case *types100.Result:
		for _, i := range r.Interfaces {
			if i == nil {
				return fmt.Errorf("null interface")
			}
		}
		for _, ip := range r.IPs {
			if ip == nil || ip.Address.IP == nil {
				return fmt.Errorf("no address")
			}
		}
		if err := routes(r.Routes); err != nil {
			return err
		}
	}
	return result.PrintTo(io.Discard)
}
