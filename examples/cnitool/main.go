// Cnitool runs CNI by hand: a verb on a network namespace, with the networks and
// plugins of this machine, and a look at all that is involved. Run it without
// arguments for its commands, or see usage.go.
//
// The commands add, check, del, gc and status take the arguments and variables
// of the cnitool of github.com/containernetworking/cni, write the same to
// standard output and end with the same status: scripts go on working. CHECK and DEL
// take arguments that the environment does not set from the record. The other
// commands run no ADD, CHECK, DEL or GC, except for clean.
//
// There is one file for each command; tool.go is what they share.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	t := &tool{
		lookup: os.LookupEnv, stdout: os.Stdout, stderr: os.Stderr,
		namespaces: []string{"/run/netns", "/var/run/netns", "/run/docker/netns", "/var/run/docker/netns"},
	}
	status := t.main(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}
