//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// flannelList is what clusters install as /etc/cni/net.d/10-flannel.conflist.
const flannelList = `{
	"name": "cbr0",
	"cniVersion": "0.3.1",
	"plugins": [
		{"type": "flannel", "delegate": {"hairpinMode": true, "isDefaultGateway": true}},
		{"type": "portmap", "capabilities": {"portMappings": true}}
	]
}`

// subnetEnv is what flanneld writes about a node.
const subnetEnv = `FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.0.1/24
FLANNEL_MTU=1450
FLANNEL_IPMASQ=true
`

// TestFlannel: the list as it is in the field, too old for CHECK and STATUS.
func TestFlannel(t *testing.T) {
	st := flannelStory(flannelList)
	st.tooOldForCheck = true
	st.tell(t)
}

// TestFlannelToday: the same in a version that has every verb.
func TestFlannelToday(t *testing.T) {
	st := flannelStory(strings.Replace(flannelList, "0.3.1", "1.1.0", 1))
	connected := st.connected
	st.connected = func(t *testing.T, first, second *scene) {
		connected(t, first, second)
		// No record tells of this one: it is for the plugin itself to collect.
		require.NoError(t, os.WriteFile("/var/lib/cni/flannel/lost", []byte("{}"), 0o600))
	}
	st.faults = []fault{
		reservationLost("cbr0"),
		routeRemoved("10.244.0.0/16 via 10.244.0.1"),
		unplugged("cni0"),
		rulesRemoved("iptables -t nat", "CNI-HOSTPORT-DNAT"),
		addressRemoved("default via 10.244.0.1", "10.244.0.0/16 via 10.244.0.1"),
		savedDelegateLost(),
	}
	st.statusFault = &fault{
		name:   "flanneld has written nothing",
		spoil:  func(t *testing.T, _ *scene) { require.NoError(t, os.Remove("/run/flannel/subnet.env")) },
		repair: func(t *testing.T, _ *scene) { writeSubnetEnv(t) },
	}
	st.statusCode = types.ErrPluginNotAvailable
	st.tell(t)
}

func flannelStory(conflist string) *story {
	return &story{
		privilege: rootless,
		needs:     []string{"bridge"},
		network:   "cbr0",
		conflist:  conflist,
		first:     attachment{Args: podArgs("first"), Capabilities: hostPort(8080, 80)},
		second:    attachment{Args: podArgs("second"), Capabilities: hostPort(8081, 80)},
		prepare:   writeSubnetEnv,
		connected: func(t *testing.T, first, second *scene) {
			for _, s := range []*scene{first, second} {
				assertDelegated(t, s)
				assert.Contains(t, s.ip(t, "link show dev eth0"), "mtu 1450")
				assert.Contains(t, s.ip(t, "route"), "10.244.0.0/16 via 10.244.0.1 dev eth0")
			}
			first.serve(t, 80)
			second.serve(t, 80)
			assertReaches(t, second.container, first.port(t, false, 80), "first")
			assertReaches(t, nil, "127.0.0.1:8080", "first")
			assertReaches(t, first.container, "10.244.0.1:8081", "second")
			assertReaches(t, first.container, "10.244.0.1:8080", "first")
		},
	}
}

// podArgs are the CNI_ARGS that Kubernetes gives.
func podArgs(pod string) [][2]string {
	return [][2]string{
		{"IgnoreUnknown", "1"},
		{"K8S_POD_NAMESPACE", "default"},
		{"K8S_POD_NAME", pod},
		{"K8S_POD_INFRA_CONTAINER_ID", pod},
	}
}

func writeSubnetEnv(t *testing.T) {
	t.Helper()
	require.NoError(t, os.MkdirAll("/run/flannel", 0o755))
	require.NoError(t, os.WriteFile("/run/flannel/subnet.env", []byte(subnetEnv), 0o600))
}

// assertDelegated asserts what the delegation has left on disk for a container.
func assertDelegated(t *testing.T, s *scene) {
	t.Helper()
	delegate, err := os.ReadFile(filepath.Join("/var/lib/cni/flannel", s.ContainerID))
	require.NoError(t, err)
	list := struct{ CNIVersion string }{}
	require.NoError(t, json.Unmarshal(delegate, &list))
	assert.JSONEq(t, `{
		"name": "cbr0", "cniVersion": "`+list.CNIVersion+`", "type": "bridge", "mtu": 1450,
		"ipMasq": false, "isGateway": true, "hairpinMode": true, "isDefaultGateway": true,
		"ipam": {"type": "host-local", "subnet": "10.244.0.0/24", "routes": [{"dst": "10.244.0.0/16"}]}
	}`, string(delegate))

	address := s.address(t, false)
	owner, err := os.ReadFile("/var/lib/cni/networks/cbr0/" + address.String())
	require.NoError(t, err)
	assert.Equal(t, s.ContainerID+"\r\neth0", string(owner))
	require.FileExists(t, "/var/lib/cni/networks/cbr0/last_reserved_ip.0")
}

// savedDelegateLost removes what the plugin noted for DEL.
func savedDelegateLost() fault {
	saved := func(s *scene) string { return filepath.Join("/var/lib/cni/flannel", s.ContainerID) }
	var text []byte
	return fault{
		name: "the saved delegate was removed",
		spoil: func(t *testing.T, s *scene) {
			var err error
			text, err = os.ReadFile(saved(s))
			require.NoError(t, errors.Join(err, os.Remove(saved(s))))
		},
		repair: func(t *testing.T, s *scene) { require.NoError(t, os.WriteFile(saved(s), text, 0o600)) },
	}
}
