package libcni

import (
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/cnikit/cnikit/internal/atomicfile"
)

// leftover is an intent that no ADD holds. It is locked: nobody else cleans up
// after it meanwhile.
type leftover struct {
	record
	file *atomicfile.File
}

// lockIntents locks the intents of one attachment among the names of d, but for the
// held ones, of which it returns the names: an ADD has them, a plugin that it left,
// or somebody who cleans up.
func lockIntents(d *atomicfile.Dir, names []string, k key) (files []*atomicfile.File, held []string, err error) {
	var errs []error
	prefix := k.pendingPrefix()
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		switch f, err := d.Lock(name); {
		case err == nil:
			files = append(files, f)
		case errors.Is(err, atomicfile.ErrLocked):
			held = append(held, name)
		case errors.Is(err, fs.ErrNotExist):
		case d.Regular(name): // a link or a directory is nobody's intent
			errs = append(errs, recordError(d.Path(name), err))
		}
	}
	return files, held, join(errs...)
}

// leftovers are locked intents with what they say. One that cannot be read has no
// configuration. It was cut off by a loss of power: it got its name, under which
// the first plugin ran, only when all of it was written.
func leftovers(files []*atomicfile.File, k key) (found []*leftover) {
	for _, f := range files {
		r, err := readIntent(f)
		if err != nil || r.key != k {
			r = &record{key: k, path: f.Path()}
		}
		found = append(found, &leftover{*r, f})
	}
	return found
}

func readIntent(f *atomicfile.File) (*record, error) {
	data, written, err := f.Read()
	var r *record
	if err == nil {
		r, err = decodeIntent(data)
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

func removeAll(files []*atomicfile.File) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, recordError(f.Path(), f.Remove()))
	}
	return join(errs...)
}

func releaseAll(files []*atomicfile.File) {
	for _, f := range files {
		_ = f.Release()
	}
}

// staleAge is how old an unfinished file is at least before it is cleaned away.
const staleAge = time.Minute

// peekIntent reads an intent that an ADD may be at work on; nil if it is gone.
func peekIntent(d *atomicfile.Dir, name string) (r *record, running bool, err error) {
	f, running, err := d.Peek(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, recordError(d.Path(name), err)
	}
	defer f.Close()
	r, err = readIntent(f)
	return r, running, err
}
