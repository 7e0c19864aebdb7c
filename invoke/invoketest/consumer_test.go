package invoketest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/invoke/invoketest"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a runtime's own test looks like: no root, no plugins, no files but in the
// test's directory.
func TestAttachCleansUp(t *testing.T) {
	fake := invoketest.NewExec(t,
		invoketest.Run{Command: "ADD", Plugin: "bridge", Stdin: `{"ipam":{"type":"host-local"}}`},
		invoketest.Run{Command: "ADD", Plugin: "portmap", Err: types.NewError(types.ErrTryAgainLater, "table is locked", "")},
		invoketest.Run{Command: "DEL", Plugin: "portmap"},
		invoketest.Run{Command: "DEL", Plugin: "bridge", Env: []string{"CNI_CONTAINERID=con1"}},
	)
	cni := libcni.New([]string{"/opt/cni/bin"}, libcni.Options{Exec: fake, CacheDir: t.TempDir()})
	list, err := libcni.NetworkConfFromBytes([]byte(backend))
	require.NoError(t, err)
	rt := &libcni.RuntimeConf{ContainerID: "con1", NetNS: "/run/netns/con1", IfName: "eth0"}

	err = attach(t.Context(), cni, list, rt)

	var failure *invoke.PluginError
	require.ErrorAs(t, err, &failure)
	assert.True(t, failure.Retryable())
	assert.Equal(t, "portmap", failure.Plugin)
}

// What is reported when the code under test does something else: it forgets to
// DEL.
func ExampleExec() {
	t := &printer{}
	fake := invoketest.NewExec(t,
		invoketest.Run{Command: "ADD", Plugin: "bridge", Stdin: `{"bridge":"cni1","mtu":null}`},
		invoketest.Run{Command: "DEL", Plugin: "bridge"},
	)
	call := &invoke.Call{
		Plugin: "bridge", Path: "/opt/cni/bin/bridge", Environ: []string{"CNI_COMMAND=ADD", "CNI_CONTAINERID=con1"},
		Stdin: []byte(`{"name":"backend","type":"bridge","bridge":"cni0","mtu":1500}`),
	}
	_, _ = call.Run(context.Background(), fake)
	t.done()
	// Output:
	// invoketest: run 1: ADD bridge container=con1: not as expected
	//   stdin /bridge: got "cni0", want "cni1"
	//   stdin /mtu: got 1500, want none
	// invoketest: expected, and not run
	//   DEL bridge
}

// The stateful plugins in a chain of libcni, as functions and as processes: an
// attachment leaves nothing behind, whether it failed or was removed.
func TestPluginsInAChain(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, exec invoke.Exec, dir string) {
		n := &network{exec, dir, t.TempDir()}
		load := func(fail string) *libcni.NetworkConfigList {
			list, err := libcni.NetworkConfFromBytes(fmt.Appendf(nil, `{"cniVersion":"1.1.0","name":"n","plugins":[
				{"type":"link","stateDir":%[1]q},
				{"type":"address","stateDir":%[1]q,"subnet":"10.1.0.0/24"},
				{"type":"noop","stateDir":%[1]q,"fail":[%[2]s]}]}`, n.state, fail))
			require.NoError(t, err)
			return list
		}
		ctx := t.Context()
		var lines []string
		cni := libcni.New([]string{dir}, libcni.Options{Exec: exec, CacheDir: t.TempDir(), Rollback: true, Observer: &invoke.Observer{
			End: func(_ context.Context, c *invoke.Call, o *invoke.Outcome) {
				lines = append(lines, fmt.Sprint(c.Command, " ", c.Plugin, " ", o.Err == nil))
			},
		}})
		rt := &libcni.RuntimeConf{ContainerID: "c1", NetNS: "/ns/c1", IfName: "eth0"}

		_, err := cni.AddNetworkList(ctx, load(`"ADD"`), rt)
		require.ErrorContains(t, err, "noop was told to fail ADD")
		assert.Empty(t, n.files(t), "rolled back")
		assert.Equal(t, []string{
			"ADD link true", "ADD address true", "ADD noop false",
			"DEL noop true", "DEL address true", "DEL link true",
		}, lines)

		result, err := cni.AddNetworkList(ctx, load(""), rt)
		require.NoError(t, err)
		assert.Equal(t, "1.1.0", result.Version())
		assert.Equal(t, []string{"address-10.1.0.1", "link-c1-eth0"}, n.files(t))
		require.NoError(t, cni.CheckNetworkList(ctx, load(""), rt))
		require.NoError(t, cni.GetStatusNetworkList(ctx, load("")))
		require.NoError(t, cni.GCNetworkList(ctx, load(""), &libcni.GCArgs{
			ValidAttachments: []types.GCAttachment{{ContainerID: "c1", IfName: "eth0"}},
		}))
		assert.Len(t, n.files(t), 2)
		require.NoError(t, cni.DelNetworkList(ctx, load(""), rt))
		assert.Empty(t, n.files(t))
	})
}
