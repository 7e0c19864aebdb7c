package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
)

// records looks at what attachments left on disk.
func (d *doctor) records(set *libcni.ConfSet) {
	dir := d.cacheDir()
	_, err := os.Stat(dir)
	file := d.notDirectory()
	switch {
	case file != "" && filepath.Dir(file) != filepath.Clean(dir): // or above it
		d.say(fault, "records", file, notDirectoryDo, "is not a directory, so that every ADD fails")
		return
	case errors.Is(err, fs.ErrNotExist):
		d.say(fine, "records", dir, "", "is not there: nothing was ever attached")
		d.unrecorded(dir)
		d.takes(dir)
		d.elsewhere()
		return
	case err != nil:
		d.say(fault, "records", dir, "run cnitool as root", "%v", err)
		return
	}
	d.writable("records", dir)
	for _, sub := range []string{"results", "pending"} {
		d.writable("records", filepath.Join(dir, sub))
	}
	for _, sub := range []string{"results", "pending"} {
		if file != "" {
			d.say(fault, "records", file, "move it out of the way", "is not a directory, so that every ADD fails")
			break
		}
		if !d.takes(filepath.Join(dir, sub)) {
			break
		}
	}
	d.unfinished(dir)
	records, bad, denied := d.tool.records(libcni.AttachmentKey{})
	if denied != nil && file == "" {
		d.say(fault, "records", dir, "run cnitool as root", "this user may not read all of it: %v", denied)
	}
	attached, pending := 0, map[string]bool{}
	missing := map[string][]string{} // a plugin: containers
	for i := range records {
		r := &records[i]
		lacks := false
		for _, name := range r.plugins {
			if _, err := invoke.FindInPath(name, d.pluginDirs()); err != nil {
				lacks = true
				if !slices.Contains(missing[name], r.Container) {
					missing[name] = append(missing[name], r.Container)
				}
			}
		}
		if r.State == "attached" {
			attached++
			d.attached(set, r, lacks)
		} else if !pending[r.State+r.name()] { // of several that are alike, the oldest
			pending[r.State+r.name()] = true
			d.pending(r)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		containers, more := missing[name], ""
		if len(containers) > 5 {
			containers, more = containers[:5], fmt.Sprintf(" and %d more", len(containers)-5)
		}
		d.say(fault, "records", name, "install it, or name its directory in CNI_PATH", "this plugin is not in %s, and DEL of what is on record needs it; containers that cannot be detached: %s%s",
			strings.Join(d.pluginDirs(), " "), strings.Join(containers, ", "), more)
	}
	for _, b := range bad {
		d.say(fault, "records", b.Path, b.Do, "is damaged: %s", b.Error)
	}
	switch left := len(records) - attached; {
	case denied != nil:
	case left > 0:
		d.say(note, "records", dir, "", "attachments: %d; ADDs that failed, died or are at work: %d", attached, left)
	default:
		d.say(fine, "records", dir, "", "attachments: %d", attached)
		d.unrecorded(dir)
	}
	d.elsewhere()
}

// unrecorded says that records may have been lost.
func (d *doctor) unrecorded(dir string) {
	if lives := d.tool.unrecorded(); len(lives) > 0 && d.otherCache() == "" {
		d.say(note, "records", dir, "", "nothing is on record, and there are network namespaces: %s; if they were attached, the records are lost: put them back, or detach each by hand (cnitool del)", strings.Join(lives, ", "))
	}
}

// elsewhere points to the records of the other default directory.
func (d *doctor) elsewhere() {
	if other := d.otherCache(); other != "" {
		d.say(note, "records", other, "", "has records too: %s", d.in(other).command("doctor"))
	}
}

// takes tries what ADD does first, in a directory or where that would be made: it
// makes a file, writes it and removes it.
func (d *doctor) takes(dir string) bool {
	_, err := os.Stat(dir)
	for err != nil && errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir {
		dir = filepath.Dir(dir)
		_, err = os.Stat(dir)
	}
	f, err := os.CreateTemp(dir, ".tmp-doctor-")
	if err == nil {
		_, err = f.Write(make([]byte, 4096))
		err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	do := "make it writable, or make room; until then attach nothing (DEL and GC work)"
	switch {
	case err == nil:
		return true
	case errors.Is(err, fs.ErrPermission) && os.Geteuid() > 0:
		do = "run cnitool as root"
	}
	d.say(fault, "records", dir, do, "takes no file, so that every ADD fails: %v", err)
	return false
}

// unfinished counts the files of writers that are at work, or were killed.
func (d *doctor) unfinished(dir string) {
	found := 0
	for _, sub := range []string{"results", "pending", "podnet"} {
		names, _ := filepath.Glob(filepath.Join(dir, sub, ".tmp-*"))
		found += len(names)
	}
	if found > 0 {
		d.say(note, "records", dir, "", "unfinished files (.tmp-*), of writers at work or killed: %d; those older than a minute are removed by GC, by cnitool clean, and when the records are listed, as now", found)
	}
}

func (d *doctor) attached(set *libcni.ConfSet, r *record, lacks bool) {
	clean := d.cleanLater(r.Container)
	if r.Gone {
		d.say(warning, "records", r.name(), clean, "its network namespace %s is gone, and its addresses are still taken", r.NetNS)
	}
	if _, err := set.Get(r.Network); err != nil && r.Network != podnetsOwn {
		how := "DEL needs only the record (cnitool clean)"
		if lacks {
			how = "DEL (cnitool clean) needs a plugin that is missing, see below"
		}
		d.say(note, "records", r.name(), "", "its network is not in %s; %s", set.Dir, how)
	}
}

func (d *doctor) pending(r *record) {
	since := r.Since.Local().Format(time.DateTime)
	if r.State == "running" {
		d.say(note, "records", r.name(), "if that is too long: fuser -v "+quote(r.Path)+" shows who has it open, the runtime, or, if that was killed, a plugin of it",
			"an ADD, or a plugin that has outlived its runtime, is at work since %s", since)
		return
	}
	if r.InUse {
		d.say(note, "records", r.name(), "", "%s (%s)", secondAdd, since)
		return
	}
	d.say(warning, "records", r.name(), d.cleanLater(r.Container), "an ADD failed or died (%s), and nobody has cleaned up after it", since)
}
