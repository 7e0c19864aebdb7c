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
		d.say(fault, "records", b.Path, "run DEL for it with the network's configuration (cnitool del), or remove the file once the attachment is gone", "is damaged: %s", b.Error)
	}
	d.say(fine, "records", dir, "", "attachments: %d", attached)
}

func (d *doctor) attached(set *libcni.ConfSet, r *record) {
	clean := "if its runtime has forgotten it: cnitool clean " + r.Container
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
		d.say(note, "records", r.name(), "", "an ADD is at work since %s", since)
		return
	}
	d.say(warning, "records", r.name(), "cnitool clean "+r.Container, "an ADD failed or died (%s), and nobody has cleaned up after it", since)
}
