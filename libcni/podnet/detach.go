package podnet

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cnikit/cnikit/internal/joined"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

// Detach detaches a container from the named networks, without names from all and
// from its loopback interface. It works from the records, with the configuration
// and arguments of ADD, the last attachment first. What failed Attaches have left
// is cleaned up as well. To detach what is not attached succeeds.
//
// It goes on after an error and returns all of them, joined, as [*Error]s with those
// of [libcni.CNIConfig.DelAttachment]. What could not be detached stays on record:
// call Detach again. Of a damaged record the arguments of ADD are lost: it is
// detached with the network's configuration and the network namespace of the
// container's other records, and an error says what may be left; where no other
// record tells the namespace it stays, and the error says what to do.
func (m *Manager) Detach(ctx context.Context, containerID string, networks ...string) error {
	h, err := m.hold(ctx, containerID, false, false)
	if err != nil {
		return &Error{Op: "detach", ContainerID: containerID, Err: err}
	}
	defer h.release()
	return m.detach(ctx, h, networks)
}

func (m *Manager) detach(ctx context.Context, h *hold, networks []string) error {
	traces, err := m.traces(libcni.AttachmentKey{ContainerID: h.id})
	left := h.left().Attachments
	var keys []key
	for _, t := range traces {
		k := keyOf(t.AttachmentKey)
		if len(networks) == 0 || slices.Contains(networks, k.Network) || slices.Contains(left, k) {
			keys = append(keys, k)
		}
	}
	var errs []error
	if err != nil {
		for _, err := range joined.List(m.detachDamaged(ctx, h.id, networks, err)) {
			var named *Error
			if !errors.As(err, &named) {
				err = &Error{Op: "detach", ContainerID: h.id, Err: err}
			}
			errs = append(errs, err)
		}
	}
	if len(keys) > 0 {
		if err := h.write(entry{Operation: detaching, Attachments: keys}); err != nil {
			m.warn("a crash while container "+h.id+" is being detached will not be noticed", err)
		}
	}
	for _, k := range keys {
		if err := m.del(ctx, k.of(h.id), m.opts.Timeouts.Del); err != nil {
			errs = append(errs, &Error{Op: "detach", ContainerID: h.id, Network: k.Network, IfName: k.IfName, Err: err})
		}
	}
	err = join(errs...)
	h.finished = err == nil
	return err
}

// trace is an attachment of which something is on disk.
type trace struct {
	libcni.AttachmentKey
	time     time.Time
	recorded bool
	// intent says that there is one of an ADD that nobody works on.
	intent bool
}

// traces returns the attachments that match and of which something is on disk, a
// record or the intent of an ADD that nobody works on, the last one first. The
// error is about what cannot be read.
func (m *Manager) traces(match libcni.AttachmentKey) ([]*trace, error) {
	// Intents first: one that becomes a record in between is then seen as both.
	pending, pendingErr := m.cni.Pending(match)
	records, err := m.cni.Attachments(match)
	var traces []*trace
	byKey := map[libcni.AttachmentKey]*trace{}
	for _, r := range records {
		t := &trace{AttachmentKey: r.AttachmentKey, time: r.Created, recorded: true}
		traces = append(traces, t)
		byKey[r.AttachmentKey] = t
	}
	for _, p := range pending {
		t := byKey[p.AttachmentKey]
		switch {
		case p.Running:
			continue
		case t == nil:
			t = &trace{AttachmentKey: p.AttachmentKey, time: p.Started}
			traces = append(traces, t)
			byKey[p.AttachmentKey] = t
		}
		t.intent = true
	}
	slices.SortStableFunc(traces, func(a, b *trace) int { return b.time.Compare(a.time) })
	return traces, join(pendingErr, err)
}

// errUnknownNetNS says why an attachment with a damaged record stays as it is.
var errUnknownNetNS = errors.New("the record is damaged, and no other one of the container tells the network namespace, without which plugins would leave the interface behind; to do: run libcni's DelNetworkList with the namespace and the capability arguments")

// errUnknownArgs says what may be left of an attachment whose record was damaged.
var errUnknownArgs = errors.New("detached, but its record was damaged: plugins did not get the capability arguments of ADD, and what those asked for, such as port mappings, may be left")

// detachDamaged detaches, of the records that cannot be read, those whose name says
// that they are of the container and of a configured network, with that network's
// configuration and the network namespace of the container's other records. It
// returns what is wrong with the others, and what could not be done for these.
func (m *Manager) detachDamaged(ctx context.Context, id string, networks []string, err error) error {
	var errs []error
	netns := m.netnsOf(id)
	for _, err := range joined.List(err) {
		var damaged *libcni.RecordError
		if !errors.As(err, &damaged) {
			errs = append(errs, err)
			continue
		}
		list, ifname := m.named(id, filepath.Base(damaged.Path))
		switch {
		case list == nil:
			errs = append(errs, err)
		case len(networks) > 0 && !slices.Contains(networks, list.Name):
		case netns == "":
			errs = append(errs, err, &Error{Op: "detach", ContainerID: id, Network: list.Name, IfName: ifname, Err: errUnknownNetNS})
		default:
			m.warn("detaching with the network's configuration and without the arguments of ADD, the record is damaged", err)
			ctx, cancel := bounded(ctx, m.opts.Timeouts.Del)
			err := m.cni.DelNetworkList(ctx, list, &libcni.RuntimeConf{ContainerID: id, IfName: ifname, NetNS: netns})
			cancel()
			if err == nil && takesArguments(list) {
				err = errUnknownArgs
			}
			if err != nil {
				errs = append(errs, &Error{Op: "detach", ContainerID: id, Network: list.Name, IfName: ifname, Err: err})
			}
		}
	}
	return join(errs...)
}

// netnsOf returns the network namespace of a container as its records and intents
// tell it; empty if none does.
func (m *Manager) netnsOf(id string) string {
	records, _ := m.cni.Attachments(libcni.AttachmentKey{ContainerID: id})
	for _, r := range records {
		if r.NetNS != "" {
			return r.NetNS
		}
	}
	pending, _ := m.cni.Pending(libcni.AttachmentKey{ContainerID: id})
	for _, p := range pending {
		if p.NetNS != "" {
			return p.NetNS
		}
	}
	return ""
}

// takesArguments reports whether a plugin of the list takes capability arguments.
func takesArguments(list *libcni.NetworkConfigList) bool {
	return slices.ContainsFunc(list.Plugins, func(p *libcni.PluginConfig) bool {
		for _, declared := range p.Network.Capabilities {
			if declared {
				return true
			}
		}
		return false
	})
}

// named returns the configured network that a record's name begins with, and the
// interface that it ends with; nil if it is not of the container.
func (m *Manager) named(id, name string) (*libcni.NetworkConfigList, string) {
	for _, n := range m.Config().Networks {
		ifname, ok := strings.CutPrefix(name, n.Name+"-"+id+"-")
		if ok && types.ValidateInterfaceName(ifname) == nil {
			return n.NetworkConfigList, ifname
		}
	}
	return nil, ""
}
