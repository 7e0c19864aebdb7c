//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// root is an open directory.
type root struct{ r *os.Root }

// handle is an open file.
type handle struct{ f *os.File }

// Moves says that a file may be moved into another directory.
const Moves = false

func openRoot(path string) (root, error) {
	r, err := os.OpenRoot(path)
	return root{r}, err
}

// unopened opens the directory: here nothing else keeps links from being followed.
func unopened(path string) (root, error) { return openRoot(path) }

// closeWhenLost does nothing: package os closes what is garbage.
func (d *Dir) closeWhenLost() {}

func (f *File) closeWhenLost() {}

func (r *root) close() error { return r.r.Close() }

func (r *root) create(name string) (handle, error) {
	f, err := r.r.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return handle{f}, err
}

func (r *root) open(name string, writable bool) (handle, error) {
	flags := os.O_RDONLY
	if writable {
		flags = os.O_RDWR
	}
	f, err := r.r.OpenFile(name, flags, 0)
	return handle{f}, err
}

// list returns the names of the files.
func (r *root) list() ([]string, error) {
	f, err := r.r.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

func (r *root) lstat(name string) (fileInfo, error) {
	info, err := r.r.Lstat(name)
	return fileInfo{info}, err
}

func (r *root) remove(name string) error { return r.r.Remove(name) }

func (r *root) rename(from string, to *root, name string) error {
	if r != to {
		return errors.ErrUnsupported
	}
	return r.r.Rename(from, name)
}

func (r *root) link(from string, to *root, name string) error {
	if r != to {
		return errors.ErrUnsupported
	}
	return r.r.Link(from, name)
}

// usable knows nothing.
func (r *root) usable() error { return errors.ErrUnsupported }

// age makes a file look as old as can be.
func (r *root) age(name string) error { return r.r.Chtimes(name, time.Time{}, time.Unix(0, 0)) }

func (h *handle) close() error { return h.f.Close() }

func (h *handle) stat() (fileInfo, error) {
	info, err := h.f.Stat()
	return fileInfo{info}, err
}

func (h *handle) chmod(mode uint32) error { return h.f.Chmod(fs.FileMode(mode)) }

// read fills data from the file's beginning, or returns how much there is with io.EOF.
func (h *handle) read(data []byte) (int, error) { return h.f.ReadAt(data, 0) }

func (h *handle) writeAt(data []byte, offset int) error {
	_, err := h.f.WriteAt(data, int64(offset))
	return err
}

func (h *handle) sync() error { return h.f.Sync() }

func (h *handle) lock(share bool) error { return tryLock(h.f.Fd(), share) }

func (h *handle) unlock() error { return unlock(h.f.Fd()) }

// file returns the open file, whose it is from then on.
func (h *handle) file(string) *os.File { return h.f }

// fileInfo is what the system knows of a file.
type fileInfo struct{ info fs.FileInfo }

func (i *fileInfo) size() int64 { return i.info.Size() }

func (i *fileInfo) isDir() bool { return i.info.IsDir() }

func (i *fileInfo) isRegular() bool { return i.info.Mode().IsRegular() }

func (i *fileInfo) written() time.Time { return i.info.ModTime() }

func (i *fileInfo) same(other *fileInfo) bool { return os.SameFile(i.info, other.info) }
