package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cnikit/cnikit/libcni"
)

func (t *tool) add(ctx context.Context, args []string) error {
	list, rt, err := t.target(args)
	if err != nil {
		return err
	}
	result, err := t.cni().AddNetworkList(ctx, list, rt)
	if err != nil {
		return t.addFailed(args, rt, t.inFile(list, err))
	}
	return result.PrintTo(t.stdout)
}

// A failedAdd is an ADD that may have left something behind.
type failedAdd struct {
	error
	args []string // of the DEL that removes it
}

func (e *failedAdd) Unwrap() error { return e.error }

// Format passes on what the error has to say.
func (e *failedAdd) Format(s fmt.State, verb rune) {
	if verb == 'v' && s.Flag('+') {
		fmt.Fprintf(s, "%+v", e.error)
		return
	}
	_, _ = io.WriteString(s, e.Error())
}

func (t *tool) addFailed(args []string, rt *libcni.RuntimeConf, err error) error {
	pending, _ := t.cni().Pending(libcni.AttachmentKey{Network: args[0], ContainerID: rt.ContainerID, IfName: rt.IfName})
	if len(pending) == 0 || errors.As(err, new(*libcni.RecordError)) {
		return err
	}
	del := []string{args[0], args[1]}
	if rt.IfName != "eth0" {
		del = append(del, "-i", rt.IfName)
	}
	return &failedAdd{err, del}
}
