// Attach attaches one container to a network of the machine it runs on and
// detaches it again, with the plugins that are installed there. README.md shows
// this program.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/cnikit/cnikit/libcni"
)

func main() {
	network, err := libcni.LoadNetworkConf("/etc/cni/net.d", "mynet")
	if err != nil {
		log.Fatalf("%+v", err) // with file, line and column
	}
	cni := libcni.New([]string{"/opt/cni/bin"}, libcni.Options{})
	container := &libcni.RuntimeConf{ContainerID: "web-1", NetNS: "/run/netns/web-1", IfName: "eth0"}

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	result, addErr := cni.AddNetworkList(ctx, network, container)
	if addErr == nil {
		_ = result.Print()
		fmt.Println()
	} else {
		log.Printf("%+v", addErr) // with plugin, verb, exit status and standard error
	}
	// DEL after a failed ADD too, with a time of its own: half of it may be done.
	ctx, cancel = context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := cni.DelNetworkList(ctx, network, container); err != nil {
		log.Fatalf("%+v", err)
	}
	if addErr != nil {
		os.Exit(1)
	}
}
