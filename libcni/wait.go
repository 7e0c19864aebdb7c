package libcni

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/cnikit/cnikit/internal/atomicfile"
)

// ErrAddRunning is in the error, a [*RecordError] with the path of the intent, about
// an attachment that DEL cannot be sure to have removed: it has waited in vain, see
// [Options].WaitForAdd.
var ErrAddRunning = errors.New("an ADD of the attachment is still under way, or a plugin of one whose runtime was killed")

// waitForAdd is how long a DEL waits when the options do not say.
const waitForAdd = 10 * time.Second

// patience returns how long a DEL waits for an ADD. It leaves the plugins half of
// the time that ctx has left.
func (c *CNIConfig) patience(ctx context.Context) time.Duration {
	d := c.opts.WaitForAdd
	if d == 0 {
		d = waitForAdd
	}
	if deadline, ok := ctx.Deadline(); ok {
		d = min(d, time.Until(deadline)/2)
	}
	return d
}

// lockQuiet is lockIntents that waits for those that are held. It holds none of the
// others meanwhile: two that wait here would wait for each other.
func (c *CNIConfig) lockQuiet(ctx context.Context, d *atomicfile.Dir, names []string, k key) (files []*atomicfile.File, held []string, err error) {
	files, held, err = lockIntents(d, names, k)
	if len(held) == 0 {
		return files, nil, err
	}
	wait, cancel := context.WithTimeout(ctx, c.patience(ctx))
	defer cancel()
	for pause := time.Millisecond; len(held) > 0 && wait.Err() == nil; pause = min(2*pause, 50*time.Millisecond) {
		releaseAll(files)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-wait.Done():
			timer.Stop()
		}
		files, held, err = lockIntents(d, names, k)
	}
	return files, held, err
}

// intents are those of one attachment.
type intents struct {
	dir   *atomicfile.Dir // nil: there are none
	names []string
	files []*atomicfile.File // those that are locked
	err   error              // about the others
}

// intents looks for the intents of an attachment and locks none.
func (s *store) intents(k key) (all intents) {
	d, err := s.at(s.pendingPath())
	if d == nil {
		return intents{err: err}
	}
	names, err := d.Names()
	if errors.Is(err, fs.ErrNotExist) {
		_ = d.Close()
		return all
	}
	all.err = recordError(s.pendingPath(), err)
	prefix := k.pendingPrefix()
	all.names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, prefix) })
	if len(all.names) == 0 {
		_ = d.Close()
		return all
	}
	all.dir = d
	return all
}

// lockedIntents returns the intents of an attachment, those locked that no ADD holds,
// or soon holds no more. Of the others it warns; they stay.
func (c *CNIConfig) lockedIntents(ctx context.Context, s *store, k key) intents {
	all := s.intents(k)
	if all.dir == nil {
		return all
	}
	files, held, err := c.lockQuiet(ctx, all.dir, all.names, k)
	all.files, all.err = files, join(all.err, err)
	for _, name := range held {
		c.warn(ctx, recordError(all.dir.Path(name), ErrAddRunning))
	}
	return all
}

// finished returns the last of those that are locked whose plugins have come to their
// end, with their result, although it did not become the record; nil if there is none.
func (i *intents) finished(k key) (last *record) {
	for _, l := range leftovers(i.files, k) {
		if l.result != nil && (last == nil || l.created.After(last.created)) {
			last = &l.record
		}
	}
	return last
}

// remove removes those that are locked. The error is also about what could not be.
func (i *intents) remove() error {
	err := join(i.err, removeAll(i.files))
	i.files = nil
	return err
}

// close lets go of those that were not removed.
func (i *intents) close() {
	releaseAll(i.files)
	if i.dir != nil {
		_ = i.dir.Close()
	}
}
