package podnet

import (
	"context"
	"log/slog"
	"slices"

	"github.com/cnikit/cnikit/libcni"
)

// Forget gives up what cannot be detached, such as an attachment whose plugin fails
// every DEL: it detaches as [Manager.Detach] does, and then removes what is on disk
// about the attachments, whether or not their plugins have succeeded. With names it
// is for those networks alone.
//
// It returns the attachments concerned, and logs those that it gives up. One with an
// error may have left behind what the plugins made for it, an address, an interface, a
// port; nothing on disk tells of it any more. For the plugins it is no valid attachment
// from now on, and those that know GC clean up after it when [Manager.GC] runs.
//
// DEL is run for a damaged record too, with the network's configuration: without the
// capability arguments of ADD and, if the container's other records do not tell it,
// without the network namespace. So addresses are freed; what may be left is in the
// error.
//
// What ctx does not leave the time for stays, as after a Detach that failed: each DEL
// may take Timeouts.Del. The error joins the context's and what could not be forgotten: a
// file that cannot be removed, a damaged record that no configured network owns, which is
// for the operator to remove.
func (m *Manager) Forget(ctx context.Context, containerID string, networks ...string) ([]Leftover, error) {
	h, err := m.hold(ctx, containerID, false, false)
	if err != nil {
		return nil, &Error{Op: "forget", ContainerID: containerID, Err: err}
	}
	defer h.release()

	var found []Leftover
	traces, err := m.traces(libcni.AttachmentKey{ContainerID: h.id})
	damaged, rest := m.damaged(h.id, networks, err)
	errs := []error{rest}
	traces = slices.DeleteFunc(traces, func(t *trace) bool {
		return len(networks) > 0 && !slices.Contains(networks, t.Network)
	})
	begun := slices.Clone(h.left())
	for _, k := range keysOf(traces) {
		if !slices.Contains(begun, k) {
			begun = append(begun, k)
		}
	}
	if len(traces) > 0 {
		if err := h.write(entry{Operation: detaching, Attachments: begun}); err != nil {
			m.warn("a crash while container "+h.id+" is being given up will not be noticed", err)
		}
	}
	forget := func(l Leftover) {
		if err := ctx.Err(); err != nil && l.Err != nil {
			errs = append(errs, l.Err)
			return
		}
		if l.Err != nil {
			if err := m.cni.ForgetAttachment(l.AttachmentKey); err != nil {
				errs = append(errs, &Error{Op: "forget", ContainerID: h.id, Network: l.Network, IfName: l.IfName, Err: err})
			}
			m.log(slog.LevelWarn, "podnet: an attachment is given up, what its plugins made may be left", l)
		}
		found = append(found, l)
	}
	for _, d := range damaged {
		forget(Leftover{AttachmentKey: d.AttachmentKey, Recorded: true, Path: d.err.Path, Err: m.detachDamaged(ctx, "forget", d, true)})
	}
	for _, t := range traces {
		forget(m.detachTrace(ctx, "forget", t))
	}
	left, err := m.there(h.id, begun)
	if err != nil {
		left = begun
	}
	h.end(detaching, left)
	return found, about("forget", h.id, join(errs...))
}
