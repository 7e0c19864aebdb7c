package types_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

func result(t testing.TB, raw string) types.Result {
	t.Helper()
	v, err := new(version.ConfigDecoder).Decode([]byte(raw))
	require.NoError(t, err)
	r, err := version.NewResult(v, []byte(raw))
	require.NoError(t, err)
	return r
}

// bridged is what the bridge plugin says: its bridge, the host's end of the pair,
// the container's end.
const bridged = `{
	"cniVersion": %q,
	"interfaces": [
		{"name": "cni0", "mac": "16:00:00:00:00:01"},
		{"name": "veth1f", "mac": "16:00:00:00:00:02"},
		{"name": "eth0", "mac": "16:00:00:00:00:03", "sandbox": "/run/netns/a"}],
	"ips": [
		{"version": "6", "interface": 2, "address": "fd00::9/64", "gateway": "fd00::1"},
		{"version": "4", "interface": 2, "address": "10.1.2.9/24", "gateway": "10.1.2.1"},
		{"version": "4", "interface": 0, "address": "10.1.2.1/24"}],
	"routes": [{"dst": "0.0.0.0/0"}, {"dst": "fd00:1::/32", "gw": "fd00::1"}],
	"dns": {"nameservers": ["10.1.2.1"], "domain": "pod.local", "search": ["pod.local"], "options": ["ndots:5"]}
}`

func TestViewResult(t *testing.T) {
	six := types.AddressView{Prefix: netip.MustParsePrefix("fd00::9/64"), Gateway: netip.MustParseAddr("fd00::1"), Interface: 2}
	four := types.AddressView{Prefix: netip.MustParsePrefix("10.1.2.9/24"), Gateway: netip.MustParseAddr("10.1.2.1"), Interface: 2}
	bridge := types.AddressView{Prefix: netip.MustParsePrefix("10.1.2.1/24"), Interface: 0}
	want := &types.ResultView{
		Interfaces: []types.InterfaceView{
			{Name: "cni0", MAC: "16:00:00:00:00:01", Addresses: []types.AddressView{bridge}},
			{Name: "veth1f", MAC: "16:00:00:00:00:02", Addresses: []types.AddressView{}},
			{Name: "eth0", MAC: "16:00:00:00:00:03", Sandbox: "/run/netns/a", Addresses: []types.AddressView{six, four}},
		},
		Addresses: []types.AddressView{six, four, bridge},
		Routes: []types.RouteView{
			{Dst: netip.MustParsePrefix("0.0.0.0/0")},
			{Dst: netip.MustParsePrefix("fd00:1::/32"), GW: netip.MustParseAddr("fd00::1")},
		},
		DNS: types.DNS{Nameservers: []string{"10.1.2.1"}, Domain: "pod.local", Search: []string{"pod.local"}, Options: []string{"ndots:5"}},
	}
	for _, v := range []string{"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"} {
		t.Run(v, func(t *testing.T) {
			got, err := types.ViewResult(result(t, fmt.Sprintf(bridged, v)))
			require.NoError(t, err)
			assert.Equal(t, want, got)
			assert.Equal(t, want.Interfaces[:2], got.Host())
			assert.Equal(t, want.Interfaces[2:], got.Container())
		})
	}
}

// TestViewJSON pins the shape that is stored and logged.
func TestViewJSON(t *testing.T) {
	v, err := types.ViewResult(result(t, `{"cniVersion": "1.0.0", "interfaces": [{"name": "eth0", "mac": "16:00:00:00:00:03", "sandbox": "/n"}],
		"ips": [{"interface": 0, "address": "10.1.2.9/24", "gateway": "10.1.2.1"}, {"address": "fd00::9/64"}], "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.2.1"}]}`))
	require.NoError(t, err)
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	assert.Equal(t, `{"interfaces":[{"name":"eth0","mac":"16:00:00:00:00:03","sandbox":"/n",`+
		`"addresses":[{"prefix":"10.1.2.9/24","gateway":"10.1.2.1","interface":0}]}],`+
		`"addresses":[{"prefix":"10.1.2.9/24","gateway":"10.1.2.1","interface":0},{"prefix":"fd00::9/64","interface":-1}],`+
		`"routes":[{"dst":"0.0.0.0/0","gw":"10.1.2.1"}],"dns":{}}`, string(raw))

	raw, err = json.Marshal(must(types.ViewResult(&types100.Result{})))
	require.NoError(t, err)
	assert.Equal(t, `{"interfaces":[],"addresses":[],"routes":[],"dns":{}}`, string(raw))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestViewResultOfOldVersions(t *testing.T) {
	for _, v := range []string{"", "0.1.0", "0.2.0"} {
		t.Run(v, func(t *testing.T) {
			got, err := types.ViewResult(result(t, `{"cniVersion": "`+v+`",
				"ip4": {"ip": "10.1.2.9/24", "gateway": "10.1.2.1", "routes": [{"dst": "0.0.0.0/0"}]},
				"ip6": {"ip": "fd00::9/64", "routes": [{"dst": "::/0", "gw": "fd00::1"}]}}`))
			require.NoError(t, err)
			assert.Equal(t, &types.ResultView{
				Interfaces: []types.InterfaceView{},
				Addresses: []types.AddressView{
					{Prefix: netip.MustParsePrefix("10.1.2.9/24"), Gateway: netip.MustParseAddr("10.1.2.1"), Interface: -1},
					{Prefix: netip.MustParsePrefix("fd00::9/64"), Interface: -1},
				},
				Routes: []types.RouteView{
					{Dst: netip.MustParsePrefix("0.0.0.0/0")},
					{Dst: netip.MustParsePrefix("::/0"), GW: netip.MustParseAddr("fd00::1")},
				},
			}, got)
			assert.Equal(t, []netip.Addr{netip.MustParseAddr("fd00::9"), netip.MustParseAddr("10.1.2.9")}, got.IPs(types.IPv6First))
		})
	}
}

func TestViewResultKeepsNewFields(t *testing.T) {
	got, err := types.ViewResult(result(t, `{"cniVersion": "1.1.0",
		"interfaces": [{"name": "net1", "mtu": 1400, "socketPath": "/run/vhost", "pciID": "0000:04:00.5", "sandbox": "/n"}],
		"routes": [{"dst": "10.0.0.0/8", "mtu": 1400, "advmss": 1360, "priority": 5, "table": 100, "scope": 0}]}`))
	require.NoError(t, err)
	assert.Equal(t, []types.InterfaceView{{Name: "net1", MTU: 1400, SocketPath: "/run/vhost", PciID: "0000:04:00.5", Sandbox: "/n",
		Addresses: []types.AddressView{}}}, got.Interfaces)
	table, scope := 100, 0
	assert.Equal(t, []types.RouteView{{Dst: netip.MustParsePrefix("10.0.0.0/8"), MTU: 1400, AdvMSS: 1360, Priority: 5, Table: &table, Scope: &scope}}, got.Routes)
	raw, err := json.Marshal(got.Routes)
	require.NoError(t, err)
	assert.JSONEq(t, `[{"dst": "10.0.0.0/8", "mtu": 1400, "advmss": 1360, "priority": 5, "table": 100, "scope": 0}]`, string(raw))
}

func TestViewIPs(t *testing.T) {
	addr := netip.MustParseAddr
	with := func(interfaces string, ips ...string) string {
		s := `{"cniVersion": "1.0.0", "interfaces": ` + interfaces + `, "ips": [`
		for i, ip := range ips {
			if i > 0 {
				s += ","
			}
			s += ip
		}
		return s + `]}`
	}
	const sides = `[{"name": "veth"}, {"name": "eth0", "sandbox": "/n"}]`
	for name, c := range map[string]struct {
		result   string
		given    []netip.Addr
		six      []netip.Addr
		primary4 []netip.Addr
	}{
		"the host's addresses are left out": {
			with(sides, `{"interface": 0, "address": "10.0.0.1/24"}`, `{"interface": 1, "address": "10.0.0.2/24"}`),
			[]netip.Addr{addr("10.0.0.2")}, []netip.Addr{addr("10.0.0.2")}, []netip.Addr{addr("10.0.0.2")}},
		"no interface given": {
			with(sides, `{"address": "10.0.0.1/24"}`, `{"interface": 1, "address": "fd00::2/64"}`, `{"interface": 0, "address": "10.0.0.3/24"}`),
			[]netip.Addr{addr("10.0.0.1"), addr("fd00::2")}, []netip.Addr{addr("fd00::2"), addr("10.0.0.1")}, []netip.Addr{addr("10.0.0.1"), addr("fd00::2")}},
		"no sandbox given": {
			with(`[{"name": "eth0"}]`, `{"interface": 0, "address": "10.0.0.1/24"}`),
			[]netip.Addr{addr("10.0.0.1")}, []netip.Addr{addr("10.0.0.1")}, []netip.Addr{addr("10.0.0.1")}},
		"several of a family keep their order": {
			with(sides, `{"address": "10.0.0.9/24"}`, `{"address": "fd00::9/64"}`, `{"address": "10.0.0.1/24"}`, `{"address": "fd00::1/64"}`),
			[]netip.Addr{addr("10.0.0.9"), addr("fd00::9"), addr("10.0.0.1"), addr("fd00::1")},
			[]netip.Addr{addr("fd00::9"), addr("fd00::1"), addr("10.0.0.9"), addr("10.0.0.1")},
			[]netip.Addr{addr("10.0.0.9"), addr("fd00::9")}},
		"an IPv4 address in IPv6 form": {
			with(sides, `{"address": "::ffff:10.0.0.1/120", "gateway": "::ffff:10.0.0.254"}`),
			[]netip.Addr{addr("10.0.0.1")}, []netip.Addr{addr("10.0.0.1")}, []netip.Addr{addr("10.0.0.1")}},
		"none": {with(sides), nil, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := types.ViewResult(result(t, c.result))
			require.NoError(t, err)
			assert.Equal(t, c.given, v.IPs(types.AsGiven))
			assert.Equal(t, c.six, v.IPs(types.IPv6First))
			assert.Equal(t, c.primary4, v.Primary(types.IPv4First))
		})
	}
}

// TestViewSharesNothing: a view is of the moment, and the result stays as it is;
// upstream's conversions fill in a missing version.
func TestViewSharesNothing(t *testing.T) {
	r := &types100.Result{
		Interfaces: []*types100.Interface{{Name: "eth0", Sandbox: "/n"}},
		IPs:        []*types100.IPConfig{{Interface: types100.Int(0), Address: net.IPNet{IP: net.IP{10, 0, 0, 1}, Mask: net.CIDRMask(24, 32)}}},
		Routes:     []*types.Route{{Dst: net.IPNet{IP: net.IP{10, 0, 0, 0}, Mask: net.CIDRMask(8, 32)}, Table: types100.Int(7)}},
		DNS:        types.DNS{Search: []string{"a"}},
	}
	v, err := types.ViewResult(r)
	require.NoError(t, err)
	before, err := json.Marshal(v)
	require.NoError(t, err)
	assert.Empty(t, r.CNIVersion)

	r.Interfaces[0].Name, r.IPs[0].Address.IP[0], *r.Routes[0].Table, r.DNS.Search[0] = "x", 9, 9, "x"
	after, err := json.Marshal(v)
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))
}

func ExampleViewResult() {
	// What AddNetworkList returned, of whatever version.
	attached, _ := version.NewResult("0.4.0", []byte(fmt.Sprintf(bridged, "0.4.0")))

	view, err := types.ViewResult(attached)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("podIPs:", view.Primary(types.IPv4First))
	for _, i := range view.Container() {
		fmt.Println("interface:", i.Name, i.MAC, i.Addresses[0].Prefix, "via", i.Addresses[0].Gateway)
	}
	fmt.Println("nameservers:", view.DNS.Nameservers)
	// Output:
	// podIPs: [10.1.2.9 fd00::9]
	// interface: eth0 16:00:00:00:00:03 fd00::9/64 via fd00::1
	// nameservers: [10.1.2.1]
}
