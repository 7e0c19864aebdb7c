package libcni

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"

	"github.com/cnikit/cnikit/internal/atomicfile"
)

// intent is one ADD that is under way, and the file in pending/ that says so. The
// file is locked from before it can be seen until the call ends, so whoever gets
// the lock knows that nobody works on the attachment any more:
//
//	ADD succeeds      record written, then the intent removed
//	ADD fails         intent stays, unlocked
//	process dies      intent stays, unlocked by the system when the plugin that
//	                  was running, which has inherited the lock, has ended too
//
// A crash between the two steps of a success leaves both; DEL and GC clean an
// intent together with the record of its attachment.
type intent struct {
	store *store
	key   key
	data  []byte // of the intent; becomes the record's

	results *atomicfile.Dir
	record  *atomicfile.File // the record before it has its name
	pending *atomicfile.Dir
	file    *atomicfile.File
}

func (in *intent) open() error {
	if err := in.openRecord(); err != nil {
		return err
	}
	path := in.store.pendingPath()
	var err error
	if in.pending, err = atomicfile.Create(path, in.store.fault); err != nil {
		return recordError(path, err)
	}
	if in.file, err = in.pending.Temp(); err != nil {
		return recordError(path, err)
	}
	if err := in.file.Write(in.data); err != nil {
		return recordError(in.file.Path(), err)
	}
	return rename(in.file, in.pending, in.key.pendingName(rand.Uint64()))
}

func rename(f *atomicfile.File, d *atomicfile.Dir, name string) error {
	if err := f.Rename(name); err != nil {
		return recordError(d.Path(name), err)
	}
	return nil
}

// openRecord makes the file for the record.
func (in *intent) openRecord() (err error) {
	path := in.store.resultsPath()
	if in.results, err = atomicfile.Create(path, in.store.fault); err != nil {
		return recordError(path, err)
	}
	if in.record, err = in.results.Temp(); err != nil {
		return recordError(path, err)
	}
	if !in.key.shared() {
		return nil
	}
	// While another attachment has the first name, the second must be possible.
	if name, _ := in.name(); len(name) > maxName {
		return &RequestError{Field: "attachment", Err: fmt.Errorf("record %s is another attachment's, and a second name would be too long", in.results.Path(in.key.file()))}
	}
	return nil
}

// commit writes the record, with the result as the plugin wrote it, and then
// removes the intent. On error the intent stays.
func (in *intent) commit(result []byte) error {
	in.data = completeRecord(in.data, result)
	err := in.publish()
	if errors.Is(err, fs.ErrNotExist) {
		// Somebody took the directory away while the plugins ran.
		in.drop()
		if err = in.openRecord(); err == nil {
			err = in.publish()
		}
	}
	if err != nil {
		in.abandon()
		return err
	}
	_ = in.record.Close()
	in.record = nil
	in.forget()
	return nil
}

// publish writes the record and gives it its name. Synced before it has the name,
// it is whole after a loss of power, or absent; then the intent is still there,
// where the file system keeps the order of changes. To sync the directory as well
// would cost every ADD a second wait for the disk and buy nothing: after a loss of
// power the attachment is a stale one either way, and both name it.
func (in *intent) publish() error {
	if err := in.record.Write(in.data); err != nil {
		return recordError(in.record.Path(), err)
	}
	if !in.store.noSync {
		if err := in.record.Sync(); err != nil {
			return recordError(in.record.Path(), err)
		}
	}
	if !in.key.shared() {
		return rename(in.record, in.results, in.key.file())
	}
	for {
		name, free := in.name()
		if !free {
			return rename(in.record, in.results, name)
		}
		// Two attachments with the same first name may be made at this moment.
		if err := in.record.RenameNew(name); !errors.Is(err, fs.ErrExist) {
			if err == nil && name == in.key.file() {
				_ = in.results.Remove(in.key.secondFile()) // of an earlier ADD
			}
			return recordError(in.results.Path(name), err)
		}
	}
}

// name returns the name for the record of an attachment that shares its first one
// with others, and whether nobody has it now. What is damaged is replaced.
func (in *intent) name() (name string, free bool) {
	first, err := readRecord(in.results, in.key.file())
	switch {
	case first == nil && err == nil:
		return in.key.file(), true
	case first != nil && !first.bare && first.key != in.key && first.owns(in.key.file()):
		return in.key.secondFile(), false
	}
	return in.key.file(), false
}

// abandon ends an ADD that failed. What is to outlive this call is synced here,
// where no successful ADD has to wait for it. It takes the place of intents that
// ask for the same: a runtime that tries again and again leaves one.
func (in *intent) abandon() {
	in.drop()
	if in.file != nil {
		if !in.store.noSync {
			_ = in.file.Sync()
		}
		in.replaceEqual()
		_ = in.file.Release()
	}
	in.close()
}

// replaceEqual removes the intents of earlier ADDs of the attachment with the same
// configuration and arguments. What cannot be looked at stays.
func (in *intent) replaceEqual() {
	own, err := decodeRecord(in.data, kindPending)
	if err != nil {
		return
	}
	names, _ := in.pending.Names()
	names = slices.DeleteFunc(names, func(name string) bool { return in.pending.Path(name) == in.file.Path() })
	files, _, _ := lockIntents(in.pending, names, in.key)
	for _, l := range leftovers(files, in.key) {
		if own.sameRequest(&l.record) {
			_ = l.file.Remove()
		} else {
			_ = l.file.Release()
		}
	}
}

// forget ends an ADD of which nothing is left, or that is on record.
func (in *intent) forget() {
	in.drop()
	if in.file != nil {
		_ = in.file.Remove()
	}
	in.close()
}

// drop gives up the file for the record.
func (in *intent) drop() {
	if in.record != nil {
		_ = in.record.Remove()
	}
	if in.results != nil {
		_ = in.results.Close()
	}
	in.record, in.results = nil, nil
}

func (in *intent) close() {
	if in.pending != nil {
		_ = in.pending.Close()
	}
	in.file, in.pending = nil, nil
}
