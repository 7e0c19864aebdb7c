package diff

import (
	"encoding/json"
	"fmt"
	"strings"
)

// result makes up a result of that version, in which everything may be there
// that its types have.
func (m *maker) result(version string) map[string]any {
	r := map[string]any{}
	if version != "" && m.chance(80) {
		r["cniVersion"] = version
	}
	if m.chance(60) {
		r["dns"] = m.dns()
	}
	switch version {
	case "", "0.1.0", "0.2.0":
		m.oldResult(r)
		return r
	}
	v11 := version == "1.1.0"
	interfaces := m.IntN(3)
	if interfaces > 0 {
		var list []any
		for i := range interfaces {
			list = append(list, m.networkInterface(i, v11))
		}
		r["interfaces"] = list
	}
	var ips []any
	for range m.IntN(3) {
		ips = append(ips, m.address(interfaces, !strings.HasPrefix(version, "1.")))
	}
	if ips != nil {
		r["ips"] = ips
	}
	var routes []any
	for range m.IntN(3) {
		routes = append(routes, m.route(v11))
	}
	if routes != nil {
		r["routes"] = routes
	}
	return r
}

// oldResult fills in what results had before there were interfaces in them.
func (m *maker) oldResult(r map[string]any) {
	for key, ip := range map[string]string{"ip4": "10.%d.0.2/16", "ip6": "fd00:%d::2/64"} {
		if m.chance(60) {
			conf := map[string]any{"ip": fmt.Sprintf(ip, 1+m.IntN(99))}
			if m.chance(50) {
				conf["routes"] = []any{m.route(false)}
			}
			r[key] = conf
		}
	}
}

func (m *maker) dns() map[string]any {
	d := map[string]any{}
	for _, key := range []string{"nameservers", "search", "options"} {
		if m.chance(30) {
			d[key] = []any{pick(m, "10.0.0.53", "ndots:5", "d.example")}
		}
	}
	if m.chance(30) {
		d["domain"] = "d.example"
	}
	return d
}

func (m *maker) networkInterface(i int, v11 bool) map[string]any {
	n := map[string]any{"name": fmt.Sprintf("eth%d", i)}
	if m.chance(50) {
		n["mac"] = "00:11:22:33:44:55"
	}
	if m.chance(50) {
		n["sandbox"] = "/run/netns/c1"
	}
	if v11 && m.chance(50) {
		n["mtu"] = 1500
		n["socketPath"] = "/run/s"
		n["pciID"] = "0000:00:1f.6"
	}
	return n
}

func (m *maker) address(interfaces int, family bool) map[string]any {
	a := map[string]any{"address": fmt.Sprintf("10.%d.0.2/16", m.IntN(99)), "gateway": "10.0.0.1"}
	v := "4"
	if m.chance(30) {
		a, v = map[string]any{"address": fmt.Sprintf("fd00:%d::2/64", 1+m.IntN(99))}, "6"
	}
	if family {
		a["version"] = v
	}
	if interfaces > 0 && m.chance(70) {
		a["interface"] = json.Number(fmt.Sprint(m.IntN(interfaces)))
	}
	return a
}

func (m *maker) route(v11 bool) map[string]any {
	r := map[string]any{"dst": pick(m, "0.0.0.0/0", "10.2.0.0/16", "::/0")}
	if m.chance(50) {
		r["gw"] = pick(m, "10.0.0.1", "fd00::1")
	}
	if v11 && m.chance(50) {
		r["mtu"], r["advmss"], r["priority"], r["table"], r["scope"] = 1400, 1360, 10, 254, 0
	}
	return r
}
