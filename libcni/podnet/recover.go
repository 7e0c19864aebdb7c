package podnet

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/cnikit/cnikit/libcni"
)

// Leftover is an attachment that nobody wants any more, and what became of it.
type Leftover struct {
	libcni.AttachmentKey
	// Recorded says that its ADD had succeeded.
	Recorded bool
	// Path is the file that told of it: its record, or the intent of its ADD.
	Path string
	// GivenUp are the plugins, by type, that it was detached without: they are not
	// installed any more (package documentation, "Already gone").
	GivenUp []string
	// Err is why it could not be detached; nil if it was, or was not tried.
	Err error
}

// String returns the attachment, and why it could not be detached, or without what
// plugins it was.
func (l Leftover) String() string {
	switch {
	case l.Err != nil:
		return l.AttachmentKey.String() + ": " + l.Err.Error()
	case l.GivenUp != nil:
		return l.AttachmentKey.String() + ": without what is not installed any more: " + strings.Join(l.GivenUp, ", ")
	}
	return l.AttachmentKey.String()
}

// Recover finishes what operations have left undone that failed or whose process
// died: the attachments of an Attach that did not return are detached, a Detach is
// completed. It returns the attachments concerned. What a process that lives is
// working on is left alone, and so is everything that an operation has completed.
// A plugin that a dead process has left is waited for, ten seconds at most, which is
// logged before; after that its attachment is left alone, with an error that has
// [libcni.ErrAddRunning].
//
// [Open] does this too, without waiting. Call Recover again when what was in the way is
// gone. What will never be detached is given up with [Manager.Forget].
//
// The error joins those of the Leftovers and what else could not be looked at.
func (m *Manager) Recover(ctx context.Context) ([]Leftover, error) {
	found, err := m.recover(ctx, m.settled)
	return found, join(errorsOf(found), err)
}

// recover is Recover whose error is not that of the leftovers. look returns what is on
// disk about a container, settled or as it is.
func (m *Manager) recover(ctx context.Context, look lookAt) ([]Leftover, error) {
	ids, err := m.journals.containers()
	pending, pendingErr := m.cni.Pending(libcni.AttachmentKey{})
	for _, p := range pending {
		if !p.Running {
			ids = append(ids, p.ContainerID)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)

	var mu sync.Mutex
	var all []Leftover
	errs := []error{err, pendingErr}
	parallel(ids, func(id string) {
		found, err := m.recoverContainer(ctx, id, look)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, found...)
		errs = append(errs, about("recover", id, err))
	})
	return all, join(errs...)
}

type lookAt func(ctx context.Context, id string) ([]*trace, error)

// atOnce is settled that does not wait.
func (m *Manager) atOnce(_ context.Context, id string) ([]*trace, error) {
	return m.traces(libcni.AttachmentKey{ContainerID: id})
}

func (m *Manager) recoverContainer(ctx context.Context, id string, look lookAt) ([]Leftover, error) {
	h, err := m.hold(ctx, id, false, true)
	if errors.Is(err, errBusy) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer h.release()
	traces, err := look(ctx, id)
	found := m.finish(ctx, h, traces)
	h.finished = err == nil && errorsOf(found) == nil
	return found, err
}

// finish detaches, of the traces of the container, what an earlier operation on it
// has left, the last one first: the attachments that its file names, and those that
// were never made. An attachment that is in use may have an intent as well, of a
// second ADD that failed: it stays. What somebody is still at work on is left alone.
func (m *Manager) finish(ctx context.Context, h *hold, traces []*trace) []Leftover {
	left := h.left()
	var found []Leftover
	for _, t := range traces {
		if t.recorded && !slices.Contains(left, keyOf(t.AttachmentKey)) {
			continue
		}
		if t.running {
			l := t.leftover()
			l.Err = &Error{Op: "recover", ContainerID: t.ContainerID, Network: t.Network, IfName: t.IfName, Path: t.path, Err: libcni.ErrAddRunning}
			found = append(found, l)
			continue
		}
		found = append(found, m.detachTrace(ctx, "recover", t))
	}
	return found
}

// detachTrace runs DEL from what is on disk.
func (m *Manager) detachTrace(ctx context.Context, op string, t *trace) Leftover {
	l := t.leftover()
	if t.running { // libcni is about to wait
		limited, cancel := bounded(ctx, m.opts.Timeouts.Del)
		m.waits(t, m.patience(limited))
		cancel()
	}
	var err error
	if l.GivenUp, err = m.del(ctx, t.AttachmentKey, m.opts.Timeouts.Del); err != nil {
		l.Err = &Error{Op: op, ContainerID: t.ContainerID, Network: t.Network, IfName: t.IfName, Path: t.path, Err: err}
	}
	return l
}

func (t *trace) leftover() Leftover {
	return Leftover{AttachmentKey: t.AttachmentKey, Recorded: t.recorded, Path: t.path}
}

// errorsOf joins the errors of what could not be detached.
func errorsOf(leftovers []Leftover) error {
	var errs []error
	for _, l := range leftovers {
		errs = append(errs, l.Err)
	}
	return join(errs...)
}

// parallel calls do for each item, several at a time. How many plugins run is
// bounded elsewhere.
func parallel[T any](items []T, do func(T)) {
	places := make(chan struct{}, 16)
	var all sync.WaitGroup
	for _, item := range items {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			do(item)
		})
	}
	all.Wait()
}
