package main

import (
	"context"

	"github.com/cnikit/cnikit/libcni"
)

// gc takes no attachment for valid, as upstream's does: it removes them all.
func (t *tool) gc(ctx context.Context, args []string) error {
	list, _, err := t.target(args)
	if err != nil {
		return err
	}
	match := libcni.AttachmentKey{Network: list.Name}
	known, bad, denied := t.records(match)
	err = t.inFile(list, t.cni().GCNetworkList(ctx, list, &libcni.GCArgs{}))
	if err == nil && len(known)+len(bad) == 0 && denied == nil {
		t.tell("Nothing was on record for " + list.Name + " in " + t.cacheDir() + ": no attachment was removed.")
	}
	return t.stillThere(err, match)
}
