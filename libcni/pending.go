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
//	ADD succeeds      the result is written behind it, then it is moved to
//	                  results/: it is the record
//	ADD fails         intent stays, unlocked
//	process dies      intent stays, unlocked by the system when the plugin that
//	                  was running, which has inherited the lock, has ended too
//
// What is in pending/ is an intent, with a result, a part of one or none: nobody was
// told that its ADD succeeded, but DEL gets the result. In results/ nobody looks at
// locks.
type intent struct {
	store *store
	key   key
	data  []byte // of the intent, then of the record

	results *atomicfile.Dir
	pending *atomicfile.Dir
	file    *atomicfile.File
}

func (in *intent) open() error {
	if err := in.openResults(); err != nil {
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
	name := in.key.pendingName(rand.Uint64())
	return recordError(in.pending.Path(name), in.file.Rename(name))
}

// openResults makes sure of the directory for the record.
func (in *intent) openResults() (err error) {
	path := in.store.resultsPath()
	if in.results, err = atomicfile.Usable(path, in.store.fault); err != nil {
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

// commit makes the intent the record, with the result as the plugin wrote it. On
// error the intent stays.
func (in *intent) commit(result []byte) error {
	brace := len(in.data) - 1
	in.data = completeRecord(in.data, result)
	err := errors.ErrUnsupported
	if atomicfile.Moves {
		if err = in.file.WriteAt(in.data[brace:], brace); err != nil {
			err = recordError(in.file.Path(), err)
		} else {
			err = in.publish(in.file)
		}
	}
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrNotExist) {
		err = in.copy()
	}
	if err != nil {
		in.abandon()
		return err
	}
	_ = in.file.Close()
	in.close()
	return nil
}

// copy writes the record to a file of its own: results/ is on another file system, or
// somebody took away the directory or the intent while the plugins ran. A crash may
// then leave both; DEL and GC clean an intent together with the record of its
// attachment.
func (in *intent) copy() error {
	_ = in.results.Close()
	in.results = nil
	if err := in.openResults(); err != nil {
		return err
	}
	record, err := in.results.Temp()
	if err != nil {
		return recordError(in.store.resultsPath(), err)
	}
	if err = record.Write(in.data); err != nil {
		err = recordError(record.Path(), err)
	} else {
		err = in.publish(record)
	}
	if err != nil {
		_ = record.Remove()
		return err
	}
	_ = in.file.Remove()
	in.file = record
	return nil
}

// publish gives a file that is the record its name. Synced before it has the name,
// it is whole after a loss of power, or absent; then the intent is still there,
// where the file system keeps the order of changes. To sync the directory as well
// would cost every ADD a second wait for the disk and buy nothing: after a loss of
// power the attachment is a stale one either way, and one of the two names it.
func (in *intent) publish(f *atomicfile.File) error {
	if !in.store.noSync {
		if err := f.Sync(); err != nil {
			return recordError(f.Path(), err)
		}
	}
	if !in.key.shared() {
		name := in.key.file()
		return recordError(in.results.Path(name), f.Move(in.results, name))
	}
	for {
		name, free := in.name()
		if !free {
			return recordError(in.results.Path(name), f.Move(in.results, name))
		}
		// Two attachments with the same first name may be made at this moment.
		if err := f.MoveNew(in.results, name); !errors.Is(err, fs.ErrExist) {
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
	own, err := decodeIntent(in.data)
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

// forget ends an ADD of which nothing is left.
func (in *intent) forget() {
	if in.file != nil {
		_ = in.file.Remove()
	}
	in.close()
}

func (in *intent) close() {
	for _, d := range []*atomicfile.Dir{in.results, in.pending} {
		if d != nil {
			_ = d.Close()
		}
	}
	in.file, in.results, in.pending = nil, nil, nil
}
