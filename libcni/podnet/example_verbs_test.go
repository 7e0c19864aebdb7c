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

// exampleManager opens a manager for two networks, backend and frontend, whose
// plugins are functions.
func exampleManager(ctx context.Context) (manager *podnet.Manager, done func()) {
	dir := exampleNetworks()
	manager, err := podnet.Open(ctx, podnet.Options{
		ConfDir: filepath.Join(dir, "net.d"), CacheDir: filepath.Join(dir, "cache"),
		Exec: &invoke.InProcess{Plugins: invoketest.Plugins()}, NoLoopback: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	return manager, func() { manager.Close(); os.RemoveAll(dir) }
}

// A runtime that was away finds out what is left of containers that have ended:
// first what there is, then it is detached.
func ExampleManager_GC() {
	ctx := context.Background()
	manager, done := exampleManager(ctx)
	defer done()
	for _, id := range []string{"con1", "con2"} {
		if _, err := manager.Attach(ctx, podnet.Pod{ID: id, NetNS: "/run/netns/" + id}); err != nil {
			log.Fatal(err)
		}
	}

	args := podnet.GCArgs{Valid: []types.GCAttachment{{ContainerID: "con2"}}, DryRun: true}
	for _, args.DryRun = range []bool{true, false} {
		leftovers, err := manager.GC(ctx, args)
		for _, l := range leftovers {
			fmt.Println(l.ContainerID, l.Network, l.IfName, l.Err)
		}
		fmt.Println("dry run:", args.DryRun, err)
	}
	left, err := manager.Attachments("")
	fmt.Println(len(left), "left", err)
	// Output:
	// con1 backend eth0 <nil>
	// dry run: true <nil>
	// con1 backend eth0 <nil>
	// dry run: false <nil>
	// 1 left <nil>
}

// What an earlier process has left undone is finished by Open; Recover does it
// again when what was in the way is gone.
func ExampleManager_Recover() {
	ctx := context.Background()
	manager, done := exampleManager(ctx)
	defer done()

	leftovers, err := manager.Recover(ctx)
	fmt.Println(len(leftovers), err)
	// Output: 0 <nil>
}

func ExampleManager_Status() {
	ctx := context.Background()
	manager, done := exampleManager(ctx)
	defer done()

	networks, err := manager.Status(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, n := range networks {
		fmt.Println(n.Name, n.State)
		for _, p := range n.Plugins {
			fmt.Println(" ", p.Type, p.State)
		}
	}
	// Output:
	// backend ready
	//   link ready
	//   address ready
	// frontend ready
	//   link ready
	//   address ready
}

// A running container is attached to one more network, and checked.
func ExampleManager_Check() {
	ctx := context.Background()
	manager, done := exampleManager(ctx)
	defer done()
	pod := podnet.Pod{ID: "con1", NetNS: "/run/netns/con1", Networks: []podnet.Network{{Name: "backend"}}}
	if _, err := manager.Attach(ctx, pod); err != nil {
		log.Fatal(err)
	}
	pod.Networks = []podnet.Network{{Name: "frontend"}}
	if _, err := manager.Attach(ctx, pod); err != nil {
		log.Fatal(err)
	}

	attachments, err := manager.Attachments("con1")
	for _, a := range attachments {
		fmt.Println(a.Network, a.IfName)
	}
	fmt.Println(err, manager.Check(ctx, "con1"))
	// Output:
	// backend eth0
	// frontend eth1
	// <nil> <nil>
}
