package libcni

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
	"unicode/utf8"

	"github.com/cnikit/cnikit/internal/atomicfile"
)

// store is the records of one cache directory:
//
//	results/   a file for each attachment: upstream's format, upstream's name
//	pending/   a file for each ADD that is under way, failed or was cut off
//
// It keeps nothing in memory and no lock between calls; any number of processes
// may use the same directory. Either of the two directories may be a mount or a
// link of the operator's; nothing in them leads outside.
//
// An ADD goes through begin and then commit, abandon or forget.
type store struct {
	dir    string
	noSync bool
	fault  atomicfile.Fault
}

// store returns the store for a call. Nothing is read or written yet.
func (c *CNIConfig) store(rt *RuntimeConf) *store {
	s := &store{dir: c.cacheDir, noSync: c.opts.NoSync, fault: c.fault}
	if s.dir == "" && rt != nil {
		s.dir = rt.CacheDir
	}
	if s.dir == "" {
		s.dir = CacheDir
	}
	return s
}

func (s *store) resultsPath() string { return filepath.Join(s.dir, "results") }
func (s *store) pendingPath() string { return filepath.Join(s.dir, "pending") }

// openDir opens one of the directories to read it; nil if it does not exist.
func (s *store) openDir(path string) (*atomicfile.Dir, error) {
	d, err := atomicfile.Open(path, s.fault)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return d, recordError(path, err)
}

// at is openDir for a file or two. The directory is not opened, which would be two
// of the six calls of the system that reading a record makes. That there is none is,
// as a rule, told by the operation.
func (s *store) at(path string) (*atomicfile.Dir, error) {
	d, err := atomicfile.At(path, s.fault)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return d, recordError(path, err)
}

// blame returns what is wrong with the directory, if it is that, in place of an
// error about a file that was to be there.
func (s *store) blame(path string, err error) error {
	if err == nil {
		return nil
	}
	d, dirErr := s.openDir(path)
	if d != nil {
		_ = d.Close()
	}
	return cmp.Or(dirErr, err)
}

func recordError(path string, err error) error {
	if err == nil {
		return nil
	}
	return &RecordError{Path: path, Err: err}
}

// read returns the record of an attachment; nil if there is none, which is only
// so if the file does not exist. Anything else is a *RecordError.
func (s *store) read(k key) (*record, error) {
	d, err := s.at(s.resultsPath())
	if d == nil {
		return nil, err
	}
	defer d.Close()
	r, err := readOf(d, k)
	return r, s.blame(s.resultsPath(), err)
}

func readOf(d *atomicfile.Dir, k key) (*record, error) {
	r, err := readRecord(d, k.file())
	if r != nil && (r.bare || r.key == k) {
		r.key = k
		return r, nil
	}
	if !k.shared() {
		if r != nil {
			err = foreign(r)
		}
		return nil, err
	}
	second, secondErr := readRecord(d, k.secondFile())
	switch {
	case second != nil && second.key == k && !second.bare:
		return second, nil
	case second != nil:
		return nil, foreign(second)
	case secondErr != nil:
		return nil, secondErr
	case r != nil && !r.owns(k.file()):
		return nil, foreign(r)
	}
	return nil, err // the first name is another's: that is no fault
}

// foreign is the error about a record under a name that is not its attachment's.
func foreign(r *record) error {
	return &RecordError{Path: r.path, Err: fmt.Errorf("%w: network %q, container %q, interface %q",
		ErrForeignRecord, r.network, r.container, r.ifname)}
}

// readRecord reads one file; nil if it does not exist.
func readRecord(d *atomicfile.Dir, name string) (*record, error) {
	data, written, err := d.ReadTime(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var r *record
	if err == nil {
		r, err = decodeRecord(data)
	}
	if err != nil {
		return nil, &RecordError{Path: d.Path(name), Err: err}
	}
	r.path = d.Path(name)
	if r.created.IsZero() {
		r.created = written
	}
	return r, nil
}

// remove removes what is known of an attachment: the record, whole or damaged, and
// the intents that nobody holds.
func (s *store) remove(k key) error {
	all := s.intents(k)
	defer all.close()
	if all.dir != nil {
		files, _, err := lockIntents(all.dir, all.names, k)
		all.files, all.err = files, join(all.err, err)
	}
	return join(s.removeRecord(k), all.remove())
}

func (s *store) removeRecord(k key) error {
	d, err := s.at(s.resultsPath())
	if d == nil {
		return err
	}
	defer d.Close()
	return s.blame(s.resultsPath(), removeOf(d, k))
}

func removeOf(d *atomicfile.Dir, k key) error {
	first := k.file()
	if !k.shared() {
		return removeName(d, first)
	}
	err := removeName(d, k.secondFile())
	if r, _ := readRecord(d, first); r != nil && !r.bare && r.key != k && r.owns(first) {
		return err
	}
	return join(err, removeName(d, first))
}

func removeName(d *atomicfile.Dir, name string) error {
	if err := d.Remove(name); err != nil {
		return recordError(d.Path(name), err)
	}
	return nil
}

// begin states that an attachment is about to be made. When it returns, the
// intent is in pending/, locked, and files can be made in results/: what keeps a
// record from being written is found out before any plugin runs, but for a disk
// that fills up meanwhile.
//
// The intent is not synced. It has to survive this process, which the operating
// system takes care of, and a loss of power only with what the plugins did, which
// they do not sync either; see abandon.
func (s *store) begin(r *record) (*intent, error) {
	if err := r.storable(); err != nil {
		return nil, err
	}
	r.created = time.Now()
	in := &intent{store: s, key: r.key, data: r.encodeIntent()}
	if err := in.open(); err != nil {
		in.forget()
		return nil, err
	}
	return in, nil
}

// storable refuses what could not be had back from a file.
func (r *record) storable() error {
	if err := r.key.storable(); err != nil {
		return &RequestError{Field: "attachment", Err: err}
	}
	if !utf8.ValidString(r.netns) {
		return &RequestError{Field: "netns", Err: errors.New("network namespace is not valid UTF-8")}
	}
	for i, arg := range r.args {
		if !utf8.ValidString(arg[0]) || !utf8.ValidString(arg[1]) {
			return &RequestError{Field: "args", Err: fmt.Errorf("argument %d is not valid UTF-8", i)}
		}
	}
	return nil
}
