// The network part of a container runtime. It attaches a container to the network
// "web", asks whether it still is, and detaches it:
//
//	CNI_PATH=/opt/cni/bin runtime ADD|CHECK|DEL CONTAINER NETNS
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: ADD|CHECK|DEL CONTAINER NETNS")
		os.Exit(2)
	}
	err := run(os.Args[1], os.Args[2], os.Args[3])
	var plugin *types.Error
	switch {
	case errors.As(err, &plugin):
		fmt.Printf("a plugin said: %s (code %d)\n", plugin.Msg, plugin.Code)
		os.Exit(1)
	case err != nil:
		fmt.Println(err)
		os.Exit(1)
	}
}

func run(verb, id, netns string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	exec := &invoke.DefaultExec{RawExec: &invoke.RawExec{Stderr: os.Stderr}, PluginDecoder: version.PluginDecoder{}}
	cni := libcni.NewCNIConfigWithCacheDir(filepath.SplitList(os.Getenv("CNI_PATH")), os.Getenv("CACHE"), exec)
	list, err := libcni.LoadConfList(os.Getenv("NETCONFPATH"), "web")
	if err != nil {
		return err
	}
	container := &libcni.RuntimeConf{
		ContainerID: id, NetNS: netns, IfName: "eth0",
		Args:           [][2]string{{"IgnoreUnknown", "1"}},
		CapabilityArgs: map[string]interface{}{"portMappings": []map[string]interface{}{{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}}},
	}
	switch verb {
	case "ADD":
		return add(ctx, cni, list, container)
	case "CHECK":
		return cni.CheckNetworkList(ctx, list, container)
	case "DEL":
		return cni.DelNetworkList(ctx, list, container)
	}
	return fmt.Errorf("unknown verb %q", verb)
}

func add(ctx context.Context, cni libcni.CNI, list *libcni.NetworkConfigList, container *libcni.RuntimeConf) error {
	r, err := cni.AddNetworkList(ctx, list, container)
	if err != nil {
		return err
	}
	result, err := current.NewResultFromResult(r)
	if err != nil {
		return err
	}
	for _, ip := range result.IPs {
		fmt.Println(ip.Address.String())
	}
	return nil
}
