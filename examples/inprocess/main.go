// Inprocess is a runtime with plugins of its own linked in: Go functions behind
// the same Exec as programs. It runs on any system, without root.
//
//	go run ./examples/inprocess
//
// A plugin that is linked in can use what the runtime knows, here the pool of its
// addresses, starts in no time, and is found without a plugin directory. To
// libcni it is a plugin like any other: the network's configuration names it, it
// gets its requests, its errors have codes. Plugins that are not linked in are
// run as programs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

const conflist = `{"cniVersion": "1.1.0", "name": "pods", "plugins": [
	{"type": "pool", "subnet": "10.30.0.0/30"},
	{"type": "policy", "needs": "TEAM"}
]}`

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "inprocess:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	cache, err := os.MkdirTemp("", "inprocess-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(cache)
	addresses := &pool{taken: map[string]string{}}
	cni := libcni.New([]string{cache}, libcni.Options{
		Exec: &invoke.InProcess{Plugins: map[string]*invoke.Plugin{
			"pool":     addresses.plugin(),
			"policy":   {Add: policy},
			"mistaken": {Add: func(context.Context, *invoke.Request) (types.Result, error) { panic("a bug") }},
		}},
		CacheDir: cache,
		Rollback: true,
	})
	pods, err := libcni.NetworkConfFromBytes([]byte(conflist))
	if err != nil {
		return err
	}
	attach := func(id string, args ...[2]string) {
		result, err := cni.AddNetworkList(ctx, pods, attachment(id, args...))
		var view *types.ResultView
		if err == nil {
			view, err = types.ViewResult(result)
		}
		if err != nil {
			fmt.Printf("%s: %v%s\n", id, err, code(err))
			return
		}
		fmt.Printf("%s: attached with %v\n", id, view.IPs(types.AsGiven)[0])
	}

	ours := [2]string{"TEAM", "ours"}
	attach("web", ours)
	attach("stranger") // the policy refuses it, and its address is free again
	fmt.Println("the pool:", addresses)
	attach("db", ours)
	fmt.Println("STATUS:", cni.GetStatusNetworkList(ctx, pods))
	attach("cache", ours)
	for _, id := range []string{"web", "db"} {
		if err := cni.DelNetworkList(ctx, pods, attachment(id, ours)); err != nil {
			return err
		}
	}
	fmt.Println("the pool:", addresses)

	// A plugin that panics is a plugin that failed; the runtime goes on.
	for _, name := range []string{"mistaken", "not-linked-in"} {
		list, err := libcni.NetworkConfFromBytes(fmt.Appendf(nil, `{"cniVersion": "1.1.0", "name": "other", "plugins": [{"type": %q}]}`, name))
		if err != nil {
			return err
		}
		_, err = cni.AddNetworkList(ctx, list, attachment("web"))
		var plugin *invoke.PluginError
		switch {
		case errors.Is(err, invoke.ErrPluginNotFound):
			fmt.Printf("%s is no function here, and there is no program of that name either\n", name)
		case errors.As(err, &plugin):
			fmt.Println(plugin.Msg)
		}
	}
	return nil
}

func attachment(id string, args ...[2]string) *libcni.RuntimeConf {
	return &libcni.RuntimeConf{ContainerID: id, NetNS: "/run/netns/" + id, IfName: "eth0", Args: args}
}

// code is the plugin's own error code, in brackets.
func code(err error) string {
	var said *types.Error
	if errors.As(err, &said) {
		return fmt.Sprintf(" (code %d)", said.Code)
	}
	return ""
}
