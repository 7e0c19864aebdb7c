// Networks attaches a container to two networks, of which one maps a port of the
// host to it, prints its addresses and detaches it: the program in README.md.
//
// It needs networks "frontend", with a portmap plugin, and "backend" in
// /etc/cni/net.d, plugins in /opt/cni/bin, a network namespace (ip netns add web-1),
// and root.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/types"
)

func main() {
	ctx := context.Background()
	manager, err := podnet.Open(ctx, podnet.Options{}) // of /etc/cni/net.d and /opt/cni/bin
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
}
