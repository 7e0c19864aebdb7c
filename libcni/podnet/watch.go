package podnet

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// watch tells of changes to files and directories by their path, also when a
// link on the way is turned, when they are removed and come again, or when they
// do not exist yet. For each path it watches the directories whose entries
// decide where the path leads, and the file itself, because whoever writes to it
// may know it by another name (a hard link).
//
// fsnotify watches what a path led to when it was asked. So after each change
// [watch.follow] compares that with what is there now.
type watch struct {
	notify *fsnotify.Watcher
	add    func(path string) error // notify's
	placed map[string]*placed
}

// placed is one watch of fsnotify.
type placed struct {
	info os.FileInfo // of what is watched
	spot
}

// spot says which events of a directory are of interest.
type spot struct {
	all   bool
	names []string
}

func (s *spot) add(other spot) {
	s.all = s.all || other.all
	for _, name := range other.names {
		if !slices.Contains(s.names, name) {
			s.names = append(s.names, name)
		}
	}
}

func newWatch() (*watch, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	return &watch{notify: notify, add: notify.Add, placed: map[string]*placed{}}, nil
}

// follow watches these directories, with all their entries, and these files. It
// reports whether something is watched that was not before: what changed until
// then has not been told. The error is about paths that exist and cannot be
// watched.
func (w *watch) follow(dirs, files []string) (more bool, err error) {
	wanted := map[string]*spot{}
	want := func(path string, s spot) {
		if wanted[path] == nil {
			wanted[path] = &spot{}
		}
		wanted[path].add(s)
	}
	for _, path := range dirs {
		walk(path, want)
		want(path, spot{all: true})
	}
	for _, path := range files {
		walk(path, want)
		want(path, spot{})
	}

	next := map[string]*placed{}
	var paths []string
	for path := range wanted {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		info, statErr := os.Stat(path)
		if statErr != nil || !info.IsDir() && !info.Mode().IsRegular() {
			continue // it is not there, or nothing to read: a directory above tells of its coming
		}
		if twin := findSame(next, info); twin != nil {
			twin.add(*wanted[path]) // one watch for one file, whatever its names
			continue
		}
		next[path] = &placed{info: info, spot: *wanted[path]}
	}

	alive := w.notify.WatchList()
	for path, old := range w.placed {
		if now := next[path]; now != nil && os.SameFile(now.info, old.info) && slices.Contains(alive, path) {
			continue
		}
		_ = w.notify.Remove(path) // it may have gone by itself
		delete(w.placed, path)
	}
	var errs []error
	for _, path := range paths {
		now := next[path]
		if now == nil {
			continue
		}
		if w.placed[path] == nil {
			if addErr := w.add(path); addErr != nil {
				if !errors.Is(addErr, os.ErrNotExist) {
					errs = append(errs, &os.PathError{Op: "watch", Path: path, Err: addErr})
				}
				continue
			}
			more = true
		}
		w.placed[path] = now
	}
	return more, errors.Join(errs...)
}

func findSame(all map[string]*placed, info os.FileInfo) *placed {
	for _, p := range all {
		if os.SameFile(p.info, info) {
			return p
		}
	}
	return nil
}

// matters reports whether an event may change what a followed path leads to.
func (w *watch) matters(event fsnotify.Event) bool {
	if w.placed[event.Name] != nil {
		return true // the directory or file itself
	}
	at := w.placed[filepath.Dir(event.Name)]
	if at == nil {
		return false // an event that was under way when the watch ended
	}
	if at.all {
		return true
	}
	base := filepath.Base(event.Name)
	return slices.ContainsFunc(at.names, func(name string) bool {
		// File systems there fold case; one reload too many is harmless.
		return name == base || runtime.GOOS != "linux" && strings.EqualFold(name, base)
	})
}

// walk calls want for the directories whose entries decide where the path leads:
// those that hold a link on the way, the one that holds its end, and, if the way
// is broken, the last one that exists.
func walk(path string, want func(dir string, s spot)) {
	links := 0
	follow(filepath.Clean(path), want, &links)
}

// follow does walk for one path without links left to resolve before it and
// returns the real path as far as it exists.
func follow(path string, want func(string, spot), links *int) string {
	parent, name := filepath.Split(path)
	parent = filepath.Clean(parent)
	if parent == path || name == "" || path == "." {
		return path // the root
	}
	realParent := parent
	if _, err := os.Lstat(parent); err != nil {
		follow(parent, want, links) // its own last existing directory is enough
		return path
	}
	realParent = follow(parent, func(dir string, s spot) {
		// Of the directories above only those with links count.
		if s.all {
			want(dir, s)
			return
		}
		if info, err := os.Lstat(filepath.Join(dir, s.names[0])); err != nil || info.Mode()&os.ModeSymlink != 0 {
			want(dir, s)
		}
	}, links)
	want(realParent, spot{names: []string{name}})
	here := filepath.Join(realParent, name)
	target, err := os.Readlink(here)
	if err != nil {
		return here // no link, or not there
	}
	if *links++; *links > 40 {
		return here // a loop
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(realParent, target)
	}
	return follow(filepath.Clean(target), want, links)
}

// close ends all watching.
func (w *watch) close() { _ = w.notify.Close() }
