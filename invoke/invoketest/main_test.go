package invoketest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/invoke/invoketest"
	"github.com/cnikit/cnikit/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each test of the plugins is run with functions and with processes.
func eachWay(t *testing.T, test func(t *testing.T, exec invoke.Exec, dir string)) {
	t.Run("in process", func(t *testing.T) {
		t.Parallel()
		test(t, &invoke.InProcess{Plugins: invoketest.Plugins()}, "/none")
	})
	t.Run("processes", func(t *testing.T) {
		t.Parallel()
		test(t, rawExec(), invoketest.Dir(t, "noop", "link", "address"))
	})
}

// network runs chains of the stateful plugins.
type network struct {
	exec       invoke.Exec
	dir, state string
}

func (n *network) run(t *testing.T, verb, plugin, container, extra string) (string, error) {
	t.Helper()
	path, err := n.exec.FindInPath(plugin, []string{n.dir})
	require.NoError(t, err)
	args := &invoke.Args{Command: verb, ContainerID: container, NetNS: "/ns/" + container, IfName: "eth0", Path: n.dir}
	call := &invoke.Call{
		Plugin: plugin, Path: path, Command: verb, Environ: args.AsEnv(),
		Stdin: []byte(`{"cniVersion":"1.1.0","name":"n","type":"` + plugin + `","stateDir":"` + strings.ReplaceAll(n.state, `\`, `\\`) + `"` + extra + `}`),
	}
	if verb == "ADD" {
		reply, err := call.Result(t.Context(), n.exec, "1.1.0")
		return string(reply), err
	}
	reply, err := call.Run(t.Context(), n.exec)
	return string(reply), err
}

func (n *network) files(t *testing.T) []string {
	entries, err := os.ReadDir(n.state)
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestPlugins(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, exec invoke.Exec, dir string) {
		n := &network{exec, dir, t.TempDir()}
		const subnet = `,"subnet":"10.1.0.0/30"`
		var failure *invoke.PluginError

		link, err := n.run(t, "ADD", "link", "c1", "")
		require.NoError(t, err)
		assert.JSONEq(t, `{"cniVersion":"1.1.0","interfaces":[{"name":"eth0","sandbox":"/ns/c1"}]}`, link)
		_, err = n.run(t, "ADD", "link", "c1", "")
		require.ErrorContains(t, err, "exists", "a second ADD without DEL")

		both, err := n.run(t, "ADD", "address", "c1", subnet+`,"prevResult":`+link)
		require.NoError(t, err)
		assert.JSONEq(t, `{"cniVersion":"1.1.0","interfaces":[{"name":"eth0","sandbox":"/ns/c1"}],"ips":[{"address":"10.1.0.1/30","interface":0}]}`, both)
		passed, err := n.run(t, "ADD", "noop", "c1", `,"prevResult":`+both)
		require.NoError(t, err)
		assert.Equal(t, both, passed)
		for _, want := range []string{"10.1.0.2/30", "10.1.0.3/30"} {
			more, err := n.run(t, "ADD", "address", "c2", subnet)
			require.NoError(t, err)
			assert.Contains(t, more, `{"address":"`+want+`"}`)
		}
		_, err = n.run(t, "ADD", "address", "c3", subnet)
		require.ErrorAs(t, err, &failure)
		assert.True(t, failure.Retryable())
		_, err = n.run(t, "STATUS", "address", "", subnet)
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, types.ErrPluginNotAvailable, failure.Code)
		assert.Equal(t, []string{"address-10.1.0.1", "address-10.1.0.2", "address-10.1.0.3", "link-c1-eth0"}, n.files(t))

		_, err = n.run(t, "CHECK", "link", "c1", "")
		require.NoError(t, err)
		_, err = n.run(t, "CHECK", "link", "c2", "")
		require.ErrorContains(t, err, "container c2 has no link on eth0")

		valid := `,"cni.dev/valid-attachments":[{"containerID":"c1","ifname":"eth0"}]`
		for _, plugin := range []string{"link", "address", "noop"} {
			_, err = n.run(t, "GC", plugin, "", subnet+valid)
			require.NoError(t, err)
		}
		assert.Equal(t, []string{"address-10.1.0.1", "link-c1-eth0"}, n.files(t))
		_, err = n.run(t, "STATUS", "address", "", subnet)
		require.NoError(t, err)

		for range 2 {
			for _, plugin := range []string{"address", "link", "noop"} {
				_, err = n.run(t, "DEL", plugin, "c1", subnet)
				require.NoError(t, err)
			}
		}
		assert.Empty(t, n.files(t))

		_, err = n.run(t, "ADD", "noop", "c1", `,"fail":["ADD","DEL"]`)
		require.EqualError(t, err, "noop was told to fail ADD")
		_, err = n.run(t, "CHECK", "noop", "c1", `,"fail":["ADD","DEL"]`)
		require.NoError(t, err)
	})
}

func TestDirHasEveryPlugin(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(invoketest.Dir(t))
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".exe"))
	}
	assert.Equal(t, []string{"address", "crash", "invoketest-contract", "link", "noop"}, names)
}

// A panic in a plugin that is a process looks as in one that is a function.
func TestMainPanic(t *testing.T) {
	t.Parallel()
	_, err := del(t, "crash")
	var failure *invoke.PluginError
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, types.ErrInternal, failure.Code)
	assert.Equal(t, 1, failure.ExitCode)
	assert.Equal(t, `plugin "crash" panicked: boom`, err.Error())
	assert.Contains(t, failure.Stderr, "goroutine ")
}

func del(t *testing.T, plugin string) ([]byte, error) {
	t.Helper()
	exec, dir := rawExec(), invoketest.Dir(t, plugin)
	path, err := exec.FindInPath(plugin, []string{dir})
	require.NoError(t, err)
	args := &invoke.Args{Command: "DEL", ContainerID: "c1", IfName: "eth0", Path: dir}
	return (&invoke.Call{Plugin: plugin, Path: path, Stdin: []byte(`{"name":"n"}`), Environ: args.AsEnv()}).Run(t.Context(), exec)
}
