package podnet

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

// Attach attaches a container to networks, one after the other in the order of
// pod.Networks, and returns the attachments in this order. A container that runs
// may be attached to more networks. Before the first one its loopback interface is
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
// Errors: an [*Error], in which errors.Is finds [libcni.ErrAlreadyAttached] for a
// network that the container is attached to and for which no interface name is
// given; [ErrInterfaceInUse]; [ErrUnfinished], joined to why DEL fails; and, of the
// networks, the errors of [libcni.CNIConfig.AddNetworkList] and
// [libcni.ConfSet.Get]. What could not be undone is joined to it, stays on record,
// and is tried again by the next operation on the container and by Recover.
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
	args, err := pod.cniArgs()
	if err != nil {
		return nil, err
	}
	h, err := m.hold(ctx, pod.ID, true, false)
	if err != nil {
		return nil, err
	}
	defer h.release()
	taken, stuck, err := m.taken(ctx, h)
	if err != nil {
		return nil, err
	}
	h.finished = len(stuck) == 0 // until something is begun
	config := m.Config()
	wishes, err := m.wishes(config, pod, taken, stuck)
	if err != nil {
		return nil, err
	}
	lo := 0
	if !m.opts.NoLoopback && !slices.ContainsFunc(taken, func(k key) bool { return k.IfName == loopbackName }) {
		list, err := config.loopback()
		if err != nil {
			return nil, err
		}
		if err := unfinished(stuck, key{Network: list.Name, IfName: loopbackName}); err != nil {
			return nil, err
		}
		wishes = slices.Insert(wishes, 0, &wish{key: key{Network: list.Name, IfName: loopbackName}, list: list})
		lo = 1
	}
	attachments, err := m.fulfil(ctx, h, pod, args, wishes, stuck)
	if err != nil {
		return nil, err
	}
	for _, l := range stuck {
		m.report(l)
	}
	return attachments[lo:], nil
}

// taken returns the container's attachments, after finishing what an earlier
// operation on it has left, and what of that could not be finished.
func (m *Manager) taken(ctx context.Context, h *hold) (taken []key, stuck []Leftover, err error) {
	traces, err := m.settled(ctx, h.id)
	if err != nil {
		return nil, nil, err // what it has cannot be known
	}
	found := m.finish(ctx, h, traces)
	for _, t := range traces {
		left := slices.ContainsFunc(found, func(l Leftover) bool { return l.AttachmentKey == t.AttachmentKey })
		if !left {
			taken = append(taken, keyOf(t.AttachmentKey))
		}
	}
	for _, l := range found {
		if l.Err != nil {
			stuck = append(stuck, l)
		}
	}
	if ctx.Err() != nil {
		return nil, nil, join(&Error{Op: "attach", ContainerID: h.id, Err: context.Cause(ctx)}, errorsOf(stuck))
	}
	return taken, stuck, nil
}

// unfinished returns an error if the attachment cannot be made because of one that
// an earlier operation has left: to the same network, where no interface is named,
// or behind the same interface.
func unfinished(stuck []Leftover, k key) error {
	for _, l := range stuck {
		if k.IfName == l.IfName || k.IfName == "" && k.Network == l.Network {
			err := fmt.Errorf("%w: DEL runs with the configuration that was recorded, not with today's; to do: mend what fails, or give up with Forget", ErrUnfinished)
			if errors.Is(l.Err, libcni.ErrAddRunning) {
				err = fmt.Errorf("%w: it has left a plugin that is at work; to do: try again when it has ended, or end it (fuser -v says which process has %s open)", ErrUnfinished, l.Path)
			}
			return &Error{Op: "attach", ContainerID: l.ContainerID, Network: k.Network, IfName: k.IfName, Err: join(err, l.Err)}
		}
	}
	return nil
}

// fulfil attaches all or nothing.
func (m *Manager) fulfil(ctx context.Context, h *hold, pod *Pod, args types.Args, wishes []*wish, stuck []Leftover) ([]*Attachment, error) {
	var left []key
	for _, l := range stuck {
		left = append(left, keyOf(l.AttachmentKey))
	}
	begun := entry{Operation: attaching, Attachments: slices.Clone(left)}
	for _, w := range wishes {
		begun.Attachments = append(begun.Attachments, w.key)
	}
	if err := h.write(begun); err != nil {
		return nil, err
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
	if h.finished = len(left) == 0; h.finished {
		return attachments, nil
	}
	if err := h.write(entry{Operation: attaching, Attachments: left}); err != nil {
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
		return nil, err
	}
	return &Attachment{
		AttachmentKey: w.of(pod.ID), NetNS: pod.NetNS, ResultView: *view,
	}, nil
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
				err = m.del(ctx, k, m.opts.Timeouts.rollback())
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
