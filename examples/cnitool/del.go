package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/cnikit/cnikit/libcni"
)

func (t *tool) del(ctx context.Context, args []string) error {
	list, rt, err := t.target(args)
	if err != nil {
		return err
	}
	known, _, _ := t.records(libcni.AttachmentKey{Network: list.Name, ContainerID: rt.ContainerID, IfName: rt.IfName})
	t.waits(known)
	from := t.argumentsOfAdd("DEL", list, rt)
	err = t.cni().DelNetworkList(ctx, list, rt)
	if err != nil && from.doubtful && ctx.Err() == nil {
		without := *rt
		without.Args = nil
		t.warn(fmt.Errorf("DEL with the CNI_ARGS of the ADD that failed: %w; now without", err))
		err = t.cni().DelNetworkList(ctx, list, &without)
	}
	err = t.inFile(list, err)
	if err == nil && from.lost {
		t.complain(&advisedError{
			errors.New("detached, but its record was damaged: " + lostArguments),
			"run it again, " + settingCapArgs + ": " + t.commandWith(lack{args: true}, "del", t.again(args, rt)...),
		})
		return errFound
	}
	return t.stillThere(err, libcni.AttachmentKey{Network: list.Name, ContainerID: rt.ContainerID, IfName: rt.IfName})
}
