package main

import (
	"context"

	"github.com/cnikit/cnikit/libcni"
)

func (t *tool) del(ctx context.Context, args []string) error {
	list, rt, err := t.target(args)
	if err != nil {
		return err
	}
	known, _, _ := t.records(libcni.AttachmentKey{Network: list.Name, ContainerID: rt.ContainerID, IfName: rt.IfName})
	t.waits(known)
	err = t.inFile(list, t.cni().DelNetworkList(ctx, list, rt))
	return t.stillThere(err, libcni.AttachmentKey{Network: list.Name, ContainerID: rt.ContainerID, IfName: rt.IfName})
}
