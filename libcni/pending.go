package libcni

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/cnikit/cnikit/internal/atomicfile"
)

// intent is one ADD that is under way, and the file in pending/ that says so. The
// file is locked from before it can be seen until the call ends, so whoever gets
// the lock knows that nobody works on the attachment any more:
//
//	ADD succeeds      record written, then the intent removed
//	ADD fails         intent stays, unlocked
//	process dies      intent stays, unlocked by the system
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
	name := fmt.Sprintf("%s%0*x", in.key.pendingPrefix(), pendingRandom, rand.Uint64())
	return recordError(in.pending.Path(name), in.file.Rename(name))
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
		return recordError(in.results.Path(in.key.file()), in.record.Rename(in.key.file()))
	}
	for {
		name, free := in.name()
		if !free {
			return recordError(in.results.Path(name), in.record.Rename(name))
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
// where no successful ADD has to wait for it.
func (in *intent) abandon() {
	in.drop()
	if in.file != nil {
		if !in.store.noSync {
			_ = in.file.Sync()
		}
		_ = in.file.Release()
	}
	in.close()
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

// leftover is an intent that no living ADD holds. It is locked: nobody else
// cleans up after it meanwhile.
type leftover struct {
	record
	file *atomicfile.File
}

// lockIntents locks the intents of one attachment among the names of d. Those that
// a living ADD holds are left out; busy says that there is one.
func lockIntents(d *atomicfile.Dir, names []string, k key) (files []*atomicfile.File, busy bool, err error) {
	var errs []error
	for _, name := range names {
		if !strings.HasPrefix(name, k.pendingPrefix()) {
			continue
		}
		switch f, err := d.Lock(name); {
		case err == nil:
			files = append(files, f)
		case errors.Is(err, atomicfile.ErrLocked):
			busy = true
		case !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, recordError(d.Path(name), err))
		}
	}
	return files, busy, errors.Join(errs...)
}

// leftovers is lockIntents with what the intents say. One that cannot be read has
// no configuration. It was cut off by a loss of power: it got its name, under which
// the first plugin ran, only when all of it was written.
func leftovers(d *atomicfile.Dir, names []string, k key) (found []*leftover, busy bool, err error) {
	files, busy, err := lockIntents(d, names, k)
	for _, f := range files {
		r, err := readIntent(f)
		if err != nil || r.key != k {
			r = &record{key: k, path: f.Path()}
		}
		found = append(found, &leftover{*r, f})
	}
	return found, busy, err
}

func readIntent(f *atomicfile.File) (*record, error) {
	data, written, err := f.Read()
	var r *record
	if err == nil {
		r, err = decodeRecord(data, kindPending)
	}
	if err != nil {
		return nil, recordError(f.Path(), err)
	}
	r.path = f.Path()
	if r.created.IsZero() {
		r.created = written
	}
	return r, nil
}

// removeIntents removes the intents of one attachment that no living ADD holds.
func (s *store) removeIntents(k key) error {
	d, err := s.openDir(s.pendingPath())
	if d == nil {
		return err
	}
	defer d.Close()
	names, err := d.Names()
	errs := []error{recordError(s.pendingPath(), err)}
	files, _, err := lockIntents(d, names, k)
	return errors.Join(append(errs, err, removeAll(files))...)
}

func removeAll(files []*atomicfile.File) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, recordError(f.Path(), f.Remove()))
	}
	return errors.Join(errs...)
}

// staleAge is how old an unfinished file is at least before it is cleaned away.
const staleAge = time.Minute

// clean removes what writers that died left in both directories.
func (s *store) clean(age time.Duration) {
	for _, path := range []string{s.resultsPath(), s.pendingPath()} {
		if d, _ := s.openDir(path); d != nil {
			d.Clean(age)
			_ = d.Close()
		}
	}
}

// peekIntent reads an intent that may be held by a living ADD; nil if it is gone.
func peekIntent(d *atomicfile.Dir, name string) (r *record, running bool, err error) {
	f, err := d.Lock(name)
	if errors.Is(err, atomicfile.ErrLocked) {
		data, _, err := d.ReadTime(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, false, nil
		}
		if err == nil {
			r, err = decodeRecord(data, kindPending)
		}
		if r != nil {
			r.path = d.Path(name)
		}
		return r, true, recordError(d.Path(name), err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, recordError(d.Path(name), err)
	}
	defer f.Close()
	r, err = readIntent(f)
	return r, false, err
}
