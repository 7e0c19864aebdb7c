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
	err = t.inFile(list, t.cni().GCNetworkList(ctx, list, &libcni.GCArgs{}))
	return t.stillThere(err, libcni.AttachmentKey{Network: list.Name})
}
