package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cnikit/cnikit/libcni"
)

func (t *tool) del(ctx context.Context, args []string) error {
	list, rt, err := t.target(args)
	if err != nil {
		return t.onRecord(args, err)
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

// onRecord adds to an error about the network's configuration that DEL needs none of
// today's, if the attachment is on record.
func (t *tool) onRecord(args []string, err error) error {
	if !errors.As(err, new(*libcni.ConfError)) && !errors.As(err, new(libcni.NotFoundError)) && !errors.As(err, new(libcni.NoConfigsFoundError)) {
		return err
	}
	netns, absErr := filepath.Abs(args[1])
	if absErr != nil {
		return err
	}
	container := cmp.Or(t.container, containerID(netns))
	records, _, _ := t.records(libcni.AttachmentKey{Network: args[0], ContainerID: container, IfName: cmp.Or(t.ifName, t.usualIfName())})
	if len(records) == 0 {
		return err
	}
	return &recordedError{err, "Or detach the container from everything with the configuration of ADD, which is on record: " + t.command("clean", container)}
}

// A recordedError is one that does not stand in the way of clean.
type recordedError struct {
	error
	do string
}

func (e *recordedError) Unwrap() []error { return []error{e.error} } // each takes it apart
