// Flannel is a CNI plugin that delegates: what flannel's own does on a node of a
// cluster. It is written with package invoke alone, see flannel.go.
//
// Called by a runtime it is that plugin:
//
//	go build -o /opt/cni/bin/flannel ./examples/flannel
//
// Called by a person it shows, without root and on any system, how a chain with
// it works: attaching a container, a change of the node's subnet, detaching.
//
//	go run ./examples/flannel
//
// There the plugin is linked into the runtime, as are a portmap that does nothing
// and a bridge that only writes files (demo.go, bridge.go).
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := 0
	if os.Getenv("CNI_COMMAND") != "" {
		status = program(ctx, os.Stdin, os.Stdout)
	} else if err := demo(ctx, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "flannel: %+v\n", err)
		status = 1
	}
	stop()
	os.Exit(status)
}
