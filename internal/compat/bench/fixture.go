package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/containernetworking/cni/pkg/version"
)

// plugins are a chain as nodes have it, longest case. Shorter ones are its
// beginning.
var plugins = []string{
	`{"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true, "promiscMode": false,
      "capabilities": {"ips": true, "dns": true},
      "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/16", "gateway": "10.88.0.1"}], [{"subnet": "fd00:10:88::/64"}]],
               "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}}`,
	`{"type": "portmap", "capabilities": {"portMappings": true}, "snat": true, "markMasqBit": 14}`,
	`{"type": "firewall", "backend": "iptables", "ingressPolicy": "same-bridge"}`,
	`{"type": "tuning", "capabilities": {"mac": true}, "sysctl": {"net.core.somaxconn": "500", "net.ipv4.conf.IFNAME.arp_filter": "1"}}`,
	`{"type": "bandwidth", "capabilities": {"bandwidth": true}}`,
	`{"type": "sbr"}`,
	`{"type": "vendor-policy", "kubernetes": {"kubeconfig": "/etc/cni/net.d/policy.kubeconfig"}, "log_level": "info"}`,
	`{"type": "vendor-metrics", "socket": "/run/vendor/metrics.sock", "labels": {"zone": "a", "rack": "12"}}`,
}

const networkName = "podnet"

// conflist returns a list with the first n plugins; from the ninth on they begin
// again.
func conflist(network string, n int) []byte {
	chain := make([]string, n)
	for i := range chain {
		chain[i] = plugins[i%len(plugins)]
	}
	return fmt.Appendf(nil, `{
  "cniVersion": "1.1.0",
  "name": %q,
  "plugins": [
    %s
  ]
}
`, network, strings.Join(chain, ",\n    "))
}

// reply is what every plugin answers to ADD.
const reply = `{
    "cniVersion": "1.1.0",
    "interfaces": [
        {"name": "cni0", "mac": "ba:1c:0f:4e:24:91"},
        {"name": "veth9d2a7c31", "mac": "5e:77:2d:ab:5b:cc"},
        {"name": "eth0", "mac": "0a:58:0a:58:00:05", "mtu": 1500, "sandbox": "/run/netns/cni-2c7a"}
    ],
    "ips": [
        {"interface": 2, "address": "10.88.0.5/16", "gateway": "10.88.0.1"},
        {"interface": 2, "address": "fd00:10:88::5/64", "gateway": "fd00:10:88::1"}
    ],
    "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
    "dns": {"nameservers": ["10.96.0.10"], "search": ["default.svc.cluster.local", "svc.cluster.local"]}
}
`

// container returns the attachment of the i-th container.
func container(i int) *attachment {
	id := fmt.Sprintf("%064x", 0x5eed<<32+i)
	return &attachment{
		ContainerID: id, NetNS: "/run/netns/cni-" + id[48:], IfName: "eth0",
		Args: [][2]string{{"IgnoreUnknown", "1"}, {"K8S_POD_NAMESPACE", "default"}, {"K8S_POD_NAME", "web-0"}, {"K8S_POD_INFRA_CONTAINER_ID", id}},
		Capabilities: map[string]any{
			"portMappings": []portMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}},
			"bandwidth":    bandwidth{IngressRate: 1000000, IngressBurst: 2000000},
		},
	}
}

// portMapping and bandwidth are what go-cni passes.
type portMapping struct {
	HostPort      int32  `json:"hostPort"`
	ContainerPort int32  `json:"containerPort"`
	Protocol      string `json:"protocol"`
	HostIP        string `json:"hostIP"`
}

type bandwidth struct {
	IngressRate  uint64 `json:"ingressRate"`
	IngressBurst uint64 `json:"ingressBurst"`
	EgressRate   uint64 `json:"egressRate"`
	EgressBurst  uint64 `json:"egressBurst"`
}

func containers(n int) []*attachment {
	all := make([]*attachment, n)
	for i := range all {
		all[i] = container(i)
	}
	return all
}

// fakeExec answers without running anything.
type fakeExec struct {
	mu sync.Mutex
	// requests, where it is not nil, collects what the plugins are asked.
	requests []json.RawMessage
}

func (f *fakeExec) ExecPlugin(_ context.Context, _ string, stdin []byte, environ []string) ([]byte, error) {
	if f.requests != nil {
		f.mu.Lock()
		f.requests = append(f.requests, append(json.RawMessage(nil), stdin...))
		f.mu.Unlock()
	}
	for _, kv := range environ {
		if kv == "CNI_COMMAND=ADD" {
			return []byte(reply), nil
		}
	}
	return nil, nil
}

func (f *fakeExec) FindInPath(plugin string, _ []string) (string, error) {
	return "/opt/cni/bin/" + plugin, nil
}

func (f *fakeExec) Decode(b []byte) (version.PluginInfo, error) {
	return (&version.PluginDecoder{}).Decode(b)
}
