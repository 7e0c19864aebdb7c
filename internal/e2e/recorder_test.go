//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recorder is a plugin, a real process, that keeps what it is sent in files beside itself.
const recorder = `#!/bin/sh
cat > "$0.stdin.$CNI_COMMAND"
printf '%s' "$CNI_ARGS" > "$0.args.$CNI_COMMAND"
echo '{"cniVersion": "1.1.0", "interfaces": [], "ips": []}'
`

// newRecorder returns the path of a recorder, in a directory of its own.
func newRecorder(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recorder")
	require.NoError(t, os.WriteFile(path, []byte(recorder), 0o700))
	return path
}

const everyCapability = `{
	"cniVersion": "1.1.0",
	"name": "recorded",
	"plugins": [{"type": "recorder", "capabilities": {
		"portMappings": true, "bandwidth": true, "ipRanges": true, "dns": true, "ips": true, "mac": true,
		"infinibandGUID": true, "deviceID": true, "aliases": true, "cgroupPath": true,
		"io.kubernetes.cri.pod-annotations": true, "org.example.colour": true
	}}]
}`

// everyArgument is the JSON of the conventions for the arguments of the test below.
const everyArgument = `{
	"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": "192.0.2.1"}],
	"bandwidth": {"ingressRate": 2048, "ingressBurst": 1600, "egressRate": 4096, "egressBurst": 1600},
	"ipRanges": [[{"subnet": "10.1.2.0/24", "rangeStart": "10.1.2.3", "rangeEnd": "10.1.2.99", "gateway": "10.1.2.254"}]],
	"dns": {"searches": ["internal.example.org", "example.org"], "servers": ["8.8.8.8", "2001:db8::53"], "options": ["ndots:5"]},
	"ips": ["10.10.0.1/24", "3ffe:ffff:0:1ff::1/64", "10.10.0.2"],
	"mac": "c2:11:22:33:44:55",
	"infinibandGUID": "c2:11:22:33:44:55:66:77",
	"deviceID": "0000:04:00.5",
	"aliases": ["my-container", "primary-db"],
	"cgroupPath": "/kubelet/poduid",
	"io.kubernetes.cri.pod-annotations": {"example.org/colour": "blue"},
	"org.example.colour": {"name": "blue", "number": 9223372036854775807}
}`

// TestEveryCapability: what a process reads of each typed capability argument, at every
// verb of an attachment, is the JSON of the conventions; and the plan says the same.
func TestEveryCapability(t *testing.T) {
	capabilities := types.Capabilities{
		PortMappings: []types.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp", HostIP: netip.MustParseAddr("192.0.2.1")}},
		Bandwidth:    &types.Bandwidth{IngressRate: 2048, IngressBurst: 1600, EgressRate: 4096, EgressBurst: 1600},
		IPRanges: [][]types.IPRange{{{
			Subnet:     netip.MustParsePrefix("10.1.2.0/24"),
			RangeStart: netip.MustParseAddr("10.1.2.3"), RangeEnd: netip.MustParseAddr("10.1.2.99"),
			Gateway: netip.MustParseAddr("10.1.2.254"),
		}}},
		DNS: &types.RuntimeDNS{
			Servers:  []netip.Addr{netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("2001:db8::53")},
			Searches: []string{"internal.example.org", "example.org"},
			Options:  []string{"ndots:5"},
		},
		IPs: []netip.Prefix{
			netip.MustParsePrefix("10.10.0.1/24"), netip.MustParsePrefix("3ffe:ffff:0:1ff::1/64"),
			netip.PrefixFrom(netip.MustParseAddr("10.10.0.2"), -1),
		},
		MAC:            net.HardwareAddr{0xc2, 0x11, 0x22, 0x33, 0x44, 0x55},
		InfinibandGUID: net.HardwareAddr{0xc2, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77},
		DeviceID:       "0000:04:00.5",
		Aliases:        []string{"my-container", "primary-db"},
		CgroupPath:     "/kubelet/poduid",
		PodAnnotations: map[string]string{"example.org/colour": "blue"},
		Extra:          map[string]any{"org.example.colour": map[string]any{"name": "blue", "number": int64(9223372036854775807)}},
	}
	capabilityArgs, err := capabilities.CapabilityArgs()
	require.NoError(t, err)
	pod := types.Pod{Namespace: "default", Name: "web-0", InfraContainerID: "sandbox", UID: "4f1c"}
	list, err := libcni.NetworkConfFromBytes([]byte(everyCapability))
	require.NoError(t, err)
	require.Empty(t, list.UndeliveredCapabilities(capabilityArgs))
	rt := &libcni.RuntimeConf{
		ContainerID: "sandbox", NetNS: "/run/netns/sandbox", IfName: "eth0",
		Args: pod.Args(), CapabilityArgs: capabilityArgs,
	}
	path := newRecorder(t)
	cni := libcni.New([]string{filepath.Dir(path)}, libcni.Options{CacheDir: t.TempDir()})

	for _, verb := range []struct {
		name string
		run  func() error
	}{
		{"ADD", func() error { _, err := cni.AddNetworkList(t.Context(), list, rt); return err }},
		{"CHECK", func() error { return cni.CheckNetworkList(t.Context(), list, rt) }},
		{"DEL", func() error {
			// From the record, with nothing of what the runtime once said.
			return cni.DelAttachment(t.Context(), libcni.AttachmentKey{Network: "recorded", ContainerID: "sandbox", IfName: "eth0"})
		}},
	} {
		t.Run(verb.name, func(t *testing.T) {
			var planned []byte
			if verb.name == "ADD" {
				calls, err := cni.Plan(libcni.PlanRequest{Command: "ADD", List: list, Runtime: rt})
				require.NoError(t, err)
				require.Len(t, calls, 1)
				planned = calls[0].Stdin
				assert.Contains(t, calls[0].Environ, "CNI_ARGS="+pod.Args().String())
			}
			require.NoError(t, verb.run())
			stdin, err := os.ReadFile(path + ".stdin." + verb.name)
			require.NoError(t, err)
			args, err := os.ReadFile(path + ".args." + verb.name)
			require.NoError(t, err)
			assert.JSONEq(t, everyArgument, string(member(t, stdin, "runtimeConfig")))
			assert.Contains(t, string(stdin), "9223372036854775807", "to the last digit")
			assert.Equal(t, "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;"+
				"K8S_POD_INFRA_CONTAINER_ID=sandbox;K8S_POD_UID=4f1c", string(args))
			parsed, err := types.ParseArgs(string(args))
			require.NoError(t, err)
			assert.Equal(t, pod.Args(), parsed)
			if planned != nil {
				assert.True(t, bytes.Equal(planned, stdin), "planned: %s\nread: %s", planned, stdin)
			}
		})
	}
}

// TestUndelivered: what no plugin of a list declares does not arrive, and is told.
func TestUndelivered(t *testing.T) {
	capabilities := types.Capabilities{CgroupPath: "/pod", Aliases: []string{"db"}, Bandwidth: &types.Bandwidth{}}
	capabilityArgs, err := capabilities.CapabilityArgs()
	require.NoError(t, err)
	list, err := libcni.NetworkConfFromBytes([]byte(strings.Replace(everyCapability, `"aliases": true`, `"aliases": false`, 1)))
	require.NoError(t, err)
	assert.Equal(t, []string{"aliases"}, list.UndeliveredCapabilities(capabilityArgs))
	assert.Equal(t, []string{"aliases"}, capabilities.Undelivered(list.Plugins[0].Network.Capabilities))

	path := newRecorder(t)
	cni := libcni.New([]string{filepath.Dir(path)}, libcni.Options{CacheDir: t.TempDir()})
	_, err = cni.AddNetworkList(t.Context(), list, &libcni.RuntimeConf{
		ContainerID: "c", NetNS: "/run/netns/c", IfName: "eth0", CapabilityArgs: capabilityArgs,
	})
	require.NoError(t, err)
	stdin, err := os.ReadFile(path + ".stdin.ADD")
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"cgroupPath": "/pod",
		"bandwidth": {"ingressRate": 0, "ingressBurst": 0, "egressRate": 0, "egressBurst": 0}
	}`, string(member(t, stdin, "runtimeConfig")))
}

// member returns a member of a JSON object.
func member(t *testing.T, object []byte, name string) json.RawMessage {
	t.Helper()
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(object, &members))
	require.Contains(t, members, name)
	return members[name]
}
