package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/cnikit/cnikit/libcni"
)

func (t *tool) add(ctx context.Context, args []string) error {
	list, rt, err := t.target(args)
	if err != nil {
		return err
	}
	t.warnOfTwins(list.Name)
	before := t.recordOf(libcni.AttachmentKey{Network: list.Name, ContainerID: rt.ContainerID, IfName: rt.IfName})
	result, err := t.cni().AddNetworkList(ctx, list, rt)
	if err != nil {
		err = t.inFile(list, err)
		if before != "" {
			return &failedAdd{error: err, record: before}
		}
		return t.addFailed(args, rt, err)
	}
	return result.PrintTo(t.stdout)
}

// A failedAdd is an ADD that may have left something behind.
type failedAdd struct {
	error
	args   []string // of the DEL that removes it
	record string   // of the same attachment, from before
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

// recordOf is the path of an attachment's record, whole or damaged; empty if there is
// none.
func (t *tool) recordOf(key libcni.AttachmentKey) string {
	records, bad, _ := t.records(key)
	for _, r := range records {
		if r.State == "attached" {
			return r.Path
		}
	}
	for _, d := range bad {
		for _, s := range d.suspects {
			if s.AttachmentKey == key && filepath.Base(filepath.Dir(d.Path)) == "results" {
				return d.Path
			}
		}
	}
	return ""
}

func (t *tool) addFailed(args []string, rt *libcni.RuntimeConf, err error) error {
	pending, _ := t.cni().Pending(libcni.AttachmentKey{Network: args[0], ContainerID: rt.ContainerID, IfName: rt.IfName})
	if len(pending) == 0 || errors.As(err, new(*libcni.RecordError)) {
		return err
	}
	del := []string{args[0], args[1]}
	if rt.IfName != t.usualIfName() {
		del = append(del, "-i", rt.IfName)
	}
	if t.container != "" {
		del = append(del, "--container", t.container)
	}
	return &failedAdd{error: err, args: del}
}
