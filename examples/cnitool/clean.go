package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cnikit/cnikit/libcni"
)

// cleanLater is what to do about a container whose runtime may be at work on it yet.
func (t *tool) cleanLater(container string) string {
	return "if its runtime has forgotten it, to detach it from everything, with the configuration of ADD: " + t.command("clean", container)
}

// clean detaches a container by what the records say, whatever runtime wrote them,
// and prints what was known of it. For a record that is damaged it takes the
// configuration of the network that the file's name tells, and leaves it as it is if
// nothing tells the network namespace, or capability arguments that its plugins take.
// With --forget it then gives up what is left.
func (t *tool) clean(ctx context.Context, args []string) error {
	t.asked = args[0]
	match := libcni.AttachmentKey{ContainerID: args[0]}
	known, bad, denied := t.records(match)
	if owner := t.ownerOf(t.netns, args[0]); owner != nil && len(bad) > 0 {
		t.complain(&advisedError{
			fmt.Errorf("nothing detached: the network namespace %s is that of container %s, by its record %s, and DEL would remove that one's interface", t.netns, owner.Container, owner.Path),
			"name the one of " + args[0] + " with --netns, or where that was",
		})
		return errors.Join(t.cleaned(args[0], []record{}, nil, true), errFound)
	}
	t.waits(known)
	err := t.cni().DelContainer(ctx, args[0])
	var mended, forgotten []record
	for _, d := range bad {
		if r, delErr := t.cleanDamaged(ctx, args[0], d); r != nil {
			switch {
			case delErr == nil && (r.Blind || r.NoArgs):
				forgotten = append(forgotten, *r)
			case delErr == nil:
				mended = append(mended, *r)
			}
			err = withoutPath(err, d.Path, delErr)
		}
	}
	if t.forget && err != nil {
		left, forgetErr := t.giveUp(args[0])
		if forgotten = append(forgotten, left...); forgetErr != nil {
			return errors.Join(err, forgetErr)
		}
	}
	left, _, _ := t.records(match)
	still := map[string]bool{}
	for _, r := range slices.Concat(left, forgotten) {
		still[r.name()] = true
	}
	detached := []record{}
	for _, r := range slices.Concat(known, mended) {
		if !still[r.name()] {
			still[r.name()] = true // say it once
			detached = append(detached, r)
		}
	}
	switch {
	case len(forgotten) > 0:
		if err != nil {
			t.warn(err)
		}
		err = errFound
	case err != nil && !onlyRefused(err):
		return t.stillThere(err, match)
	case err != nil:
		t.complain(err)
		err = errFound
	}
	return errors.Join(t.cleaned(args[0], detached, forgotten, len(known)+len(bad) > 0 || denied != nil), err)
}

// ownerOf is a record of another container that has a network namespace; nil if there is
// none, or if the container in question has it too.
func (t *tool) ownerOf(netns, container string) (owner *record) {
	if netns == "" {
		return nil
	}
	all, _, _ := t.records(libcni.AttachmentKey{})
	if other := t.otherCache(); other != "" {
		more, _, _ := t.in(other).records(libcni.AttachmentKey{})
		all = append(all, more...)
	}
	for i, r := range all {
		switch {
		case !sameNetNS(r.NetNS, netns):
		case r.Container == container:
			return nil
		default:
			owner = &all[i]
		}
	}
	return owner
}

// waits says what a DEL waits for.
func (t *tool) waits(known []record) {
	for _, r := range known {
		if r.State == "running" {
			t.tell(fmt.Sprintf("Waiting, 10s at most, for an ADD of %s, or a plugin that has outlived its runtime, at work since %s (fuser -v %s shows who it is).",
				r.name(), r.Since.Local().Format(time.DateTime), quote(r.Path)))
		}
	}
}

func (t *tool) cleaned(container string, detached, forgotten []record, known bool) error {
	switch {
	case t.json && t.forget:
		return t.print(struct {
			Detached  []record `json:"detached"`
			Forgotten []record `json:"forgotten"`
		}{detached, append([]record{}, forgotten...)})
	case t.json:
		return t.print(detached)
	}
	for _, r := range detached {
		fmt.Fprintf(t.stdout, "Detached from %s: %s\n", r.Network, r.IfName)
	}
	for _, r := range forgotten {
		if lacks := (lack{r.Blind, r.NoArgs}); lacks != (lack{}) {
			what, left := lacks.of()
			fmt.Fprintf(t.stdout, "Forgotten, and its DEL ran without %s, which nothing tells: %s %s. %s may be left, and nothing says so any more.\n", what, r.Network, r.IfName, left)
			continue
		}
		fmt.Fprintf(t.stdout, "Forgotten, and its DEL failed: %s %s. What its plugins made may be left, and nothing says so any more: interfaces, rules, addresses", r.Network, r.IfName)
		if len(r.Addresses) > 0 {
			fmt.Fprintf(t.stdout, " (%s)", strings.Join(r.Addresses, " "))
		}
		fmt.Fprintln(t.stdout, ".")
	}
	if !known {
		fmt.Fprintf(t.stdout, "Nothing is known of %s in %s.\n", container, t.cacheDir())
		if other := t.otherCache(); other != "" {
			fmt.Fprintf(t.stdout, "There are records in %s too: %s\n", other, t.in(other).command("clean", container))
		} else if lives := t.unrecorded(); len(lives) > 0 {
			t.tell(fmt.Sprintf("Nothing at all is on record there, and there are network namespaces: %s. If records were there, put them back, or name their directory with --cache. Without them, for each network of a container, with CAP_ARGS set to the capability arguments of ADD: %s",
				strings.Join(lives, ", "), t.command("del", "--container", container, "NETWORK", "NETNS")))
		}
	}
	return nil
}

// unrecorded are network namespaces of this machine, a few of them, if nothing at all is
// on record.
func (t *tool) unrecorded() (all []string) {
	if records, bad, denied := t.records(libcni.AttachmentKey{}); len(records)+len(bad) > 0 || denied != nil {
		return nil
	}
	for _, dir := range t.namespaces {
		names, _ := os.ReadDir(dir)
		for _, name := range names {
			path := filepath.Join(dir, name.Name())
			switch {
			case slices.ContainsFunc(all, func(known string) bool { return sameNetNS(known, path) }):
			case len(all) == 3:
				return append(all, "...")
			default:
				all = append(all, path)
			}
		}
	}
	return all
}

// giveUp forgets what is left of a container, and returns it.
func (t *tool) giveUp(container string) ([]record, error) {
	left, bad, _ := t.records(libcni.AttachmentKey{ContainerID: container})
	for _, d := range bad {
		for _, s := range d.suspects {
			if s.ContainerID == container {
				left = append(left, record{Network: s.Network, Container: container, IfName: s.IfName, NetNS: s.netns, Path: d.Path})
			}
		}
		if len(d.suspects) == 0 {
			if key, found := keyOf(d.Path, container); found {
				left = append(left, record{Network: key.Network, Container: container, IfName: key.IfName, Path: d.Path})
			}
		}
	}
	var forgotten []record
	var errs []error
	done := map[string]bool{}
	for _, r := range left {
		if r.State == "running" {
			errs = append(errs, fmt.Errorf("%s: an ADD, or a plugin of one, is at work on it: not forgotten", r.name()))
			continue
		}
		if done[r.name()] {
			continue
		}
		done[r.name()] = true
		err := t.cni().ForgetAttachment(libcni.AttachmentKey{Network: r.Network, ContainerID: r.Container, IfName: r.IfName})
		if errs = append(errs, err); err == nil {
			forgotten = append(forgotten, r)
		}
	}
	return forgotten, errors.Join(errs...)
}
