package podnet_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/invoke/invoketest"
	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/types"
)

// A container on two networks, one of which maps a port of the host to it. The Exec and
// the directories are the example's: without them the manager uses /etc/cni/net.d and
// the programs in /opt/cni/bin.
func Example() {
	dir := exampleNetworks()
	defer os.RemoveAll(dir)

	ctx := context.Background()
	manager, err := podnet.Open(ctx, podnet.Options{
		ConfDir: filepath.Join(dir, "net.d"), CacheDir: filepath.Join(dir, "cache"),
		Exec: &invoke.InProcess{Plugins: invoketest.Plugins()}, NoLoopback: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer manager.Close()

	web := types.Capabilities{PortMappings: []types.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}}}
	attachments, err := manager.Attach(ctx, podnet.Pod{
		ID: "web-1", NetNS: "/run/netns/web-1",
		Networks: []podnet.Network{{Name: "frontend", IfName: "eth0", Capabilities: web}, {Name: "backend", IfName: "back0"}},
	})
	if err != nil { // and then it is attached to none of them
		log.Fatalf("%+v", err)
	}
	for _, a := range attachments {
		fmt.Println(a.Network, a.IfName, a.IPs(types.IPv4First))
	}
	if err := manager.Detach(ctx, "web-1"); err != nil { // also in another process
		log.Fatalf("%+v", err)
	}
	// Output:
	// frontend eth0 [10.20.0.1]
	// backend back0 [10.10.0.1]
}

// exampleNetworks makes a directory with the configurations of two networks.
func exampleNetworks() string {
	dir, err := os.MkdirTemp("", "podnet")
	if err != nil {
		log.Fatal(err)
	}
	for name, subnet := range map[string]string{"backend": "10.10.0.0/24", "frontend": "10.20.0.0/24"} {
		state := filepath.Join(dir, "state", name)
		conf := fmt.Sprintf(`{"cniVersion":"1.1.0","name":%q,"plugins":[
			{"type":"link","stateDir":%q,"capabilities":{"portMappings":true}},
			{"type":"address","stateDir":%[2]q,"subnet":%[3]q}]}`, name, state, subnet)
		file := filepath.Join(dir, "net.d", name+".conflist")
		for _, d := range []string{state, filepath.Dir(file)} {
			if err := os.MkdirAll(d, 0o755); err != nil {
				log.Fatal(err)
			}
		}
		if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
			log.Fatal(err)
		}
	}
	return dir
}
