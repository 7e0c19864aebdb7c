package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

func (t *tool) add(ctx context.Context, args []string) error {
	list, rt, err := t.target(args)
	if err != nil {
		return err
	}
	t.warnOfTwins(list.Name)
	t.warnOfCapabilities(list, rt)
	before, damaged := t.recordOf(libcni.AttachmentKey{Network: list.Name, ContainerID: rt.ContainerID, IfName: rt.IfName})
	result, err := t.cni().AddNetworkList(ctx, list, rt)
	if err != nil {
		err = t.inFile(list, err)
		if before != "" {
			return &failedAdd{error: err, args: t.again(args, rt), record: before, damaged: damaged}
		}
		return t.addFailed(args, rt, err)
	}
	if _, err := types.ViewResult(result); err != nil {
		t.warn(fmt.Errorf("the plugins' result is not as it should be: %w", err))
	}
	return result.PrintTo(t.stdout)
}

// A failedAdd is an ADD that may have left something behind.
type failedAdd struct {
	error
	args    []string // of the DEL that removes it
	record  string   // of the same attachment, from before
	damaged bool     // that record

	container string
	owner     *record // has the interface: DEL would take it away; nil if nobody is known to
}

func (e *failedAdd) Unwrap() error { return e.error }

// Format passes on what the error has to say.
func (e *failedAdd) Format(s fmt.State, verb rune) { format(s, verb, e.error) }

// recordOf is the path of an attachment's record, whole or damaged; empty if there is
// none.
func (t *tool) recordOf(key libcni.AttachmentKey) (path string, damaged bool) {
	records, bad, _ := t.records(key)
	for _, r := range records {
		if r.State == "attached" {
			return r.Path, false
		}
	}
	for _, d := range bad {
		for _, s := range d.suspects {
			if s.AttachmentKey == key && filepath.Base(filepath.Dir(d.Path)) == "results" {
				return d.Path, true
			}
		}
	}
	return "", false
}

func (t *tool) addFailed(args []string, rt *libcni.RuntimeConf, err error) error {
	pending, _ := t.cni().Pending(libcni.AttachmentKey{Network: args[0], ContainerID: rt.ContainerID, IfName: rt.IfName})
	if len(pending) == 0 || errors.As(err, new(*libcni.RecordError)) {
		return err
	}
	failed := &failedAdd{error: err, args: t.again(args, rt), container: rt.ContainerID}
	others, _, _ := t.records(libcni.AttachmentKey{IfName: rt.IfName})
	for i, r := range others {
		if r.State == "attached" && (r.Container == rt.ContainerID || sameNetNS(r.NetNS, rt.NetNS)) {
			failed.owner = &others[i]
		}
	}
	return failed
}

// sameNetNS reports whether two paths are of the same network namespace.
func sameNetNS(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	if abs, err := filepath.Abs(b); err == nil {
		b = abs
	}
	one, err := os.Stat(a)
	other, otherErr := os.Stat(b)
	return filepath.Clean(a) == filepath.Clean(b) || err == nil && otherErr == nil && os.SameFile(one, other)
}

// again are the arguments of another verb on the same attachment.
func (t *tool) again(args []string, rt *libcni.RuntimeConf) []string {
	same := []string{args[0], args[1]}
	if rt.IfName != t.usualIfName() {
		same = append(same, "-i", rt.IfName)
	}
	if t.container != "" {
		same = append(same, "--container", t.container)
	}
	return same
}

// warnOfCapabilities says which arguments of CAP_ARGS no plugin of the network takes.
func (t *tool) warnOfCapabilities(list *libcni.NetworkConfigList, rt *libcni.RuntimeConf) {
	lost := list.UndeliveredCapabilities(rt.CapabilityArgs)
	if len(lost) == 0 {
		return
	}
	taken := map[string]bool{}
	for _, p := range list.Plugins {
		for name, on := range p.Network.Capabilities {
			if on {
				taken[name] = true
			}
		}
	}
	known := "they take none"
	if len(taken) > 0 {
		known = "they take " + strings.Join(slices.Sorted(maps.Keys(taken)), ", ")
	}
	t.warn(fmt.Errorf("CAP_ARGS: no plugin of %s takes %s; %s", list.Name, strings.Join(lost, ", "), known))
}
