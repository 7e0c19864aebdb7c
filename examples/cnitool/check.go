package main

import (
	"context"

	"github.com/cnikit/cnikit/libcni"
)

func (t *tool) check(ctx context.Context, args []string) error {
	list, rt, err := t.target(args)
	if err != nil {
		return err
	}
	t.argumentsOfAdd("CHECK", list, rt)
	err = t.inFile(list, t.cni().CheckNetworkList(ctx, list, rt))
	if err == nil || !gone(rt.NetNS) {
		return err
	}
	if record, _ := t.recordOf(libcni.AttachmentKey{Network: list.Name, ContainerID: rt.ContainerID, IfName: rt.IfName}); record == "" {
		return err
	}
	return &advisedError{err, "its network namespace is gone: to detach it: " + t.command("del", t.again(args, rt)...)}
}
