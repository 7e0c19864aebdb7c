package invoketest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/invoke/invoketest"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

const backend = `{"cniVersion":"1.0.0","name":"backend","plugins":[
	{"type":"bridge","bridge":"cni0","ipam":{"type":"host-local"}},
	{"type":"portmap","capabilities":{"portMappings":true}}]}`

// attach is the code under test: a runtime's function that leaves nothing behind
// when it fails.
func attach(ctx context.Context, cni libcni.CNI, list *libcni.NetworkConfigList, rt *libcni.RuntimeConf) error {
	_, err := cni.AddNetworkList(ctx, list, rt)
	if err != nil {
		return errors.Join(err, cni.DelNetworkList(context.WithoutCancel(ctx), list, rt))
	}
	return nil
}

// The second plugin of a chain fails, and the caller is to DEL. This one does it
// right. In a test t is the *testing.T; the one here prints.
func ExampleNewExec() {
	t := &printer{}
	defer t.done()
	cache, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(cache)

	fake := invoketest.NewExec(t,
		invoketest.Run{Command: "ADD", Plugin: "bridge", Reply: `{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.2/24"}]}`},
		invoketest.Run{
			Command: "ADD", Plugin: "portmap",
			Stdin: `{"prevResult":{"ips":[{"address":"10.1.0.2/24"}]},"runtimeConfig":{"portMappings":[{"hostPort":8080}]}}`,
			Err:   types.NewError(types.ErrTryAgainLater, "table is locked", ""),
		},
		invoketest.Run{Command: "DEL", Plugin: "portmap"},
		invoketest.Run{Command: "DEL", Plugin: "bridge"},
	)
	cni := libcni.New([]string{"/opt/cni/bin"}, libcni.Options{Exec: fake, CacheDir: cache})
	list, err := libcni.NetworkConfFromBytes([]byte(backend))
	if err != nil {
		panic(err)
	}
	err = attach(context.Background(), cni, list, &libcni.RuntimeConf{
		ContainerID: "con1", NetNS: "/run/netns/con1", IfName: "eth0",
		CapabilityArgs: map[string]any{"portMappings": []any{map[string]any{"hostPort": 8080, "containerPort": 80}}},
	})
	var failure *invoke.PluginError
	fmt.Println(errors.As(err, &failure), failure.Plugin, failure.Command, failure.Retryable())
	for _, call := range fake.Calls() {
		fmt.Println(call.Command, call.Plugin, call.Network)
	}
	// Output:
	// true portmap ADD true
	// ADD bridge backend
	// ADD portmap backend
	// DEL portmap backend
	// DEL bridge backend
}

// Plugins with a state, for a test of what is left behind: links that cannot be made
// twice, addresses that run out.
func ExamplePlugins() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	state, cache := filepath.Join(dir, "state"), filepath.Join(dir, "cache")
	if err := os.Mkdir(state, 0o700); err != nil {
		panic(err)
	}
	cni := libcni.New(nil, libcni.Options{Exec: &invoke.InProcess{Plugins: invoketest.Plugins()}, CacheDir: cache})
	list, err := libcni.NetworkConfFromBytes(fmt.Appendf(nil, `{"cniVersion":"1.1.0","name":"backend","plugins":[
		{"type":"link","stateDir":%[1]q}, {"type":"address","stateDir":%[1]q,"subnet":"10.1.0.0/30"}]}`, state))
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	for _, id := range []string{"c1", "c2", "c3", "c4"} {
		_, err := cni.AddNetworkList(ctx, list, &libcni.RuntimeConf{ContainerID: id, NetNS: "/run/netns/" + id, IfName: "eth0"})
		fmt.Println(id, err)
	}
	for _, id := range []string{"c1", "c2", "c3"} {
		if err := cni.DelContainer(ctx, id); err != nil {
			panic(err)
		}
	}
	left, err := os.ReadDir(state)
	fmt.Println("left behind:", left[0].Name(), err)
	// Output:
	// c1 <nil>
	// c2 <nil>
	// c3 <nil>
	// c4 plugin type="address" failed (add): no address left in 10.1.0.0/30
	// left behind: link-c4-eth0 <nil>
}

// printer is a test that prints its failures.
type printer struct{ cleanup []func() }

func (*printer) Helper()                           {}
func (*printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (p *printer) Cleanup(f func())                { p.cleanup = append(p.cleanup, f) }

func (p *printer) done() {
	for _, f := range p.cleanup {
		f()
	}
}
