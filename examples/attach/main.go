// Attach attaches one container to a network of the machine it runs on and
// detaches it again, with the plugins that are installed there. README.md shows
// this program.
//
//	ip netns add web-1
//	go run ./examples/attach NETWORK
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/cnikit/cnikit/libcni"
)

func main() {
	ctx := context.Background()
	network, err := libcni.LoadNetworkConf("/etc/cni/net.d", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	cni := libcni.NewCNIConfig([]string{"/opt/cni/bin"}, nil)
	container := &libcni.RuntimeConf{ContainerID: "web-1", NetNS: "/run/netns/web-1", IfName: "eth0"}

	result, addErr := cni.AddNetworkList(ctx, network, container)
	if addErr == nil {
		_ = result.Print()
	} else {
		fmt.Fprintf(os.Stderr, "%+v\n", addErr) // plugin, verb, exit status, standard error
	}
	// A failed ADD may have done half of its work: DEL follows it too.
	if err := cni.DelNetworkList(ctx, network, container); err != nil || addErr != nil {
		log.Fatal(err)
	}
}
