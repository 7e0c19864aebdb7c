package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
)

// A failedDel is an error after which something is still on record.
type failedDel struct {
	error
	container string // empty: of several
	left      []record
}

func (e *failedDel) Unwrap() []error { return []error{e.error} } // each takes it apart

// hints says what can be done about it, beside what the damaged records ask for.
func (e *failedDel) hints(t *tool) (all []string) {
	damagedOnly := !slices.ContainsFunc(each(e.error), func(err error) bool {
		_, bad := isDamaged(err)
		return !bad && !errors.As(err, new(*refusedError))
	})
	var plugin *invoke.PluginError
	switch {
	case damagedOnly:
	case t.verb == "del": // which takes today's configuration itself
		all = []string{"To do: mend the cause and run this again."}
		if !errors.As(e.error, &plugin) && len(e.left) > 0 {
			all = append(all, "Or detach the container from everything with the configuration of ADD, which is on record: "+t.command("clean", e.container))
		}
	default:
		all = []string{"To do: mend the cause and run this again. DEL runs with the configuration that was recorded at ADD: to change the network's file does not help here."}
		all = append(all, e.withToday(t)...)
	}
	_, set := t.lookup("CAP_ARGS")
	if !damagedOnly && !errors.Is(e.error, invoke.ErrPluginNotFound) && (t.verb != "del" || !set) && slices.ContainsFunc(e.left, func(r record) bool { return len(r.then.capabilities) > 0 }) {
		how := "set CAP_ARGS to others for cnitool del"
		if t.verb == "del" {
			how = "set CAP_ARGS to others, and run this again"
		}
		all = append(all, "If the capability arguments of ADD, with which it ran, are wrong: "+how+".")
	}
	return append(all, "To give up, after one more DEL of all that the container has (what is left then stays): "+
		t.command("clean", "--forget", e.container))
}

// withToday are the commands that detach what is left with the networks as they are
// configured now, a few of them.
func (e *failedDel) withToday(t *tool) (all []string) {
	set, err := libcni.LoadDir(t.confDir())
	if err != nil {
		return nil
	}
	done := map[string]bool{}
	for _, r := range e.left {
		n, err := set.Get(r.Network)
		if done[r.name()] {
			continue
		}
		if err != nil {
			if say := t.noToday(set, r.Network); !slices.Contains(all, say) {
				all = append(all, say)
			}
			continue
		}
		done[r.name()] = true
		if len(all) == 3 {
			return append(all, "And so on, for each that cnitool attachments shows.")
		}
		lacks := ""
		if gone := slices.DeleteFunc(slices.Clone(r.plugins), func(p string) bool { return slices.Contains(pluginsToday(n.NetworkConfigList), p) }); len(gone) > 0 {
			lacks = ", which lacks " + strings.Join(gone, ", ") + ": what that made stays, and nothing says so any more"
		}
		all = append(all, "Or, with today's "+n.File+lacks+": "+t.command("del", append(t.attachment(r.key()), r.Network, netnsOr(r.NetNS))...))
	}
	return all
}

// noToday says why cnitool del does not help with an attachment.
func (t *tool) noToday(set *libcni.ConfSet, network string) string {
	for _, bad := range set.Bad {
		if bad.Network == network {
			return fmt.Sprintf("DEL with a corrected configuration (cnitool del) needs one: %s cannot be used: %v", bad.Place(), bad)
		}
	}
	return "DEL with a corrected configuration (cnitool del) needs one: " + network + " is not in " + set.Dir
}

// stillThere says of an error of DEL or GC whether something could be given up.
func (t *tool) stillThere(err error, match libcni.AttachmentKey) error {
	if err == nil {
		return nil
	}
	left, bad, _ := t.records(match)
	whole := slices.DeleteFunc(left, func(r record) bool { return r.State == "running" })
	left = slices.Clone(whole)
	for _, d := range bad {
		for _, s := range d.suspects {
			left = append(left, record{Container: s.ContainerID})
		}
	}
	if len(left) == 0 {
		return err
	}
	failed := &failedDel{err, left[0].Container, whole}
	for _, r := range left {
		if r.Container != failed.container {
			failed.container = "CONTAINER"
		}
	}
	return failed
}
