package atomicfile

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"time"
)

// ErrLocked is in the error of [Dir.Lock] for a file that somebody holds.
var ErrLocked = errors.New("file is locked")

// lockless is how long a file counts as locked where there are no locks.
const lockless = time.Hour

// File is an open file that this process holds: one it is about to write, or
// one it has locked. It is for one goroutine, but for Lend.
type File struct {
	dir    *Dir
	h      handle
	name   string
	locked bool // false where there are no locks

	lending sync.Mutex
	asked   bool     // for lent, or too late for it
	lent    *os.File // nil: there is none
}

// Temp makes a file under a temporary name, locked.
func (d *Dir) Temp() (*File, error) {
	if err := d.before("create", tempPrefix); err != nil {
		return nil, err
	}
	for {
		// Two processes must not agree on a name, but nobody has to be kept
		// from guessing it: the file is made by whoever comes first.
		name := string(strconv.AppendUint(append(make([]byte, 0, 32), tempPrefix...), rand.Uint64(), 16))
		h, err := d.root.create(name)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, d.wrap("create", name, err)
		}
		_ = h.chmod(0o600) // whatever the umask took away
		file := d.file(name, h)
		// Shared, for the sake of Lend: those who ask whether it is free ask for it
		// alone.
		if err := file.lock(shared); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			_ = file.Remove()
			return nil, err
		}
		return file, nil
	}
}

// Make makes an empty file that everybody can see, and locks it. The error is
// fs.ErrExist if there is a file of that name; and, if somebody was faster to lock
// the new one, [ErrLocked] or, when that one is done with it, fs.ErrNotExist.
func (d *Dir) Make(name string) (*File, error) {
	if err := d.before("create", name); err != nil {
		return nil, err
	}
	h, err := d.root.create(name)
	if err != nil {
		return nil, d.wrap("create", name, err)
	}
	file := d.file(name, h)
	err = file.lock(alone)
	if errors.Is(err, errors.ErrUnsupported) {
		return file, nil // it is young, and so counts as locked
	}
	if err == nil {
		err = file.same()
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// Lock opens a file and locks it, so that it can be looked at and removed in
// peace. The error is fs.ErrNotExist if the file is gone, also if it went, or was
// replaced, before the lock was had; and [ErrLocked] if somebody else holds it.
func (d *Dir) Lock(name string) (*File, error) {
	file, err := d.openToLock(name)
	if err != nil {
		return nil, err
	}
	if err := file.lockOld(); err != nil {
		_ = file.Close()
		return nil, err
	}
	if err := file.same(); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

func (d *Dir) openToLock(name string) (*File, error) {
	if err := d.before("open", name); err != nil {
		return nil, err
	}
	// Some file systems lock for writing only what is open for writing, and
	// others cannot be written to at all.
	h, err := d.root.open(name, true)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		h, err = d.root.open(name, false)
	}
	if err != nil {
		return nil, d.wrap("open", name, err)
	}
	return d.file(name, h), nil
}

func (d *Dir) file(name string, h handle) *File {
	f := &File{dir: d, h: h, name: name}
	f.closeWhenLost()
	return f
}

// Modes of a lock.
const (
	alone  = false
	shared = true
)

func (f *File) lock(share bool) error {
	if err := f.dir.before("lock", f.name); err != nil {
		return err
	}
	if err := f.h.lock(share); err != nil {
		return f.dir.wrap("lock", f.name, err)
	}
	f.locked = true
	return nil
}

// lockOld is lock that lets age stand for the lock where there is none.
func (f *File) lockOld() error {
	err := f.lock(alone)
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	info, err := f.h.stat()
	if err == nil && time.Since(info.written()) < lockless {
		err = ErrLocked
	}
	if err != nil {
		return f.dir.wrap("lock", f.name, err)
	}
	return nil
}

// same reports fs.ErrNotExist if the name no longer leads to the open file. A
// lock is on the file; whoever held it before may have removed the name.
func (f *File) same() error {
	open, err := f.h.stat()
	if err != nil {
		return f.dir.wrap("stat", f.name, err)
	}
	named, err := f.dir.root.lstat(f.name)
	if err != nil {
		return f.dir.wrap("stat", f.name, err)
	}
	if !open.same(&named) {
		return f.dir.wrap("stat", f.name, fs.ErrNotExist)
	}
	return nil
}

// Path returns the file's path as it is now.
func (f *File) Path() string { return f.dir.Path(f.name) }

// Read returns all that is in the file, if it is a regular one.
func (f *File) Read() ([]byte, time.Time, error) {
	if err := f.dir.before("read", f.name); err != nil {
		return nil, time.Time{}, err
	}
	data, written, err := f.h.readRegular()
	if err != nil {
		return nil, time.Time{}, f.dir.wrap("read", f.name, err)
	}
	return data, written, nil
}

// Write is WriteAt for a file that is empty.
func (f *File) Write(data []byte) error { return f.WriteAt(data, 0) }

// WriteAt writes data over what is in the file from there on.
func (f *File) WriteAt(data []byte, offset int) error {
	err := f.dir.before("write", f.name)
	if err != nil {
		// As a full disk does it: a part is written before it is noticed.
		_ = f.h.writeAt(data[:len(data)/2], offset)
		return err
	}
	if err := f.h.writeAt(data, offset); err != nil {
		return f.dir.wrap("write", f.name, err)
	}
	return nil
}

// Sync returns when what was written is on the disk.
func (f *File) Sync() error {
	if err := f.dir.before("sync", f.name); err != nil {
		return err
	}
	if err := f.h.sync(); err != nil {
		return f.dir.wrap("sync", f.name, err)
	}
	return nil
}

// Rename gives the file its name, in place of what may be there. It stays open
// and locked.
func (f *File) Rename(name string) error { return f.rename(f.dir, name) }

func (f *File) rename(d *Dir, name string) error {
	if err := d.before("rename", name); err != nil {
		return err
	}
	if err := f.dir.root.rename(f.name, &d.root, name); err != nil {
		return d.wrap("rename", name, err)
	}
	f.dir, f.name = d, name
	return nil
}

// Move is Rename into a directory, its own or another. What was lent is unlocked. The
// error is [errors.ErrUnsupported] if files cannot be moved there, and fs.ErrNotExist
// if the file or the directory is gone.
func (f *File) Move(d *Dir, name string) error {
	f.lending.Lock()
	defer f.lending.Unlock()
	f.unlend()
	return f.rename(d, name)
}

// MoveNew is Move for a name that nobody may have: if it is taken, the error is
// fs.ErrExist. It is decided by a link, which, unlike a renaming, replaces nothing; on
// a file system without links two that ask at the same moment may both be told that
// the name is free.
func (f *File) MoveNew(d *Dir, name string) error {
	f.lending.Lock()
	defer f.lending.Unlock()
	f.unlend()
	err := d.before("link", name)
	if err == nil {
		err = f.dir.root.link(f.name, &d.root, name)
	}
	switch {
	case err == nil:
		_ = f.dir.root.remove(f.name) // else it is a leftover, and will be cleaned
		f.dir, f.name = d, name
		return nil
	case errors.Is(err, fs.ErrExist):
		return d.wrap("link", name, fs.ErrExist)
	}
	if _, err := d.root.lstat(name); err == nil {
		return d.wrap("rename", name, fs.ErrExist)
	}
	return f.rename(d, name)
}

// Lend returns a file that [Dir.Temp] made as other processes may be given it:
// opened once more, for reading only, with a lock of its own. As long as one of
// them has it, others find the file locked, also when this process was killed. When
// this process lets go of the file by itself, the lock ends, whoever still has it.
// Nil: there is none.
//
// A process that inherits an open file shares its lock with those it has it from
// (flock(2), Unix). The lock is not that of the file that is written to, so what
// others can do to it ends with them: they cannot write, and what they unlock is
// theirs. There is none on Windows, where locks are not inherited, and where there
// are no locks at all.
func (f *File) Lend() *os.File {
	f.lending.Lock()
	defer f.lending.Unlock()
	if f.asked || !lendable || !f.locked || f.dir.before("lend", f.name) != nil {
		return f.lent
	}
	f.asked = true
	lent, err := f.dir.root.open(f.name, false)
	if err != nil {
		return nil
	}
	open, err := f.h.stat()
	same, lentErr := lent.stat()
	if err != nil || lentErr != nil || !open.same(&same) || lent.lock(shared) != nil {
		_ = lent.close()
		return nil
	}
	f.lent = lent.file(f.name)
	return f.lent
}

// Close lets go of the file, which stays where it is.
func (f *File) Close() error {
	f.lending.Lock()
	defer f.lending.Unlock()
	f.unlend()
	return f.h.close()
}

// unlend ends the lending for good.
func (f *File) unlend() {
	if f.asked = true; f.lent != nil {
		_ = unlock(f.lent.Fd())
		_ = f.lent.Close()
		f.lent = nil
	}
}

// Release is Close for a file whose lock others wait for.
func (f *File) Release() error {
	if f.locked {
		// A child of this process that is being started has a copy of every open file
		// until it runs its program.
		_ = f.h.unlock()
	} else {
		// Where age stands for the lock, an old file is a free one.
		_ = f.dir.root.age(f.name)
	}
	return f.Close()
}

// Remove removes the file and closes it, in this order: nobody can lock it while
// it still has a name.
func (f *File) Remove() error {
	err := f.dir.Remove(f.name)
	return errors.Join(err, f.Close())
}
