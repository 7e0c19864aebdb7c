package podnet

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

// Attachment is one attachment of a container to a network, and what the plugins
// said about it.
type Attachment struct {
	libcni.AttachmentKey
	// NetNS is the network namespace that it was made in.
	NetNS string
	types.ResultView
}

// String returns the attachment and its addresses.
func (a *Attachment) String() string {
	return fmt.Sprint(a.AttachmentKey, " ", a.IPs(types.IPv4First))
}

// Attachments returns the attachments of a container from the records, in the
// order in which they were made; of all containers if containerID is empty. That
// of the loopback interface is among them. It waits for nobody, so attachments
// that are being made or undone may be among them or not.
//
// The error joins what cannot be read ([*libcni.RecordError]); the others are
// returned all the same.
func (m *Manager) Attachments(containerID string) ([]*Attachment, error) {
	records, err := m.cni.Attachments(libcni.AttachmentKey{ContainerID: containerID})
	errs := []error{adviseOfLoopback(err)}
	attachments := make([]*Attachment, 0, len(records))
	for _, r := range records {
		a, err := attachmentOf(r)
		if err != nil {
			errs = append(errs, &libcni.RecordError{Path: r.Path, Err: err})
			continue
		}
		attachments = append(attachments, a)
	}
	return attachments, join(errs...)
}

func attachmentOf(r *libcni.Attachment) (*Attachment, error) {
	result, err := invoke.DecodeResult(r.Result)
	if err != nil {
		return nil, err
	}
	view, err := types.ViewResult(result)
	if err != nil {
		return nil, err
	}
	return &Attachment{AttachmentKey: r.AttachmentKey, NetNS: r.NetNS, ResultView: *view}, nil
}

// of returns the attachment's key with its container.
func (k key) of(id string) libcni.AttachmentKey {
	return libcni.AttachmentKey{Network: k.Network, ContainerID: id, IfName: k.IfName}
}

func keyOf(k libcni.AttachmentKey) key { return key{Network: k.Network, IfName: k.IfName} }

// known reports whether anything is on disk about the attachment.
func (m *Manager) known(k libcni.AttachmentKey) (bool, error) {
	pending, err := m.cni.Pending(k)
	if len(pending) > 0 || err != nil {
		return len(pending) > 0, err
	}
	records, err := m.cni.Attachments(k)
	return len(records) > 0, err
}

// begun reports whether an ADD of the attachment has failed and not been undone.
func (m *Manager) begun(k libcni.AttachmentKey) (bool, error) {
	pending, err := m.cni.Pending(k)
	return slices.ContainsFunc(pending, func(p *libcni.PendingAttachment) bool { return !p.Running }), err
}

// del detaches one attachment by what is on disk about it. It returns the plugins that
// it went without, and logs them.
func (m *Manager) del(ctx context.Context, k libcni.AttachmentKey, timeout time.Duration) (without []string, err error) {
	ctx, cancel := bounded(ctx, timeout)
	defer cancel()
	var all []givenUp
	if err := m.cleaning.DelAttachment(context.WithValue(ctx, givenUpKey{}, &all), k); err != nil {
		return nil, err
	}
	for _, g := range all {
		without = append(without, g.plugin)
		m.opts.Logger.Warn("podnet: given up, a plugin is not installed any more: the network namespace is gone, with interfaces and routes, but addresses that the plugin gave and rules that it made may be left",
			"containerID", k.ContainerID, "network", k.Network, "ifname", k.IfName, "plugin", g.plugin, "ipam", g.ipam, "netns", g.netns)
	}
	return without, nil
}
