package libcni

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cnikit/cnikit/internal/atomicfile"
)

// cleanup runs DEL for attachments from what is on disk about them: the record,
// and the intents of ADDs that did not come to their end.
type cleanup struct {
	*CNIConfig
	store   *store
	pending *atomicfile.Dir // nil: no intents
	names   []string        // in pending, sorted
	// fallback is the network for what has no configuration of its own; nil if
	// there is none.
	fallback *network
	// stale is when the records were made that GC found stale; nil if somebody asked
	// for the DEL. GC spares what an ADD is under way for, or has recorded since.
	stale map[key]time.Time
	pace  pace
}

// cleanup looks at pending/. Who asks for a DEL looks at results/ after that: an ADD
// that ends in between is in one of the two at least.
func (c *CNIConfig) cleanup(s *store) (*cleanup, error) {
	u := &cleanup{CNIConfig: c, store: s}
	d, err := s.openDir(s.pendingPath())
	if d == nil {
		return u, err
	}
	u.pending = d
	var unfinished []string
	u.names, unfinished, err = d.List()
	slices.Sort(u.names)
	d.CleanOf(unfinished, staleAge)
	return u, recordError(s.pendingPath(), err)
}

func (u *cleanup) close() {
	if u.pending != nil {
		_ = u.pending.Close()
	}
}

// keys returns the attachments that have intents and match, each once.
func (u *cleanup) keys(match AttachmentKey) []key {
	var keys []key
	seen := map[key]bool{}
	for _, name := range u.names {
		k, ok := pendingKey(name)
		if !ok {
			r, _, _ := peekIntent(u.pending, name)
			if r == nil {
				continue // nothing says whose it is; its own DEL finds it by name
			}
			k = r.key
		}
		if match.matches(k) && !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	return keys
}

// intents returns the names of the attachment's intents. There may be thousands of
// others, and each attachment is asked for.
func (u *cleanup) intents(k key) []string {
	prefix := k.pendingPrefix()
	from, _ := slices.BinarySearch(u.names, prefix)
	to := from
	for to < len(u.names) && strings.HasPrefix(u.names[to], prefix) {
		to++
	}
	return u.names[from:to]
}

// attachment runs DEL for one attachment and then forgets it. The intents are
// locked meanwhile, so that two that clean up do not meet. Those that are held are
// waited for; when that takes too long, DEL is run for them too, but they stay, and
// the error says so. Nothing is run for an attachment whose record is damaged.
func (u *cleanup) attachment(ctx context.Context, k key) error {
	files, held, err := u.lock(ctx, k)
	defer func() { releaseAll(files) }()
	if err != nil || len(held) > 0 && u.stale != nil {
		return err
	}
	found := leftovers(files, k)
	var running []error
	for _, name := range held {
		running = append(running, recordError(u.pending.Path(name), ErrAddRunning))
		if r, _, _ := peekIntent(u.pending, name); r != nil {
			found = append(found, &leftover{record: *r})
		}
	}
	r, err := u.store.read(k)
	if err != nil || u.stale != nil && u.recordedSince(k, r) {
		return err
	}
	var failed []error
	for _, request := range delRequests(r, found) {
		failed = append(failed, u.del1(ctx, request))
		if join(failed...) != nil && !u.opts.ContinueOnDelError {
			break
		}
	}
	if err := join(failed...); err != nil {
		return join(append(running, err)...)
	}
	if r != nil {
		err = u.store.removeRecord(k)
	}
	err = join(err, removeAll(files))
	files = nil
	if err != nil {
		u.warn(ctx, err)
	}
	return join(running...)
}

// recordedSince reports whether the record is another one than GC found, if it found
// one: each is made at a time of its own. Bare results are not ADD's.
func (u *cleanup) recordedSince(k key, r *record) bool {
	return r != nil && !r.bare && !r.created.Equal(u.stale[k])
}

// lock locks the attachment's intents and returns the names of those that it cannot
// have. GC does not wait for them.
func (u *cleanup) lock(ctx context.Context, k key) (files []*atomicfile.File, held []string, err error) {
	switch {
	case u.pending == nil:
		return nil, nil, nil
	case u.stale != nil:
		return lockIntents(u.pending, u.intents(k), k)
	}
	return u.lockQuiet(ctx, u.pending, u.intents(k), k)
}

// delRequests returns what DEL has to be run with: the record, and each intent that
// asked the plugins for something else. An intent that was cut off asks for what
// is known from elsewhere.
func delRequests(r *record, found []*leftover) []*record {
	var all []*record
	if r != nil {
		all = append(all, r)
	}
	var torn *record
next:
	for _, l := range found {
		if len(l.config) == 0 {
			torn = &l.record
			continue
		}
		for _, other := range all {
			if other.sameRequest(&l.record) {
				continue next
			}
		}
		all = append(all, &l.record)
	}
	if len(all) == 0 && torn != nil {
		all = append(all, torn)
	}
	return all
}

// del1 runs DEL with one record's configuration and arguments.
func (u *cleanup) del1(ctx context.Context, r *record) error {
	n, err := u.network(r)
	if err != nil {
		return &RecordError{Path: r.path, Err: err}
	}
	rt := r.runtimeConf()
	if err := n.ready(rt); err != nil {
		return n.in("DEL", rt, err)
	}
	var prev []byte
	if r.result != nil && n.supportsPrevResult() {
		if prev, err = r.prevResult(n.version); err != nil {
			u.warn(ctx, passedOver(err))
		}
	}
	del := u.delPlugins
	if r.result == nil {
		del = u.delFailedAdd
	}
	err = n.in("DEL", rt, del(ctx, n, rt, prev, &u.pace))
	if n == u.fallback {
		return err
	}
	return asRecorded(r, err)
}

// network returns the network as it was at ADD. Records of other libraries hold
// the bytes of the list without its drop-in files: while the list has not changed,
// the list itself is the better source.
func (u *cleanup) network(r *record) (*network, error) {
	if f := u.fallback; f != nil {
		if len(r.config) == 0 || r.foreign && f.list != nil && bytes.Equal(r.config, f.list.Bytes) {
			return f, nil
		}
	}
	return r.networkThen()
}
