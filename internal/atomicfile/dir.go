// Package atomicfile keeps small files that are there whole or not at all, also
// after a crash, and files whose lock says that their owner is alive.
//
// A [Dir] is an open directory, and every file is named relative to it, by one
// element of a path. The directory itself may be a mount or a symbolic link, but
// nothing in it leads outside. A [File] begins under a temporary name, locked, and
// is written and synced there; renaming it is what makes it visible.
//
// # What is promised
//
// On a local file system a reader sees the old file or the new one, never a
// part. With [File.Sync] before the renaming this holds for a loss of power too.
// The directory is not synced after a renaming: which of two names survived a
// loss of power is decided by the file system, and those with a journal keep the
// order of the changes. Over a network file system renaming is as atomic, but
// another machine may see it late, and locks hold only where the server has them.
//
// Locks are flock(2) on Linux, macOS and the BSDs, and LockFileEx on Windows; both
// end with the process. Where the system or the file system has none, a file
// counts as locked until it is an hour old, or until its owner releases it.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Fault is asked before each operation on a file; its error is returned in the
// operation's place. It is how tests make a disk full, or kill the process at a
// chosen point. Nil: no faults.
type Fault func(op, path string) error

// MaxSize is the size in bytes of the largest file that is read.
const MaxSize = 256 << 20

// ErrTooLarge is in the error of [Dir.Read] for a file above [MaxSize].
var ErrTooLarge = errors.New("file is too large")

// tempPrefix is how the names of unfinished files begin.
const tempPrefix = ".tmp-"

// Dir is an open directory. Its methods may be called from several goroutines, but
// for Close, which is the last one. Their errors are *[fs.PathError] with the whole
// path.
type Dir struct {
	path  string
	root  root
	fault Fault
}

// Open opens the directory at path, following links.
func Open(path string, fault Fault) (*Dir, error) {
	d := &Dir{path: filepath.Clean(path), fault: fault}
	if err := d.before("open", ""); err != nil {
		return nil, err
	}
	var err error
	if d.root, err = openRoot(path); err != nil {
		return nil, d.wrap("open", "", err)
	}
	d.closeWhenLost()
	return d, nil
}

// At is [Open] for somebody who wants one thing only: each method looks for the
// directory again, and may find none. That takes two calls of the system less, and
// names are listed 1.4 times as fast (BenchmarkNames). On Windows it is Open.
func At(path string, fault Fault) (*Dir, error) {
	d := &Dir{path: filepath.Clean(path), fault: fault}
	var err error
	if d.root, err = unopened(d.path); err != nil {
		return nil, d.wrap("open", "", err)
	}
	return d, nil
}

// Create is Open for a directory that may have to be made, with its parents, for
// the owner only.
func Create(path string, fault Fault) (*Dir, error) {
	d, err := Open(path, fault)
	if !errors.Is(err, fs.ErrNotExist) {
		return d, err
	}
	if err := makeAll(path, fault); err != nil {
		return nil, err
	}
	return Open(path, fault)
}

// Usable is At for a directory that may have to be made, and in which it must be
// possible to make files. Where the system's word on that is no, or not to be had, a
// file is made.
func Usable(path string, fault Fault) (*Dir, error) {
	d, err := At(path, fault)
	if err == nil {
		if err = d.before("access", ""); err != nil {
			return nil, err
		}
		if err = d.root.usable(); err == nil {
			return d, nil
		}
		_ = d.Close()
	}
	if d, err = Create(path, fault); err != nil {
		return nil, err
	}
	f, err := d.Temp()
	if err != nil {
		_ = d.Close()
		return nil, err
	}
	_ = f.Remove() // else it is a leftover, and will be cleaned
	return d, nil
}

func makeAll(path string, fault Fault) error {
	d := &Dir{path: path, fault: fault}
	if err := d.before("mkdir", ""); err != nil {
		return err
	}
	err := os.Mkdir(path, 0o700)
	if parent := filepath.Dir(path); errors.Is(err, fs.ErrNotExist) && parent != path {
		if err := makeAll(parent, fault); err != nil {
			return err
		}
		err = os.Mkdir(path, 0o700)
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil // somebody else's, or no directory: opening it tells
	case err != nil:
		return err
	}
	_ = os.Chmod(path, 0o700) // whatever the umask took away
	// Once in the life of a cache directory, so that its files are not lost
	// together with it. Not every system can sync a directory.
	if parent, err := os.Open(filepath.Dir(path)); err == nil {
		_ = parent.Sync()
		_ = parent.Close()
	}
	return nil
}

// Close releases the directory. Files that were opened from it stay open; they can
// no longer be renamed or removed.
func (d *Dir) Close() error { return d.root.close() }

// Path returns the path of the directory's file of that name.
func (d *Dir) Path(name string) string {
	if name == "" {
		return d.path
	}
	return d.path + string(filepath.Separator) + name
}

// Read returns what is in a regular file.
func (d *Dir) Read(name string) ([]byte, error) {
	data, _, err := d.ReadTime(name)
	return data, err
}

// ReadTime is Read that also returns when the file was last written to.
func (d *Dir) ReadTime(name string) ([]byte, time.Time, error) {
	if err := d.before("read", name); err != nil {
		return nil, time.Time{}, err
	}
	h, err := d.root.open(name, false)
	if err != nil {
		return nil, time.Time{}, d.wrap("open", name, err)
	}
	defer h.close()
	data, written, err := h.readRegular()
	if err != nil {
		return nil, time.Time{}, d.wrap("read", name, err)
	}
	return data, written, nil
}

func (h *handle) readRegular() ([]byte, time.Time, error) {
	info, err := h.stat()
	switch {
	case err != nil:
		return nil, time.Time{}, err
	case info.isDir():
		return nil, time.Time{}, errors.New("is a directory")
	case !info.isRegular():
		return nil, time.Time{}, errors.New("not a regular file")
	case info.size() > MaxSize:
		return nil, time.Time{}, fmt.Errorf("%w: %d bytes", ErrTooLarge, info.size())
	}
	data := make([]byte, info.size())
	n, err := h.read(data)
	if err == io.EOF {
		err = nil // it shrank: somebody who does not rename wrote to it
	}
	return data[:n], info.written(), err
}

// Names returns the names of the files in the directory, in no order, without
// those of unfinished files. An error comes with the names read so far.
func (d *Dir) Names() ([]string, error) {
	names, _, err := d.List()
	return names, err
}

// List is Names that also returns the names of unfinished files, for
// [Dir.CleanOf].
func (d *Dir) List() (names, unfinished []string, err error) {
	if err := d.before("list", ""); err != nil {
		return nil, nil, err
	}
	all, err := d.root.list()
	if err != nil {
		err = d.wrap("list", "", err)
	}
	names = all[:0]
	for _, name := range all {
		if strings.HasPrefix(name, tempPrefix) {
			unfinished = append(unfinished, name)
		} else {
			names = append(names, name)
		}
	}
	return names, unfinished, err
}

// Regular reports whether the name is a regular file's: no link, no directory.
func (d *Dir) Regular(name string) bool {
	info, err := d.root.lstat(name)
	return err == nil && info.isRegular()
}

// Remove removes a file. One that is not there is no error.
func (d *Dir) Remove(name string) error {
	if err := d.before("remove", name); err != nil {
		return err
	}
	if err := d.root.remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return d.wrap("remove", name, err)
	}
	return nil
}

// Clean removes unfinished files that nobody writes any more: those at least age
// old whose lock is free. It is a courtesy; what cannot be removed stays.
func (d *Dir) Clean(age time.Duration) {
	_, unfinished, _ := d.List()
	d.CleanOf(unfinished, age)
}

// CleanOf is Clean for names that [Dir.List] has just returned.
func (d *Dir) CleanOf(unfinished []string, age time.Duration) {
	for _, name := range unfinished {
		// The age covers the moment between making a file and locking it.
		info, err := d.root.lstat(name)
		if err != nil || time.Since(info.written()) < age {
			continue
		}
		if f, err := d.Lock(name); err == nil {
			_ = f.Remove()
		}
	}
}

func (d *Dir) before(op, name string) error {
	if d.fault == nil {
		return nil
	}
	if err := d.fault(op, d.Path(name)); err != nil {
		return &fs.PathError{Op: op, Path: d.Path(name), Err: err}
	}
	return nil
}

// wrap puts the whole path into an error that has a name, or none.
func (d *Dir) wrap(op, name string, err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		err = p.Err
	case errors.As(err, &l):
		err = l.Err
	}
	return &fs.PathError{Op: op, Path: d.Path(name), Err: err}
}
