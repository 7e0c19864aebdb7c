package main

import (
	"context"
	"fmt"

	"github.com/cnikit/cnikit/libcni"
)

// cleanLater is what to do about a container whose runtime may be at work on it yet.
func (t *tool) cleanLater(container string) string {
	return "if its runtime has forgotten it: " + t.command("clean", container) + ", which detaches it from everything"
}

// clean detaches a container by what the records say, whatever runtime wrote them,
// and prints what was known of it.
func (t *tool) clean(ctx context.Context, args []string) error {
	known, _, denied := t.records(libcni.AttachmentKey{ContainerID: args[0]})
	if err := t.cni().DelContainer(ctx, args[0]); err != nil {
		return err
	}
	left, _, _ := t.records(libcni.AttachmentKey{ContainerID: args[0]})
	still := map[string]bool{}
	for i := range left {
		still[left[i].name()] = true
	}
	detached := []record{}
	for _, r := range known {
		if !still[r.name()] {
			still[r.name()] = true // say it once
			detached = append(detached, r)
		}
	}
	if t.json {
		return t.print(detached)
	}
	for _, r := range detached {
		fmt.Fprintf(t.stdout, "Detached from %s: %s\n", r.Network, r.IfName)
	}
	if len(known) == 0 && denied == nil {
		fmt.Fprintf(t.stdout, "Nothing is known of %s in %s.\n", args[0], t.cacheDir())
	}
	return nil
}
