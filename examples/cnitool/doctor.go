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

// A doctor collects findings.
type doctor struct {
	*tool
	findings []finding
}

// doctor looks at everything an ADD needs on this machine, and at what earlier
// ones left behind. Of the verbs it runs VERSION and STATUS; it writes nothing but a file
// with the records that it removes at once.
func (t *tool) doctor(ctx context.Context, _ []string) error {
	d := &doctor{tool: t}
	set := d.networks()
	networks := t.probe(ctx, set)
	d.unusable(networks)
	d.plugins(networks)
	d.status(ctx, networks)
	d.records(set)

	var err error
	if t.json {
		err = t.print(d.findings)
	} else {
		err = d.text()
	}
	bad := func(f finding) bool { return f.Level == fault || f.Level == warning }
	if err == nil && slices.ContainsFunc(d.findings, bad) {
		err = errFound
	}
	return err
}

// unusable takes back what was said of networks whose plugins cannot be run; why not,
// comes with the plugins.
func (d *doctor) unusable(networks []*network) {
	for _, n := range networks {
		var broken []string
		for _, p := range n.Plugins {
			if p.err != nil && !slices.Contains(broken, p.Type) {
				broken = append(broken, p.Type)
			}
		}
		for i := range d.findings {
			if f := &d.findings[i]; len(broken) > 0 && f.About == n.File && f.Level == fine {
				f.Level = note
				f.Says += "; not usable, see below: " + strings.Join(broken, ", ")
			}
		}
	}
}

func (d *doctor) say(l level, area, about, do, format string, args ...any) {
	d.findings = append(d.findings, finding{l, area, about, fmt.Sprintf(format, args...), do})
}

func (d *doctor) text() error {
	area := ""
	count := map[level]int{}
	for _, f := range d.findings {
		if f.Area != area {
			area = f.Area
			fmt.Fprintln(d.stdout, area)
		}
		count[f.Level]++
		fmt.Fprintf(d.stdout, "  %-8s %s: %s\n", f.Level, f.About, strings.ReplaceAll(f.Says, "\n", "; "))
		if f.Do != "" {
			fmt.Fprintf(d.stdout, "           -> %s\n", f.Do)
		}
	}
	_, err := fmt.Fprintf(d.stdout, "\nFaults: %d, warnings: %d, notes: %d\n", count[fault], count[warning], count[note])
	return err
}

// status asks the networks that can be asked whether they are ready.
func (d *doctor) status(ctx context.Context, networks []*network) {
	var mute []string
	for _, n := range networks {
		switch {
		case !slices.Contains(n.Verbs, "STATUS"):
			mute = append(mute, n.Name)
		case slices.ContainsFunc(n.Plugins, func(p *plugin) bool { return p.err != nil }):
		default:
			if err := d.cni().GetStatusNetworkList(ctx, n.list); err != nil {
				d.say(fault, "status", n.Name, "see what the plugin says; cnitool -v status "+n.Name+" shows more", "%v", err)
			} else {
				d.say(fine, "status", n.Name, "", "ready")
			}
		}
	}
	if len(mute) > 0 {
		d.say(note, "status", strings.Join(mute, ", "), "", "older than STATUS (1.1.0): nobody can ask whether they are ready")
	}
}

// networks looks at the directory of the networks.
func (d *doctor) networks() *libcni.ConfSet {
	dir := d.confDir()
	there := d.directory("networks", dir, "put the networks there, or set NETCONFPATH")
	set, err := libcni.LoadDir(dir)
	if err != nil {
		return &libcni.ConfSet{Dir: dir} // the directory's finding says why
	}
	if there && len(set.Networks) == 0 {
		d.say(fault, "networks", dir, "install a network: a file *.conflist, see the specification, section 1", "no usable network")
	}
	for i, n := range set.Networks {
		also := ""
		if i == 0 && len(set.Networks) > 1 {
			also = ", the default one"
		}
		d.writable("networks", n.File)
		d.say(fine, "networks", n.File, "", "%s, version %s%s", n.Name, n.CNIVersion, also)
		if !n.Supports("CHECK") && !n.DisableCheck {
			d.say(note, "networks", n.Name, "", "%s has no CHECK: a broken attachment is not found", n.CNIVersion)
		}
	}
	for _, b := range set.Bad {
		do := "correct the file, or move it out of the directory"
		if errors.Is(b, libcni.ErrDuplicateNetwork) {
			do = "rename one of the two networks, or move one of the files out of the directory"
		}
		d.say(fault, "networks", b.Place(), do, "%v", b)
	}
	for _, w := range set.Warnings {
		d.say(warning, "networks", w.Place(), "remove one of them", "%v", w)
	}
	return set
}
