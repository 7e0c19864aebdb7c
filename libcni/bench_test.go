package libcni

import "testing"

// A list as it stands in files, and what of it a call has to look at.
const benchList = `{
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

func BenchmarkNetworkConfFromBytes(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NetworkConfFromBytes([]byte(benchList)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkConfig: the effective configuration of a list that nobody edited.
func BenchmarkConfig(b *testing.B) {
	list, err := NetworkConfFromBytes([]byte(benchList))
	if err != nil {
		b.Fatal(err)
	}
	n, err := networkOfList(list)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = n.config()
	}
}

func BenchmarkRequests(b *testing.B) {
	list, err := NetworkConfFromBytes([]byte(benchList))
	if err != nil {
		b.Fatal(err)
	}
	n, err := networkOfList(list)
	if err != nil {
		b.Fatal(err)
	}
	prev := []byte(`{"cniVersion":"1.1.0","ips":[{"address":"10.88.0.5/16","gateway":"10.88.0.1"}]}`)
	args := map[string]any{"portMappings": []map[string]any{{"hostPort": 80, "containerPort": 80, "protocol": "tcp"}}}
	b.ReportAllocs()
	for b.Loop() {
		r, err := newRequests(n, args, false)
		if err != nil {
			b.Fatal(err)
		}
		for _, p := range n.plugins {
			if _, err := r.request(p, prev); err != nil {
				b.Fatal(err)
			}
		}
	}
}
