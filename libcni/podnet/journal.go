package podnet

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/cnikit/cnikit/internal/atomicfile"
)

// journals is the directory in which operations that are under way have a file
// each, locked by the process that carries them out: <cache directory>/podnet.
//
// The file of a container, c-<ID>, is its lock between processes. It says what
// was begun. Whoever finds it unlocked finds an operation that a crash or a
// failure left half done, and finishes that before anything else. It is removed
// when nothing is left to finish. The file "gc" is the lock of an operation on
// all containers.
//
// Exclusion between the two kinds needs no other lock: an operation on a
// container makes its own file and then looks for "gc"; one on all makes "gc" and
// then looks for the others. At least the later one sees the other. Operations on
// containers give way.
type journals struct {
	path  string
	fault atomicfile.Fault // of tests
}

const (
	gcFile          = "gc"
	containerPrefix = "c-"
)

// entry is what a container's file says.
type entry struct {
	Operation   string `json:"operation,omitempty"` // attach or detach
	Attachments []key  `json:"attachments,omitempty"`
}

const (
	attaching = "attach"
	detaching = "detach"
)

// key names an attachment of a known container.
type key struct {
	Network string `json:"network"`
	IfName  string `json:"ifName"`
}

// errBusy says that another process has the file.
var errBusy = errors.New("another process is working on it")

// journal is a container's file, locked.
type journal struct {
	dir  *atomicfile.Dir
	file *atomicfile.File
	name string
	// left is what an earlier operation did not finish.
	left entry
	// empty says that nothing was begun, and nothing left.
	empty bool
	// gone says that the file has lost its name.
	gone bool
}

func (j *journals) open() (*atomicfile.Dir, error) { return atomicfile.Create(j.path, j.fault) }

// container locks the container's file. It waits for other processes; with try it
// returns errBusy instead of waiting for one that works on the same container.
func (j *journals) container(ctx context.Context, id string, try bool) (*journal, error) {
	for wait := (backoff{}); ; {
		dir, err := j.open()
		if err != nil {
			return nil, err
		}
		held, err := attempt(dir, containerPrefix+id)
		if err == nil {
			return held, nil
		}
		_ = dir.Close()
		if !later(err) || try && errors.Is(err, errBusy) {
			return nil, err
		}
		if err := wait.sleep(ctx); err != nil {
			return nil, err
		}
	}
}

// attempt is container that does not wait. The error is errBusy if another process
// works on the container, and ErrLocked if one does on all.
func attempt(dir *atomicfile.Dir, name string) (*journal, error) {
	file, err := acquire(dir, name)
	all := giveWay(dir)
	if errors.Is(err, atomicfile.ErrLocked) && all == nil {
		return nil, errBusy
	}
	if err != nil {
		return nil, err
	}
	held := &journal{dir: dir, file: file, name: name}
	var data []byte
	if err = all; err == nil {
		// Also of a file that was made just now: before it was locked, somebody else may
		// have had it, and left something.
		data, _, err = file.Read()
	}
	if err != nil {
		held.back()
		return nil, err
	}
	held.empty = len(data) == 0
	if !held.empty && json.Unmarshal(data, &held.left) != nil {
		// Half written by a crash of the machine, or on a full disk: then the
		// operation was not begun. Records and intents know what is attached.
		held.left = entry{}
	}
	return held, nil
}

// later reports whether what could not be had now may be had later: somebody has it,
// or it went, or was replaced, in this moment; or its directory went, which is made
// again.
func later(err error) bool {
	return errors.Is(err, errBusy) || errors.Is(err, atomicfile.ErrLocked) || errors.Is(err, fs.ErrNotExist)
}

// back undoes the acquisition, so that what was left is found the next time.
func (j *journal) back() {
	if data, _, err := j.file.Read(); err == nil && len(data) == 0 {
		_ = j.file.Remove()
		return
	}
	_ = j.file.Release()
}

// acquire locks the file of that name, which it makes if there is none.
func acquire(dir *atomicfile.Dir, name string) (*atomicfile.File, error) {
	file, err := dir.Make(name)
	if errors.Is(err, fs.ErrExist) {
		file, err = dir.Lock(name)
	}
	return file, err
}

// giveWay returns ErrLocked while an operation on all containers is under way.
func giveWay(dir *atomicfile.Dir) error {
	file, err := dir.Lock(gcFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return file.Remove() // of a process that crashed
}

// begin writes down what is about to be done, in place of what was left.
func (j *journal) begin(e entry) error {
	if j == nil {
		return nil
	}
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if j.empty {
		j.empty = false
		return j.file.Write(data)
	}
	next, err := j.dir.Temp()
	if err != nil {
		return err
	}
	if err = next.Write(data); err == nil {
		err = next.Rename(j.name)
	}
	if err != nil {
		_ = next.Remove()
		return err
	}
	_ = j.file.Close() // whoever waits for it finds that the name leads elsewhere
	j.file = next
	return nil
}

// commit takes back what was written down: nobody will undo it any more.
func (j *journal) commit() error {
	if err := j.dir.Remove(j.name); err != nil {
		return err
	}
	j.gone = true
	return nil
}

// end lets go of the container. If nothing is left to finish, the file goes.
func (j *journal) end(finished bool) error {
	if j == nil {
		return nil
	}
	defer j.dir.Close()
	if j.gone { // the name may be somebody else's by now
		return j.file.Close()
	}
	if finished || j.empty {
		return j.file.Remove()
	}
	return j.file.Release()
}

// all locks out every operation on a container, of other processes. With an error it
// locks out nobody, and yet it has waited for those that were under way.
func (j *journals) all(ctx context.Context) (unlock func(), err error) {
	for wait := (backoff{}); ; {
		dir, err := j.open()
		if err != nil {
			return nil, err
		}
		file, err := acquire(dir, gcFile)
		if later(err) {
			_ = dir.Close()
			if err := wait.sleep(ctx); err != nil {
				return nil, err
			}
			continue
		}
		unlock := func() {
			if file != nil {
				_ = file.Remove()
			}
			_ = dir.Close()
		}
		if err := join(err, othersEnd(ctx, dir)); err != nil {
			unlock()
			return nil, err
		}
		return unlock, nil
	}
}

// othersEnd waits until no operation on a container is under way.
func othersEnd(ctx context.Context, dir *atomicfile.Dir) error {
	names, err := dir.Names()
	for _, name := range names {
		if err != nil {
			break
		}
		if strings.HasPrefix(name, containerPrefix) {
			err = wayIsFree(ctx, dir, name)
		}
	}
	return err
}

// wayIsFree waits until nobody holds the file.
func wayIsFree(ctx context.Context, dir *atomicfile.Dir, name string) error {
	for wait := (backoff{}); ; {
		file, err := dir.Lock(name)
		switch {
		case err == nil:
			return file.Release() // left over: it stays for who finishes it
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case !errors.Is(err, atomicfile.ErrLocked):
			return err
		}
		if err := wait.sleep(ctx); err != nil {
			return err
		}
	}
}

// forget removes the file of a container of which nothing is left, if nobody works
// on it.
func (j *journals) forget(id string) {
	dir, err := atomicfile.Open(j.path, nil)
	if err != nil {
		return
	}
	defer dir.Close()
	if file, err := dir.Lock(containerPrefix + id); err == nil {
		_ = file.Remove()
	}
}

// containers returns the IDs of the containers that have a file.
func (j *journals) containers() ([]string, error) {
	dir, err := atomicfile.Open(j.path, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	dir.Clean(time.Hour)
	names, err := dir.Names()
	var ids []string
	for _, name := range names {
		if id, ok := strings.CutPrefix(name, containerPrefix); ok {
			ids = append(ids, id)
		}
	}
	return ids, err
}

// shortage reports whether an error says no more than that this process, or the
// machine, has too little of something at the moment: others may have their locks.
func shortage(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM)
}

func newJournals(cacheDir string) *journals {
	return &journals{path: filepath.Join(cacheDir, "podnet")}
}

// backoff waits for another process, which no channel can tell of.
type backoff struct{ next time.Duration }

func (b *backoff) sleep(ctx context.Context) error {
	b.next = min(max(2*b.next, time.Millisecond), 50*time.Millisecond)
	timer := time.NewTimer(b.next)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ended(ctx)
	}
}
