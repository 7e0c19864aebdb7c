package libcni

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
)

// Golden: environment and standard input of every verb, as a plugin gets them.
func TestPlanGolden(t *testing.T) {
	c := New([]string{filepath.FromSlash("/opt/cni/bin")}, Options{Env: invoke.EnvPolicy{Allow: []string{}}})
	list := mustList(t, `{"cniVersion":"1.1.0","name":"net","plugins":[{"type":"bridge","mtu":1500},{"type":"portmap","capabilities":{"portMappings":true}}]}`)
	rt := &RuntimeConf{
		ContainerID: "c1", NetNS: "/run/netns/c1", IfName: "eth0", Args: [][2]string{{"K8S_POD_NAME", "p"}},
		CapabilityArgs: map[string]any{"portMappings": []map[string]any{{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}}},
	}
	prev := []byte(`{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.2/24"}]}`)
	const env = "CNI_ARGS=K8S_POD_NAME=p CNI_COMMAND=%s CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/c1 CNI_PATH=/opt/cni/bin"
	const noEnv = "CNI_ARGS= CNI_COMMAND=%s CNI_CONTAINERID= CNI_IFNAME= CNI_NETNS= CNI_PATH=/opt/cni/bin"
	const bridge, portmap = `bridge {%s"cniVersion":"1.1.0","mtu":1500,"name":"net",%s"type":"bridge"}`,
		`portmap {"capabilities":{"portMappings":true},%s"cniVersion":"1.1.0","name":"net",%s"type":"portmap"}`
	const ports = `"runtimeConfig":{"portMappings":[{"containerPort":80,"hostPort":8080,"protocol":"tcp"}]},`
	const withPrev = `"prevResult":{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.2/24"}]},`
	const valid = `"cni.dev/attachments":[{"containerID":"c1","ifname":"eth0"}],"cni.dev/valid-attachments":[{"containerID":"c1","ifname":"eth0"}],`
	w := fmt.Sprintf
	for _, g := range []struct {
		command, env string
		want         []string
	}{
		{"ADD", env, []string{w(bridge, "", ""), w(portmap, "", withPrev+ports)}},
		{"CHECK", env, []string{w(bridge, "", withPrev), w(portmap, "", withPrev+ports)}},
		{"DEL", env, []string{w(portmap, "", withPrev+ports), w(bridge, "", withPrev)}},
		{"GC", noEnv, []string{w(bridge, valid, ""), w(portmap, valid, "")}},
		{"STATUS", noEnv, []string{w(bridge, "", ""), w(portmap, "", "")}},
	} {
		t.Run(g.command, func(t *testing.T) {
			calls, err := c.Plan(PlanRequest{
				Command: g.command, List: list, Runtime: rt, PrevResult: prev,
				ValidAttachments: []types.GCAttachment{{ContainerID: "c1", IfName: "eth0"}},
			})
			require.NoError(t, err)
			var got []string
			for _, call := range calls {
				assert.Equal(t, fmt.Sprintf(g.env, g.command), filepath.ToSlash(strings.Join(call.Environ, " ")))
				got = append(got, call.Plugin+" "+string(call.Stdin))
			}
			assert.Equal(t, g.want, got)
		})
	}
}

// The plan is what a run does: compared over every verb.
func TestPlanIsWhatRuns(t *testing.T) {
	f := newFixture(t, Options{})
	f.fake.replies = map[string]any{"ADD": `{"cniVersion":"1.1.0"}`}
	list := list3(t, `"cniVersion":"1.1.0",`)
	valid := []types.GCAttachment{{ContainerID: "c1", IfName: "eth0"}}
	for _, verb := range []struct {
		command string
		run     func() error
	}{
		{"ADD", func() error { _, err := f.AddNetworkList(t.Context(), list, f.rt); return err }},
		{"CHECK", func() error { return f.CheckNetworkList(t.Context(), list, f.rt) }},
		{"GC", func() error { return f.GCNetworkList(t.Context(), list, &GCArgs{ValidAttachments: valid}) }},
		{"STATUS", func() error { return f.GetStatusNetworkList(t.Context(), list) }},
		{"DEL", func() error { return f.DelNetworkList(t.Context(), list, f.rt) }},
	} {
		require.NoError(t, verb.run())
		calls, err := f.Plan(PlanRequest{Command: verb.command, List: list, Runtime: f.rt, PrevResult: []byte(`{"cniVersion":"1.1.0"}`), ValidAttachments: valid})
		require.NoError(t, err)
		runs := f.fake.take()
		require.Len(t, runs, len(calls), verb.command)
		for i, call := range calls {
			assert.Equal(t, runs[i].plugin+" "+runs[i].stdin, call.Plugin+" "+string(call.Stdin), verb.command)
		}
	}
}

func TestPlanOfNothing(t *testing.T) {
	c := New([]string{"/opt/cni/bin"}, Options{})
	rt := &RuntimeConf{ContainerID: "c1", IfName: "eth0"}
	disabled := list3(t, `"cniVersion":"1.1.0","disableCheck":true,"disableGC":true,`)
	for _, r := range []PlanRequest{
		{Command: "CHECK", List: disabled, Runtime: rt},
		{Command: "GC", List: disabled},
		{Command: "GC", List: list3(t, v1)},
		{Command: "STATUS", List: list3(t, v1)},
	} {
		calls, err := c.Plan(r)
		assert.NoError(t, err)
		assert.Empty(t, calls)
	}
	for _, r := range []PlanRequest{
		{Command: "ADD"}, {Command: "ADD", List: disabled}, {Command: "FROB", List: disabled, Runtime: rt},
		{Command: "ADD", List: &NetworkConfigList{Name: "x"}, Runtime: rt},
	} {
		_, err := c.Plan(r)
		var e *RequestError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, r.Command, e.Command)
	}
	_, err := c.Plan(PlanRequest{Command: "CHECK", List: list3(t, `"cniVersion":"0.3.1",`), Runtime: rt})
	assert.ErrorIs(t, err, ErrorCheckNotSupp)
}
