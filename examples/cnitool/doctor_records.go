package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cnikit/cnikit/libcni"
)

// records looks at what attachments left on disk.
func (d *doctor) records(set *libcni.ConfSet) {
	dir := d.cacheDir()
	_, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.say(fine, "records", dir, "", "is not there: nothing was ever attached")
		return
	case err != nil:
		d.say(fault, "records", dir, "run cnitool as root", "%v", err)
		return
	}
	d.writable("records", dir)
	for _, sub := range []string{"results", "pending"} {
		d.writable("records", filepath.Join(dir, sub))
	}
	d.unfinished(dir)
	records, bad, denied := d.tool.records(libcni.AttachmentKey{})
	if denied != nil {
		d.say(fault, "records", dir, "run cnitool as root", "this user may not read all of it: %v", denied)
	}
	attached, pending := 0, map[string]bool{}
	for i := range records {
		r := &records[i]
		if r.State == "attached" {
			attached++
			d.attached(set, r)
		} else if !pending[r.State+r.name()] { // of several that are alike, the oldest
			pending[r.State+r.name()] = true
			d.pending(r)
		}
	}
	for _, b := range bad {
		d.say(fault, "records", b.Path, b.Do, "is damaged: %s", b.Error)
	}
	if denied == nil {
		d.say(fine, "records", dir, "", "attachments: %d", attached)
	}
}

// unfinished counts the files of writers that are at work, or were killed.
func (d *doctor) unfinished(dir string) {
	found := 0
	for _, sub := range []string{"results", "pending", "podnet"} {
		names, _ := filepath.Glob(filepath.Join(dir, sub, ".tmp-*"))
		found += len(names)
	}
	if found > 0 {
		d.say(note, "records", dir, "", "unfinished files (.tmp-*) of writers at work or killed: %d; once a minute old, GC and cnitool clean remove them, and so does what lists the records, as here", found)
	}
}

func (d *doctor) attached(set *libcni.ConfSet, r *record) {
	clean := d.cleanLater(r.Container)
	if r.Gone {
		d.say(warning, "records", r.name(), clean, "its network namespace %s is gone, and its addresses are still taken", r.NetNS)
	}
	if _, err := set.Get(r.Network); err != nil {
		d.say(note, "records", r.name(), "", "its network is not in %s; DEL works from the record (cnitool clean)", set.Dir)
	}
}

func (d *doctor) pending(r *record) {
	since := r.Since.Local().Format(time.DateTime)
	if r.State == "running" {
		d.say(note, "records", r.name(), "", "an ADD, or a plugin that has outlived its runtime, is at work since %s", since)
		return
	}
	if r.InUse {
		d.say(note, "records", r.name(), "", "%s (%s)", secondAdd, since)
		return
	}
	d.say(warning, "records", r.name(), d.cleanLater(r.Container), "an ADD failed or died (%s), and nobody has cleaned up after it", since)
}
