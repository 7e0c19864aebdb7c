package libcni

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/cnikit/cnikit/internal/atomicfile"
)

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
		case errors.Is(err, fs.ErrNotExist):
		case d.Regular(name): // a link or a directory is nobody's intent
			errs = append(errs, recordError(d.Path(name), err))
		}
	}
	return files, busy, join(errs...)
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
	names, listErr := atomicfile.Names(s.pendingPath(), s.fault)
	if errors.Is(listErr, fs.ErrNotExist) {
		return nil
	}
	listErr = recordError(s.pendingPath(), listErr)
	prefix := k.pendingPrefix()
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, prefix) })
	if len(names) == 0 {
		return listErr
	}
	d, err := s.openDir(s.pendingPath())
	if d == nil {
		return join(listErr, err)
	}
	defer d.Close()
	files, _, err := lockIntents(d, names, k)
	return join(listErr, err, removeAll(files))
}

func removeAll(files []*atomicfile.File) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, recordError(f.Path(), f.Remove()))
	}
	return join(errs...)
}

// staleAge is how old an unfinished file is at least before it is cleaned away.
const staleAge = time.Minute

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
