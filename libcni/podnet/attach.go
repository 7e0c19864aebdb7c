package podnet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

// Attach attaches a container to networks, one after the other in the order of
// pod.Networks, and returns the attachments in this order (SPEC.md, section 3, "Adding
// an attachment"). A container that runs may be attached to more networks. Before the first one its loopback interface is
// brought up, see [Options.NoLoopback].
//
// If one network fails, all attachments of this call are undone, the last one first
// and the failed one included, each within Timeouts.Del whatever is left of ctx: a
// call whose plugins hang returns so much later, see [Timeouts].
//
// What an earlier call on the container has left undone is finished first. What
// cannot be is logged and stays on record, and its network and the name of its
// interface are not to be had before it is detached, or given up with
// [Manager.Forget]; other networks are attached all the same. (The specification
// forbids a second ADD of one attachment without DEL, section 3, and no more: to
// refuse them would take a network from the container and give nobody an address
// back.)
//
// A damaged record, which may be of an attachment in use, is logged, and keeps its
// network and the name of its interface as well, no more.
//
// The error is an [*Error], in which errors.Is and errors.As find
//
//   - [libcni.ErrAlreadyAttached]: the container is attached to a network for which no
//     interface name is given, or by the interface of that name;
//   - [ErrInterfaceInUse]: another network has the interface name, or, on Linux and unless
//     Options.Exec is set, an interface of that name is in the network namespace that is
//     not on record as the container's; no plugin has run then;
//   - [ErrUnfinished], joined to why DEL fails: see above;
//   - [*libcni.RecordError]: the network's record is damaged;
//   - fs.ErrNotExist, on Linux: there is no such network namespace;
//   - [invoke.ErrPluginNotFound], for all plugins that are not installed, those that
//     give the addresses included, and before any plugin runs;
//   - [*types.CapabilityError], [*types.ArgsError], [*types.Error]: an argument is wrong;
//   - [*CacheDirError], [ErrClosed];
//   - of the networks, the errors of [libcni.CNIConfig.AddNetworkList] and
//     [libcni.ConfSet.Get].
//
// What could not be undone is joined to it, stays on record, and is tried again by the
// next operation on the container and by Recover.
func (m *Manager) Attach(ctx context.Context, pod Pod) ([]*Attachment, error) {
	attachments, err := m.attach(ctx, &pod)
	if err != nil {
		var at *Error
		if !errors.As(err, &at) {
			err = &Error{Op: "attach", ContainerID: pod.ID, Err: err}
		}
		return nil, err
	}
	return attachments, nil
}

func (m *Manager) attach(ctx context.Context, pod *Pod) ([]*Attachment, error) {
	if err := pod.check(); err != nil {
		return nil, err
	}
	if err := m.netnsThere(pod.NetNS); err != nil {
		return nil, err
	}
	args, err := pod.cniArgs()
	if err != nil {
		return nil, err
	}
	h, err := m.hold(ctx, pod.ID, true, false)
	if err != nil {
		return nil, err
	}
	defer h.release()
	has, err := m.standing(ctx, h)
	if err != nil {
		return nil, err
	}
	h.finished = len(has.left) == 0 // until something is begun
	config := m.config()
	wishes, err := m.wishes(config, pod, has)
	if err != nil {
		return nil, err
	}
	lo := 0
	if !m.opts.NoLoopback && !has.loopback() {
		list, err := config.loopback()
		if err != nil {
			return nil, err
		}
		if err := has.blocks(key{Network: list.Name, IfName: loopbackName}); err != nil {
			return nil, err
		}
		wishes = slices.Insert(wishes, 0, &wish{key: key{Network: list.Name, IfName: loopbackName}, list: list})
		lo = 1
	}
	if err := m.installed(config, pod.ID, wishes); err != nil {
		return nil, err
	}
	if err := m.namesFree(pod, wishes); err != nil {
		return nil, err
	}
	attachments, err := m.fulfil(ctx, h, pod, args, wishes, has.left)
	if err != nil {
		return nil, err
	}
	for _, l := range has.stuck {
		m.report(l)
	}
	for _, d := range has.damaged {
		m.warn("a container is attached to more networks although a record of it is damaged", d.fault("attach"))
	}
	return attachments[lo:], nil
}

// netnsThere returns an error if there is nothing at the path of a network namespace.
// Plugins of an Exec of the caller's may see other files.
func (m *Manager) netnsThere(path string) error {
	if !namespacesAreFiles || m.opts.Exec != nil {
		return nil
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return &saying{"network namespace " + path + " does not exist: create it first", err}
	}
	return nil
}

// standing is what a container has when an operation on it begins.
type standing struct {
	id      string
	taken   []key      // its attachments
	stuck   []Leftover // what an earlier operation has left and could not be finished
	damaged []*damaged // what cannot be read: attachments, or what is left of some
	left    []key      // what the container's file must go on to name
}

// standing finishes what an earlier operation on the container has left.
func (m *Manager) standing(ctx context.Context, h *hold) (*standing, error) {
	has := &standing{id: h.id}
	traces, err := m.settled(ctx, h.id)
	if err != nil {
		if has.damaged, err = m.unreadable(h.id, traces, err); err != nil {
			return nil, err // what it has cannot be known
		}
		if len(has.damaged) > 0 {
			has.left = h.unseen(traces, has.damaged[0].err)
		}
	}
	found := m.finish(ctx, h, traces)
	for _, t := range traces {
		left := slices.ContainsFunc(found, func(l Leftover) bool { return l.AttachmentKey == t.AttachmentKey })
		if !left {
			has.taken = append(has.taken, keyOf(t.AttachmentKey))
		}
	}
	for _, l := range found {
		if l.Err != nil {
			has.stuck = append(has.stuck, l)
			has.left = append(has.left, keyOf(l.AttachmentKey))
		}
	}
	if ctx.Err() != nil {
		return nil, join(&Error{Op: "attach", ContainerID: h.id, Err: ended(ctx)}, errorsOf(has.stuck))
	}
	return has, nil
}

// loopback reports whether the loopback interface has been brought up.
func (s *standing) loopback() bool {
	return slices.ContainsFunc(s.taken, func(k key) bool { return k.IfName == loopbackName }) ||
		slices.ContainsFunc(s.damaged, func(d *damaged) bool { return d.IfName == loopbackName })
}

// blocks returns an error if the attachment cannot be made because of one with a
// damaged record, or one that an earlier operation has left: to the same network,
// where no interface is named, or behind the same interface.
func (s *standing) blocks(k key) error {
	same := func(other libcni.AttachmentKey) bool {
		return k.IfName == other.IfName || k.IfName == "" && k.Network == other.Network
	}
	fail := func(err error) error {
		return &Error{Op: "attach", ContainerID: s.id, Network: k.Network, IfName: k.IfName, Err: err}
	}
	for _, d := range s.damaged {
		if same(d.AttachmentKey) {
			return fail(d.cause())
		}
	}
	for _, l := range s.stuck {
		if same(l.AttachmentKey) {
			err := fmt.Errorf("%w: DEL runs with the configuration that was recorded, not with today's; to do: mend what fails, or give up with Forget", ErrUnfinished)
			if errors.Is(l.Err, libcni.ErrAddRunning) {
				err = fmt.Errorf("%w: it has left a plugin that is at work; to do: try again when it has ended, or end it (fuser -v says which process has %s open)", ErrUnfinished, l.Path)
			}
			return fail(join(err, l.Err))
		}
	}
	return nil
}

// installed returns an error that names all plugins of the networks that have no
// executable. Those that the configuration misses may have come since; one that has
// gone since is found out by libcni.
func (m *Manager) installed(config *Config, id string, wishes []*wish) error {
	var errs []error
	for _, w := range wishes {
		if err := m.find(missingOf(w.list, config.Missing)); err != nil {
			errs = append(errs, &Error{Op: "attach", ContainerID: id, Network: w.Network, IfName: w.IfName, Err: err})
		}
	}
	return join(errs...)
}

// fulfil attaches all or nothing. left is what was there before and is to be detached.
func (m *Manager) fulfil(ctx context.Context, h *hold, pod *Pod, args types.Args, wishes []*wish, left []key) ([]*Attachment, error) {
	begun := entry{Operation: attaching, Attachments: slices.Clone(left)}
	for _, w := range wishes {
		begun.Attachments = append(begun.Attachments, w.key)
	}
	if err := h.write(begun); err != nil {
		return nil, beforePlugins(err)
	}
	h.finished = false
	attachments := make([]*Attachment, 0, len(wishes))
	for i, w := range wishes {
		a, err := m.add(ctx, pod, args, w)
		if err == nil {
			attachments = append(attachments, a)
			continue
		}
		err = &Error{Op: "attach", ContainerID: pod.ID, Network: w.Network, IfName: w.IfName, Err: err}
		return nil, join(err, m.undo(ctx, h, wishes[:i+1], left))
	}
	if err := h.done(left); err != nil {
		// The file says that these are to be undone: nobody must use them.
		return nil, join(err, m.undo(ctx, h, wishes, left))
	}
	return attachments, nil
}

// add makes one attachment.
func (m *Manager) add(ctx context.Context, pod *Pod, args types.Args, w *wish) (*Attachment, error) {
	ctx, cancel := bounded(ctx, m.opts.Timeouts.Add)
	defer cancel()
	rt := &libcni.RuntimeConf{
		ContainerID: pod.ID, NetNS: pod.NetNS, IfName: w.IfName, Args: args, CapabilityArgs: w.args,
	}
	result, err := m.cni.AddNetworkList(ctx, w.list, rt)
	w.made = result != nil
	if err != nil {
		return nil, err
	}
	view, err := types.ViewResult(result)
	if err != nil {
		return nil, m.badResult(w, pod.ID, err)
	}
	return &Attachment{
		AttachmentKey: w.of(pod.ID), NetNS: pod.NetNS, ResultView: *view,
	}, nil
}

// badResult is the error about a result that contradicts itself. What ADD returns is the
// last plugin's.
func (m *Manager) badResult(w *wish, id string, err error) error {
	last := w.list.Plugins[len(w.list.Plugins)-1].Network.Type
	path, _ := m.exec.FindInPath(last, m.opts.PluginDirs)
	return &invoke.PluginError{
		Plugin: last, Path: path, Command: "ADD", Network: w.Network, ContainerID: id, IfName: w.IfName, Err: err,
	}
}

// undo detaches what a failed Attach has made, the last one first. What the failed
// network's plugins made, libcni has undone already, or has tried to: its intent is
// there then, and its error has been told. Where there is a record all the same, it is
// of somebody who does not know of podnet's locks. left is what was there before.
func (m *Manager) undo(ctx context.Context, h *hold, wishes []*wish, left []key) error {
	ctx = context.WithoutCancel(ctx)
	var errs []error
	for _, w := range slices.Backward(wishes) {
		k := w.of(h.id)
		var known bool
		var err error
		if w.made {
			if known, err = m.known(k); err == nil && known {
				_, err = m.del(ctx, k, m.opts.Timeouts.rollback())
				known = false
			}
		} else {
			known, err = m.begun(k)
		}
		if err != nil {
			errs = append(errs, &Error{Op: "rollback", ContainerID: h.id, Network: w.Network, IfName: w.IfName, Err: err})
		}
		if known || err != nil {
			left = append(left, w.key)
		}
	}
	h.end(attaching, left)
	return join(errs...)
}
