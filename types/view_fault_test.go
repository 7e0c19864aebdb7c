package types_test

import (
	"encoding/json"
	"io"
	"net"
	"testing"

	types020 "github.com/containernetworking/cni/pkg/types/020"
	types040 "github.com/containernetworking/cni/pkg/types/040"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// foreign is a result type of somebody else's.
type foreign struct{ newest types.Result }

func (foreign) Version() string                               { return "9.9.9" }
func (f foreign) GetAsVersion(v string) (types.Result, error) { return f.newest, nil }
func (foreign) Print() error                                  { return nil }
func (foreign) PrintTo(io.Writer) error                       { return nil }

func TestViewOfFaultyResults(t *testing.T) {
	good := net.IPNet{IP: net.IP{10, 0, 0, 1}, Mask: net.CIDRMask(24, 32)}
	ips := func(c ...*types100.IPConfig) types.Result { return &types100.Result{IPs: c} }
	for name, c := range map[string]struct {
		result types.Result
		want   string
	}{
		"nothing":               {nil, "result: is null"},
		"nil 1.0.0":             {(*types100.Result)(nil), "result: is null"},
		"nil 0.4.0":             {(*types040.Result)(nil), "result: is null"},
		"nil 0.2.0":             {(*types020.Result)(nil), "result: is null"},
		"foreign, nil":          {foreign{(*types100.Result)(nil)}, "result: is null"},
		"foreign, other type":   {foreign{&types020.Result{}}, "result: is a *types020.Result in version 1.1.0"},
		"foreign, null entry":   {foreign{ips(nil)}, "result: ips[0] is null"},
		"1.0.0 null interface":  {&types100.Result{Interfaces: []*types100.Interface{{}, nil}}, "result: interfaces[1] is null"},
		"1.0.0 null address":    {ips(&types100.IPConfig{Address: good}, nil), "result: ips[1] is null"},
		"1.0.0 null route":      {&types100.Result{Routes: []*types.Route{nil}}, "result: routes[0] is null"},
		"0.4.0 null interface":  {&types040.Result{Interfaces: []*types040.Interface{nil}}, "result: interfaces[0] is null"},
		"0.4.0 null address":    {&types040.Result{IPs: []*types040.IPConfig{nil}}, "result: ips[0] is null"},
		"0.4.0 null route":      {&types040.Result{Routes: []*types.Route{nil}}, "result: routes[0] is null"},
		"missing address":       {ips(&types100.IPConfig{}), "result: ips[0].address is missing"},
		"missing address 0.2.0": {&types020.Result{IP6: &types020.IPConfig{}}, "result: ips[0].address is missing"},
		"missing destination":   {&types100.Result{Routes: []*types.Route{{}}}, "result: routes[0].dst is missing"},
		"odd address":           {ips(&types100.IPConfig{Address: net.IPNet{IP: net.IP{1, 2}, Mask: good.Mask}}), "result: ips[0].address has 2 bytes"},
		"no mask":               {ips(&types100.IPConfig{Address: net.IPNet{IP: good.IP}}), "result: ips[0].address 10.0.0.1 does not go with mask <nil>"},
		"odd mask":              {ips(&types100.IPConfig{Address: net.IPNet{IP: good.IP, Mask: net.IPMask{255, 0, 255, 0}}}), "result: ips[0].address 10.0.0.1 does not go with mask ff00ff00"},
		"short mask in IPv6 form": {ips(&types100.IPConfig{Address: net.IPNet{IP: good.IP, Mask: net.CIDRMask(8, 128)}}),
			"result: ips[0].address 10.0.0.1 does not go with mask ff000000000000000000000000000000"},
		"odd gateway":       {ips(&types100.IPConfig{Address: good, Gateway: net.IP{1}}), "result: ips[0].gateway has 1 bytes"},
		"odd route gateway": {&types100.Result{Routes: []*types.Route{{Dst: good, GW: net.IP{1}}}}, "result: routes[0].gw has 1 bytes"},
		"no such interface": {ips(&types100.IPConfig{Address: good, Interface: types100.Int(0)}), "result: ips[0].interface is 0, there are 0 interfaces"},
		"interface below 0": {ips(&types100.IPConfig{Address: good, Interface: types100.Int(-1)}), "result: ips[0].interface is -1, there are 0 interfaces"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := types.ViewResult(c.result)
			assert.Nil(t, v)
			assert.EqualError(t, err, c.want)
		})
	}
}

func TestViewOfForeignResult(t *testing.T) {
	v, err := types.ViewResult(foreign{&types100.Result{Interfaces: []*types100.Interface{{Name: "eth0"}}}})
	require.NoError(t, err)
	assert.Equal(t, "eth0", v.Interfaces[0].Name)
}

func TestViewEdgesOfIPs(t *testing.T) {
	// A view may come from JSON or be built by hand.
	var v types.ResultView
	assert.Empty(t, v.IPs(types.IPv4First))
	assert.Empty(t, v.Container())
	require.NoError(t, json.Unmarshal([]byte(`{"addresses": [{"prefix": "10.0.0.1/24", "interface": 7}]}`), &v))
	assert.Len(t, v.IPs(types.AsGiven), 1)
}

// FuzzViewResult: no result that decodes makes the view panic. What it accepts
// has only valid addresses and indexes, survives JSON, and is what upstream's own
// conversion to the newest version gives.
func FuzzViewResult(f *testing.F) {
	for _, raw := range []string{
		`{"cniVersion":"1.1.0","interfaces":[{"name":"eth0","sandbox":"/n"}],"ips":[{"interface":0,"address":"10.0.0.1/24","gateway":"10.0.0.254"}],"routes":[{"dst":"0.0.0.0/0","table":0}],"dns":{"search":["a"]}}`,
		`{"cniVersion":"1.0.0","interfaces":[null],"ips":[null],"routes":[null]}`,
		`{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.0.0.1/24","interface":-1}]}`,
		`{"cniVersion":"0.3.1","ips":[{"address":"::ffff:10.0.0.1/64"}]}`,
		`{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.1/24","routes":[{"dst":"0.0.0.0/0"}]},"ip6":{}}`,
		`{"ip4":null}`, `null`, `{"cniVersion":"0.3.0","interfaces":[{}],"ips":[{}]}`,
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := new(version.ConfigDecoder).Decode(raw)
		if err != nil {
			return
		}
		r, err := version.NewResult(v, raw)
		if err != nil {
			return
		}
		view, err := types.ViewResult(r)
		if err != nil {
			require.Nil(t, view)
			return
		}
		total := 0
		for _, i := range view.Interfaces {
			total += len(i.Addresses)
		}
		for _, a := range view.Addresses {
			require.True(t, a.Prefix.IsValid())
			if a.Interface < 0 {
				total++
				continue
			}
			require.Less(t, a.Interface, len(view.Interfaces))
			require.Contains(t, view.Interfaces[a.Interface].Addresses, a)
		}
		require.Equal(t, len(view.Addresses), total)
		require.Equal(t, len(view.Interfaces), len(view.Host())+len(view.Container()))
		require.LessOrEqual(t, len(view.Primary(types.IPv6First)), 2)
		require.Equal(t, len(view.Addresses) > 0, len(view.IPs(types.IPv4First)) > 0)

		text, err := json.Marshal(view)
		require.NoError(t, err)
		var again types.ResultView
		require.NoError(t, json.Unmarshal(text, &again))
		second, err := json.Marshal(&again)
		require.NoError(t, err)
		require.Equal(t, string(text), string(second))

		converted, err := types100.NewResultFromResult(r)
		require.NoError(t, err)
		twin, err := types.ViewResult(converted)
		require.NoError(t, err)
		require.Equal(t, view, twin)
	})
}
