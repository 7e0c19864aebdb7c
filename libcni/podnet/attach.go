package podnet

import (
	"context"
	"errors"
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
// call whose plugins hang returns so much later. What an earlier call on the container
// has left undone is finished first; if it cannot be, nothing is attached.
//
// Errors: an [*Error], in which errors.Is finds [libcni.ErrAlreadyAttached] for a
// network that the container is attached to and for which no interface name is
// given; [ErrInterfaceInUse]; and, of the networks, the errors of
// [libcni.CNIConfig.AddNetworkList] and [libcni.ConfSet.Get]. What could not be
// undone is joined to it, stays on record, and is tried again by the next operation
// on the container and by Recover.
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
	taken, err := m.taken(ctx, h)
	if err != nil {
		return nil, err
	}
	h.finished = true // until something is begun
	config := m.Config()
	wishes, err := m.wishes(config, pod, taken)
	if err != nil {
		return nil, err
	}
	lo := 0
	if !m.opts.NoLoopback && !slices.ContainsFunc(taken, func(k key) bool { return k.IfName == loopbackName }) {
		list, err := config.loopback()
		if err != nil {
			return nil, err
		}
		wishes = slices.Insert(wishes, 0, &wish{key: key{Network: list.Name, IfName: loopbackName}, list: list})
		lo = 1
	}
	attachments, err := m.fulfil(ctx, h, pod, args, wishes)
	if err != nil {
		return nil, err
	}
	return attachments[lo:], nil
}

// taken returns the container's attachments, after finishing what an earlier
// operation on it has left.
func (m *Manager) taken(ctx context.Context, h *hold) ([]key, error) {
	traces, err := m.traces(libcni.AttachmentKey{ContainerID: h.id})
	if err != nil {
		return nil, err // what it has cannot be known
	}
	finished, err := m.finish(ctx, h, traces)
	if err != nil {
		return nil, err
	}
	var taken []key
	for _, t := range traces {
		gone := slices.ContainsFunc(finished, func(l Leftover) bool { return l.AttachmentKey == t.AttachmentKey })
		if !gone {
			taken = append(taken, keyOf(t.AttachmentKey))
		}
	}
	return taken, nil
}

// fulfil attaches all or nothing.
func (m *Manager) fulfil(ctx context.Context, h *hold, pod *Pod, args types.Args, wishes []*wish) ([]*Attachment, error) {
	begun := entry{Operation: attaching}
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
		undone := m.undo(ctx, pod.ID, begun.Attachments[:i+1])
		h.finished = undone == nil
		return nil, join(err, undone)
	}
	h.finished = true
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
// network's plugins made, libcni has undone by now if it could; what is on disk
// says what is left.
func (m *Manager) undo(ctx context.Context, id string, made []key) error {
	ctx = context.WithoutCancel(ctx)
	var errs []error
	for _, k := range slices.Backward(made) {
		known, err := m.known(k.of(id))
		if err == nil && known {
			err = m.del(ctx, k.of(id), m.opts.Timeouts.rollback())
		}
		if err != nil {
			errs = append(errs, &Error{Op: "rollback", ContainerID: id, Network: k.Network, IfName: k.IfName, Err: err})
		}
	}
	return join(errs...)
}
