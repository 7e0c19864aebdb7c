package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cnikit/cnikit/libcni"
)

// A finding is what the doctor has to say of one thing.
type finding struct {
	Level level  `json:"level"`
	Area  string `json:"area"` // networks, plugins, status, records, permissions
	About string `json:"about"`
	Says  string `json:"says"`
	Do    string `json:"do,omitempty"` // what to do; empty if it is as it should be
}

// A level says how bad a finding is. From warning on something should be done.
type level string

const (
	fine    level = "ok"
	note    level = "note"    // may well be meant so
	warning level = "warning" // works today
	fault   level = "FAULT"   // something does not work, or lets others in
)

// A doctor tells of findings.
type doctor struct {
	*tool
	findings []finding // for JSON, which is one value
	area     string    // of the last one
	count    map[level]int
}

// doctor looks at everything an ADD needs on this machine, and at what earlier
// ones left behind. Of the verbs it runs VERSION and STATUS; it writes nothing but a file
// with the records that it removes at once. What it finds it prints at once.
func (t *tool) doctor(ctx context.Context, _ []string) error {
	d := &doctor{tool: t, count: map[level]int{}}
	set, err := libcni.LoadDir(d.confDir())
	if err != nil {
		set = &libcni.ConfSet{Dir: d.confDir()} // the directory's finding says why
	}
	networks := t.probe(ctx, set)
	d.networks(set, networks)
	d.plugins(networks)
	d.status(ctx, networks)
	d.records(set)

	if t.json {
		err = t.print(d.findings)
	} else {
		_, err = fmt.Fprintf(d.stdout, "\nFaults: %d, warnings: %d, notes: %d\n", d.count[fault], d.count[warning], d.count[note])
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("%w: what was not asked is not judged", errInterrupted)
	case d.count[fault]+d.count[warning] > 0:
		return errFound
	}
	return nil
}

func (d *doctor) say(l level, area, about, do, format string, args ...any) {
	f := finding{l, area, about, fmt.Sprintf(format, args...), do}
	d.count[l]++
	if d.json {
		d.findings = append(d.findings, f)
		return
	}
	if f.Area != d.area {
		d.area = f.Area
		fmt.Fprintln(d.stdout, f.Area)
	}
	fmt.Fprintf(d.stdout, "  %-8s %s: %s\n", f.Level, f.About, strings.ReplaceAll(f.Says, "\n", "; "))
	if f.Do != "" {
		fmt.Fprintf(d.stdout, "           -> %s\n", f.Do)
	}
}

// status asks the networks that can be asked whether they are ready.
func (d *doctor) status(ctx context.Context, networks []*network) {
	var mute, unasked []string
	for _, n := range networks {
		switch {
		case !slices.Contains(n.Verbs, "STATUS"):
			mute = append(mute, n.Name)
		case slices.ContainsFunc(n.Plugins, func(p *plugin) bool { return p.err != nil && !p.interrupted }):
		default:
			err := d.unlessInterrupted(ctx, "STATUS", func() error { return d.prober().GetStatusNetworkList(ctx, n.list) })
			switch {
			case errors.Is(err, errInterrupted):
				unasked = append(unasked, n.Name)
			case errors.As(err, new(*lateError)):
				d.say(fault, "status", n.Name, "give it more time, and see what the plugin says: "+d.command("-v", "--timeout", "1m", "status", n.Name), "%v", err)
			case err != nil:
				d.say(fault, "status", n.Name, "see what the plugin says; more: "+d.command("-v", "status", n.Name), "%v", err)
			default:
				d.say(fine, "status", n.Name, "", "ready")
			}
		}
	}
	if len(unasked) > 0 {
		d.say(note, "status", strings.Join(unasked, ", "), "", "interrupted: nothing is known")
	}
	if len(mute) > 0 {
		d.say(note, "status", strings.Join(mute, ", "), "", "older than STATUS (1.1.0): nobody can ask whether they are ready")
	}
}

// networks looks at the directory of the networks.
func (d *doctor) networks(set *libcni.ConfSet, networks []*network) {
	dir := d.confDir()
	there := d.directory("networks", dir, "put the networks there, or set NETCONFPATH")
	if there && len(networks) == 0 {
		d.say(fault, "networks", dir, "install a network: a file *.conflist, see the specification, section 1", "no usable network")
	}
	for i, n := range networks {
		also := ""
		if i == 0 && len(networks) > 1 {
			also = ", the default one"
		}
		d.writable("networks", n.File)
		l, usable := n.usable()
		d.say(l, "networks", n.File, "", "%s, version %s%s%s", n.Name, n.CNIVersion, also, usable)
		if n.list.CNIVersion == "" {
			d.say(note, "networks", n.Name, "", "has no cniVersion, which stands for %s", n.CNIVersion)
		}
		if !n.list.Supports("CHECK") && !n.list.DisableCheck {
			d.say(note, "networks", n.Name, "", "%s has no CHECK: a broken attachment is not found", n.CNIVersion)
		}
	}
	for _, b := range set.Bad {
		do := "correct the file, or move it out of the directory"
		if slip := misspelt(b.File); slip != "" {
			do = slip + ": " + do
		}
		if errors.Is(b, libcni.ErrDuplicateNetwork) {
			do = "rename one of the two networks, or move one of the files out of the directory"
		}
		d.say(fault, "networks", b.Place(), do, "%v", b)
	}
	for _, w := range set.Warnings {
		d.say(warning, "networks", w.Place(), "remove one of them", "%v", w)
	}
	for _, i := range d.ignored(set) {
		if i.meant {
			d.say(warning, "networks", i.File, "rename it, or move it out of the directory", "%s", i.Error)
		} else {
			d.say(note, "networks", i.File, "", "%s", i.Error)
		}
	}
}

// usable says whether the plugins of a network can be run; why not, comes with the
// plugins.
func (n *network) usable() (l level, says string) {
	var broken []string
	interrupted := false
	for _, p := range n.Plugins {
		switch {
		case p.interrupted:
			interrupted = true
		case p.err != nil && !slices.Contains(broken, p.Type):
			broken = append(broken, p.Type)
		}
	}
	switch {
	case len(broken) > 0:
		return note, "; not usable, see below: " + strings.Join(broken, ", ")
	case interrupted:
		return note, "; interrupted: not all of its plugins have answered"
	}
	return fine, ""
}
