package podnet

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

// GCArgs says what is still in use.
type GCArgs struct {
	// Valid are the attachments that are in use. An empty IfName stands for all
	// that are on record of the container. The loopback interface, which the manager
	// attaches by itself, need not be named: it is in use while anything of the
	// container is. Nil is an error: that nothing at all is in use is said by an empty
	// slice.
	Valid []types.GCAttachment
	// DryRun finds out what would be detached, and runs nothing.
	DryRun bool
}

// GC detaches all attachments on record in the cache directory that are not valid,
// and those whose ADD failed, each with the configuration of its ADD; then it runs GC
// on the plugins of all configured networks whose version has it (SPEC.md, section
// 3, "Garbage-collecting a network"). No other operation on containers runs
// meanwhile, in this process or another one with the same cache directory. (Where no
// lock can be had in it, as on a full disk, it waits for what is under way, which is
// logged; to attach is not possible there.) Networks with disableGC are left alone.
//
// It returns the attachments that it detached, would detach, or could not. An
// attachment that could not be detached counts as valid for the plugins: its next
// DEL finds what it needs. The error joins those of the attachments and those of the
// plugins, each an [*Error], and what could not be read. As long as something on
// record cannot be read, what is in use is not known for sure, and plugins are asked
// to clean up only if all of args.Valid name their interfaces.
func (m *Manager) GC(ctx context.Context, args GCArgs) ([]Leftover, error) {
	if args.Valid == nil {
		return nil, &Error{Op: "gc", Err: errors.New("no list of valid attachments (nil)")}
	}
	done, err := m.begin()
	if err != nil {
		return nil, &Error{Op: "gc", Err: err}
	}
	defer done()
	leave, err := m.gate.enter(ctx, true)
	if err != nil {
		return nil, &Error{Op: "gc", Err: err}
	}
	defer leave()
	unlock, err := m.journals.all(ctx)
	switch {
	case err == nil:
		defer unlock()
	case ctx.Err() != nil:
		return nil, &Error{Op: "gc", Err: err}
	case shortage(err):
		return nil, &Error{Op: "gc", Err: beforePlugins(&CacheDirError{Dir: m.opts.CacheDir, Err: err})}
	default:
		m.warn("no lock between processes for garbage collection", err)
	}

	g := newCollection(m, args)
	err = g.look()
	errs := []error{err}
	if !args.DryRun {
		errs = append(errs, g.detach(ctx))
		if err == nil || !g.wholeContainers() {
			errs = append(errs, g.plugins(ctx))
		}
	}
	return g.stale, join(errs...)
}

// collection is one run of GC.
type collection struct {
	*Manager
	config *Config
	args   GCArgs
	valid  map[types.GCAttachment]bool // args.Valid
	named  map[string]bool             // containers in it
	stale  []Leftover
	live   []libcni.AttachmentKey
	stays  map[string]bool // containers of which something is not stale
	blind  bool            // something cannot be read, and may be of any container
}

func newCollection(m *Manager, args GCArgs) *collection {
	g := &collection{
		Manager: m, config: m.config(), args: args,
		valid: map[types.GCAttachment]bool{}, named: map[string]bool{}, stays: map[string]bool{},
	}
	for _, v := range args.Valid {
		g.valid[v], g.named[v.ContainerID] = true, true
	}
	return g
}

// look tells stale from live attachments.
func (g *collection) look() error {
	traces, err := g.traces(libcni.AttachmentKey{})
	pending, pendingErr := g.cni.Pending(libcni.AttachmentKey{})
	for _, t := range traces {
		switch {
		case t.running || g.isValid(t):
			g.live = append(g.live, t.AttachmentKey)
		case g.disabled(t.Network):
			g.stays[t.ContainerID] = true
		default:
			g.stale = append(g.stale, t.leftover())
		}
	}
	for _, p := range pending {
		if !p.Running || slices.Contains(g.live, p.AttachmentKey) {
			continue
		}
		// Begun meanwhile by somebody who does not know of podnet's locks.
		g.live = append(g.live, p.AttachmentKey)
		g.stale = slices.DeleteFunc(g.stale, func(l Leftover) bool { return l.AttachmentKey == p.AttachmentKey })
	}
	for _, k := range g.live {
		g.stays[k.ContainerID] = true
	}
	if err == nil {
		err = pendingErr
	}
	if err != nil {
		g.blind = true
		return &Error{Op: "gc", Err: err}
	}
	return nil
}

func (g *collection) isValid(t *trace) bool {
	if g.valid[types.GCAttachment{ContainerID: t.ContainerID, IfName: t.IfName}] {
		return true
	}
	// Nobody was told of the loopback interface who could name it.
	loopback := t.IfName == loopbackName && !g.opts.NoLoopback && g.named[t.ContainerID]
	return t.recorded && (loopback || g.valid[types.GCAttachment{ContainerID: t.ContainerID}])
}

func (g *collection) wholeContainers() bool {
	return slices.ContainsFunc(g.args.Valid, func(v types.GCAttachment) bool { return v.IfName == "" })
}

func (g *collection) disabled(network string) bool {
	return slices.ContainsFunc(g.config.Networks, func(n *libcni.NetworkFile) bool {
		return n.Name == network && n.DisableGC
	})
}

// detach runs DEL for what is stale: of one container the last attachment first,
// of several containers at a time.
func (g *collection) detach(ctx context.Context) error {
	byContainer := map[string][]*Leftover{}
	for i := range g.stale {
		l := &g.stale[i]
		byContainer[l.ContainerID] = append(byContainer[l.ContainerID], l)
	}
	ids := make([]string, 0, len(byContainer))
	for id := range byContainer {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var mu sync.Mutex
	var errs []error
	parallel(ids, func(id string) {
		clean := !g.blind && !g.stays[id]
		for _, l := range byContainer[id] {
			var err error
			if l.GivenUp, err = g.del(ctx, l.AttachmentKey, g.opts.Timeouts.Del); err == nil {
				continue
			}
			clean = false
			l.Err = &Error{Op: "gc", ContainerID: id, Network: l.Network, IfName: l.IfName, Path: l.Path, Err: err}
			mu.Lock()
			g.live = append(g.live, l.AttachmentKey)
			errs = append(errs, l.Err)
			mu.Unlock()
		}
		if clean {
			g.journals.forget(id)
		}
	})
	return join(errs...)
}

// plugins runs GC on the plugins of each network.
func (g *collection) plugins(ctx context.Context) error {
	var mu sync.Mutex
	var errs []error
	parallel(g.config.Networks, func(n *libcni.NetworkFile) {
		if !n.Supports("GC") {
			return
		}
		ctx, cancel := bounded(ctx, g.opts.Timeouts.GC)
		defer cancel()
		err := g.cni.GCNetworkList(ctx, n.NetworkConfigList, &libcni.GCArgs{ValidAttachments: g.validIn(n.Name)})
		if err != nil {
			mu.Lock()
			errs = append(errs, &Error{Op: "gc", Network: n.Name, Err: err})
			mu.Unlock()
		}
	})
	return join(errs...)
}

// validIn returns the valid attachments to a network: those on record, and those
// that the caller knows and no record does.
func (g *collection) validIn(network string) []types.GCAttachment {
	valid := []types.GCAttachment{}
	known := map[types.GCAttachment]bool{} // here or in another network
	for _, k := range g.live {
		a := types.GCAttachment{ContainerID: k.ContainerID, IfName: k.IfName}
		known[a] = true
		if k.Network == network {
			valid = append(valid, a)
		}
	}
	for _, a := range g.args.Valid {
		if a.IfName != "" && !known[a] {
			known[a] = true
			valid = append(valid, a)
		}
	}
	return valid
}
