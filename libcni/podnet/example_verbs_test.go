package podnet_test

import (
	"context"
	"errors"
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

// exampleStuck opens a manager for one network, whose plugin fails each ADD and,
// as long as stuck says so, each DEL.
func exampleStuck(ctx context.Context, stuck *bool) (manager *podnet.Manager, done func()) {
	dir, err := os.MkdirTemp("", "podnet")
	if err != nil {
		log.Fatal(err)
	}
	conf := `{"cniVersion":"1.1.0","name":"backend","plugins":[{"type":"table"}]}`
	if err := os.WriteFile(filepath.Join(dir, "10-backend.conflist"), []byte(conf), 0o600); err != nil {
		log.Fatal(err)
	}
	manager, err = podnet.Open(ctx, podnet.Options{
		ConfDir: dir, CacheDir: filepath.Join(dir, "cache"), NoLoopback: true,
		Exec: &invoke.InProcess{Plugins: map[string]*invoke.Plugin{"table": {
			Add: func(context.Context, *invoke.Request) (types.Result, error) {
				return nil, errors.New("the table is full")
			},
			Del: func(context.Context, *invoke.Request) error {
				if *stuck {
					return errors.New("the table is locked")
				}
				return nil
			},
		}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	return manager, func() { manager.Close(); os.RemoveAll(dir) }
}

// What could not be undone, here because DEL failed as well, is finished when what was
// in the way is gone; so is what a process that was killed has left.
func ExampleManager_Recover() {
	ctx, stuck := context.Background(), true
	manager, done := exampleStuck(ctx, &stuck)
	defer done()
	_, err := manager.Attach(ctx, podnet.Pod{ID: "con1", NetNS: "/run/netns/con1"})
	fmt.Println("attached:", err == nil)

	for _, stuck = range []bool{true, false} {
		leftovers, _ := manager.Recover(ctx)
		for _, l := range leftovers {
			fmt.Println(l.AttachmentKey, "is detached:", l.Err == nil)
		}
	}
	leftovers, err := manager.Recover(ctx)
	fmt.Println(len(leftovers), err)
	// Output:
	// attached: false
	// backend/con1/eth0 is detached: false
	// backend/con1/eth0 is detached: true
	// 0 <nil>
}

// What can never be detached is given up: nothing on disk tells of it any more.
func ExampleManager_Forget() {
	ctx, stuck := context.Background(), true
	manager, done := exampleStuck(ctx, &stuck)
	defer done()
	_, err := manager.Attach(ctx, podnet.Pod{ID: "con1", NetNS: "/run/netns/con1"})
	fmt.Println("attached:", err == nil)
	fmt.Println("detached:", manager.Detach(ctx, "con1") == nil)

	forgotten, err := manager.Forget(ctx, "con1")
	for _, l := range forgotten {
		fmt.Println(l.AttachmentKey, "may have left something behind:", l.Err != nil)
	}
	fmt.Println(err)
	fmt.Println("detached:", manager.Detach(ctx, "con1") == nil)
	// Output:
	// attached: false
	// detached: false
	// backend/con1/eth0 may have left something behind: true
	// <nil>
	// detached: true
}

// The configuration as it is now, with what is wrong in it.
func ExampleManager_Config() {
	manager, done := exampleManager(context.Background())
	defer done()

	config := manager.Config()
	for _, n := range config.Networks {
		fmt.Println(filepath.Base(n.File), n.Name)
	}
	network, err := config.Default("")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("default:", network.Name, "bad:", len(config.Bad), "missing plugins:", len(config.Missing))
	// Output:
	// backend.conflist backend
	// frontend.conflist frontend
	// default: backend bad: 0 missing plugins: 0
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

// What errors.Join and fmt.Errorf make of an error prints its text alone.
func ExampleError_joined() {
	full := &podnet.CacheDirError{Dir: "/cache", Err: errors.New("disk full")}
	first := &podnet.Error{Op: "attach", ContainerID: "web-1", Err: full}
	second := &podnet.Error{Op: "attach", ContainerID: "web-2", Err: full}

	both := errors.Join(first, second)
	fmt.Printf("%+v\n\n", both)
	for _, err := range both.(interface{ Unwrap() []error }).Unwrap() {
		fmt.Printf("%+v\n", err)
	}

	wrapped := fmt.Errorf("starting web-1: %w", first)
	fmt.Printf("\n%+v\n\n%+v\n", wrapped, errors.Unwrap(wrapped))

	// Output:
	// attach container web-1: cache directory /cache cannot be used (Options.CacheDir): disk full
	// attach container web-2: cache directory /cache cannot be used (Options.CacheDir): disk full
	//
	// attach container web-1: cache directory /cache cannot be used (Options.CacheDir): disk full
	//     to do:     make it writable for this process, with space on its disk, or choose another one
	// attach container web-2: cache directory /cache cannot be used (Options.CacheDir): disk full
	//     to do:     make it writable for this process, with space on its disk, or choose another one
	//
	// starting web-1: attach container web-1: cache directory /cache cannot be used (Options.CacheDir): disk full
	//
	// attach container web-1: cache directory /cache cannot be used (Options.CacheDir): disk full
	//     to do:     make it writable for this process, with space on its disk, or choose another one
}
