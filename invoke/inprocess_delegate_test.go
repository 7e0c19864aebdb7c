package invoke_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A plugin in the process that delegates to another one in it, under a limit of
// one and under an observer: all three compose.
func TestInProcessDelegates(t *testing.T) {
	t.Parallel()
	var exec invoke.Exec
	var lines []string
	const conf = `{"cniVersion":"1.0.0","name":"n","type":"ipam"}`
	plugins := map[string]*invoke.Plugin{
		"outer": {
			Add: func(ctx context.Context, r *invoke.Request) (types.Result, error) {
				return r.Delegate(ctx, "ipam", []byte(conf), exec)
			},
			Del: func(ctx context.Context, r *invoke.Request) error {
				_, err := r.Delegate(ctx, "missing", []byte(conf), exec)
				return err
			},
		},
		"ipam": {Add: func(_ context.Context, r *invoke.Request) (types.Result, error) {
			if r.ContainerID != "c1" || r.Command != "ADD" {
				return nil, errors.New("the environment is the outer plugin's")
			}
			return version.NewResult("1.0.0", []byte(`{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.9/8"}]}`))
		}},
	}
	exec = invoke.Limit(&invoke.InProcess{Plugins: plugins}, 1)
	path, err := exec.FindInPath("outer", nil)
	require.NoError(t, err)
	args := &invoke.Args{Command: "ADD", ContainerID: "c1", NetNS: "/ns", IfName: "eth0", Path: t.TempDir()}
	call := &invoke.Call{Plugin: "outer", Path: path, Stdin: []byte(inProcessConf), Environ: args.AsEnv(), Observer: journal("o", &lines)}
	reply, err := call.Result(t.Context(), exec, "1.0.0")
	require.NoError(t, err)
	assert.Contains(t, string(reply), "10.0.0.9/8")
	require.Len(t, lines, 4)
	assert.Equal(t, "o: start ADD outer n c1 eth0", lines[0])
	assert.Equal(t, "o: start ADD ipam n c1 eth0", lines[1])

	args.Command = "DEL"
	call.Environ = args.AsEnv()
	_, err = call.Run(t.Context(), exec)
	require.ErrorIs(t, err, invoke.ErrPluginNotFound)
}

func ExampleInProcess() {
	exec := &invoke.InProcess{Plugins: map[string]*invoke.Plugin{
		"noop":     {},                // found, runs, does nothing
		"loopback": invoke.Loopback(), // needs no program on the disk
		"refuse": {Add: func(context.Context, *invoke.Request) (types.Result, error) {
			return nil, types.NewError(types.ErrTryAgainLater, "not today", "")
		}},
	}}
	args := &invoke.Args{Command: "ADD", ContainerID: "con1", NetNS: "/run/netns/con1", IfName: "eth0"}
	for _, plugin := range []string{"noop", "refuse"} {
		path, err := exec.FindInPath(plugin, nil)
		if err != nil {
			fmt.Println(err)
			continue
		}
		conf := []byte(`{"cniVersion":"1.1.0","name":"backend","type":"` + plugin + `"}`)
		result, err := invoke.ExecPluginWithResult(context.Background(), path, conf, args, exec)
		var failed *invoke.PluginError
		if errors.As(err, &failed) {
			fmt.Println(path, failed, failed.Retryable())
			continue
		}
		fmt.Println(path, result.Version())
	}
	// Output:
	// in-process:/noop 1.1.0
	// in-process:/refuse not today true
}

func BenchmarkInProcess(b *testing.B) {
	exec := &invoke.InProcess{Plugins: map[string]*invoke.Plugin{"p": {}}}
	args := &invoke.Args{Command: "ADD", ContainerID: "c1", NetNS: "/ns", IfName: "eth0", Path: "/a"}
	env := args.AsEnv()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := exec.ExecPlugin(b.Context(), "in-process:/p", []byte(inProcessConf), env); err != nil {
			b.Fatal(err)
		}
	}
}
