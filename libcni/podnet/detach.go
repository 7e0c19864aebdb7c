package podnet

import (
	"context"
	"errors"
	"fmt"
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
// and arguments of ADD, the last attachment first (SPEC.md, section 3, "Deleting an
// attachment"). What failed Attaches have left is cleaned up as well. To detach what is
// not attached succeeds.
//
// It goes on after an error and returns all of them, joined, each an [*Error] with
// one of [libcni.CNIConfig.DelAttachment]. With names, what else an earlier operation
// has left and cannot be cleaned up now is logged and no error. What could not be
// detached stays on record: call Detach again, or give it up with [Manager.Forget].
// That is so too while a plugin of an Attach whose process was killed is at work: it
// is waited for, ten seconds at most, then DEL runs beside it, and the error has
// [libcni.ErrAddRunning].
//
// A plugin that is not installed any more is an error, [invoke.ErrPluginNotFound], as
// long as there is something that only it can remove; see the package documentation,
// "Already gone".
//
// Of a damaged record the arguments of ADD are lost: it is detached with the
// network's configuration and the network namespace of the container's other records,
// and an error says what may be left, and the command that removes it; where no other
// record tells the namespace it stays, unless it is of the loopback interface alone, and
// Forget detaches it without.
func (m *Manager) Detach(ctx context.Context, containerID string, networks ...string) error {
	h, err := m.hold(ctx, containerID, false, false)
	if err != nil {
		return &Error{Op: "detach", ContainerID: containerID, Err: err}
	}
	defer h.release()

	traces, err := m.traces(libcni.AttachmentKey{ContainerID: h.id})
	errs := []error{err}
	if err != nil {
		damaged, rest := m.damaged(h.id, networks, err)
		errs = []error{rest}
		for _, d := range damaged {
			// Its text alone: what it advises is being done.
			m.warn("detaching with the network's configuration and without the arguments of ADD, the record is damaged", &saying{d.err.Error(), d.err})
			errs = append(errs, m.detachDamaged(ctx, "detach", d, false))
		}
	}
	named := func(t *trace) bool { return len(networks) == 0 || slices.Contains(networks, t.Network) }
	traces = slices.DeleteFunc(traces, func(t *trace) bool {
		return !named(t) && !slices.Contains(h.left(), keyOf(t.AttachmentKey))
	})
	left := h.unseen(traces, join(errs...))
	if len(traces) > 0 {
		if err := h.write(entry{Operation: detaching, Attachments: append(slices.Clone(left), keysOf(traces)...)}); err != nil {
			m.warn("a crash while container "+h.id+" is being detached will not be noticed", err)
		}
	}
	for _, t := range traces {
		l := m.detachTrace(ctx, "detach", t)
		switch {
		case l.Err == nil:
			continue
		case named(t):
			errs = append(errs, l.Err)
		default:
			m.report(l)
		}
		left = append(left, keyOf(t.AttachmentKey))
	}
	h.end(detaching, left)
	return about("detach", h.id, join(errs...))
}

// trace is an attachment of which something is on disk.
type trace struct {
	libcni.AttachmentKey
	time     time.Time
	path     string
	recorded bool
	// running says that an ADD that is not on record is still under way. While this
	// operation has the container, that is a plugin of a process that was killed, or
	// somebody who does not know of podnet's locks.
	running bool
}

// traces returns the attachments that match and of which something is on disk, a
// record or an intent, the last one first. The error is about what cannot be read.
func (m *Manager) traces(match libcni.AttachmentKey) ([]*trace, error) {
	// Intents first: one that becomes a record in between is then seen as both.
	pending, pendingErr := m.cni.Pending(match)
	records, err := m.cni.Attachments(match)
	var traces []*trace
	byKey := map[libcni.AttachmentKey]*trace{}
	for _, r := range records {
		t := &trace{AttachmentKey: r.AttachmentKey, time: r.Created, path: r.Path, recorded: true}
		traces = append(traces, t)
		byKey[r.AttachmentKey] = t
	}
	for _, p := range pending {
		t := byKey[p.AttachmentKey]
		if t == nil {
			t = &trace{AttachmentKey: p.AttachmentKey, time: p.Started, path: p.Path}
			traces = append(traces, t)
			byKey[p.AttachmentKey] = t
		}
		if p.Running && !t.recorded {
			t.running, t.path = true, p.Path
		}
	}
	slices.SortStableFunc(traces, func(a, b *trace) int { return b.time.Compare(a.time) })
	return traces, join(pendingErr, adviseOfLoopback(err))
}

// settled is traces for one container, once no ADD is under way any more or has been
// waited for long enough: as long as a DEL waits for it, at most half of the time that
// ctx has left.
func (m *Manager) settled(ctx context.Context, id string) ([]*trace, error) {
	match := libcni.AttachmentKey{ContainerID: id}
	running := func(t *trace) bool { return t.running }
	traces, err := m.traces(match)
	if !slices.ContainsFunc(traces, running) {
		return traces, err
	}
	patience := m.patience(ctx)
	for _, t := range traces {
		if t.running {
			m.waits(t, patience)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for wait := (backoff{}); slices.ContainsFunc(traces, running) && wait.sleep(ctx) == nil; {
		traces, err = m.traces(match)
	}
	return traces, err
}

// patience is how long an ADD that is under way is waited for.
func (m *Manager) patience(ctx context.Context) time.Duration {
	patience := m.opts.waitForAdd
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline)/2)
	}
	return patience
}

// endIt says what to do about a plugin that is at work.
const endIt = "wait until it ends, or end it (fuser -v says which process has the file open)"

// waits logs that the caller is about to wait.
func (m *Manager) waits(t *trace, atMost time.Duration) {
	m.opts.Logger.Warn("podnet: waiting for an ADD that is under way, or a plugin of one whose runtime was killed",
		"containerID", t.ContainerID, "network", t.Network, "ifname", t.IfName, "path", t.path,
		"atMost", atMost.Round(time.Millisecond), "toDo", endIt)
}

func keysOf(traces []*trace) []key {
	keys := make([]key, len(traces))
	for i, t := range traces {
		keys[i] = keyOf(t.AttachmentKey)
	}
	return keys
}

// damaged is a record that cannot be read and whose name says whose it is.
type damaged struct {
	libcni.AttachmentKey
	list *libcni.NetworkConfigList
	err  *libcni.RecordError
}

// cause says what is wrong and what to do. Here that is not what the RecordError
// advises, who knows of no Manager; so its words are taken and not its %+v.
func (d *damaged) cause() error {
	if d.Network == "" {
		return fmt.Errorf("%w; to do: no configured network has this record: remove it if its attachment is gone, or configure its network again and call Detach", d.err)
	}
	return fmt.Errorf("%w; to do: call Detach for network %s, or give up with Forget", d.err, d.Network)
}

func (d *damaged) fault(op string) error {
	return &Error{Op: op, ContainerID: d.ContainerID, Network: d.Network, IfName: d.IfName, Err: d.cause()}
}

// damaged finds, of what cannot be read, the records whose name says that they are
// of the container and of a configured network, one of the named networks if any is
// named. It returns what is wrong with the others as well.
func (m *Manager) damaged(id string, networks []string, err error) (mine []*damaged, rest error) {
	var others []error
	for _, err := range joined.List(err) {
		d := &damaged{AttachmentKey: libcni.AttachmentKey{ContainerID: id}}
		if errors.As(err, &d.err) {
			d.list, d.IfName = m.named(id, filepath.Base(d.err.Path))
		}
		switch {
		case d.list == nil:
			others = append(others, err)
		case len(networks) == 0 || slices.Contains(networks, d.list.Name):
			d.Network = d.list.Name
			mine = append(mine, d)
		}
	}
	return mine, join(others...)
}

// unreadable finds, of what cannot be read, what keeps no more of the container from
// others than an interface and perhaps a network. The error is about the rest, of
// which nobody can tell what it means.
func (m *Manager) unreadable(id string, traces []*trace, err error) ([]*damaged, error) {
	found, rest := m.damaged(id, nil, err)
	var fatal []error
	for _, err := range joined.List(rest) {
		d := &damaged{AttachmentKey: libcni.AttachmentKey{ContainerID: id}}
		if !errors.As(err, &d.err) {
			fatal = append(fatal, err)
			continue
		}
		dir, name := filepath.Split(d.err.Path)
		at := strings.LastIndex(name, "-"+id+"-")
		switch filepath.Base(dir) {
		case "results":
			if at < 0 {
				fatal = append(fatal, err)
				continue
			}
			d.IfName = interfaceOf(name[at+len("-"+id+"-"):])
			found = append(found, d)
		case "pending":
			// Either there is a trace of it, or nothing says whose it is.
			if !slices.ContainsFunc(traces, func(t *trace) bool { return t.path == d.err.Path }) {
				m.warn("the file of an ADD cannot be read, nobody can tell of which attachment", err)
			}
		default:
			fatal = append(fatal, err)
		}
	}
	return found, join(fatal...)
}

// detachDamaged detaches an attachment whose record cannot be read, with the
// network's configuration of today and the network namespace of the container's
// other records. Where they tell none, it is done without one if blindly, or if it is
// the loopback interface, which goes with its namespace, or else not at all. The error may be about what is left although it is detached.
func (m *Manager) detachDamaged(ctx context.Context, op string, d *damaged, blindly bool) error {
	fail := func(err error) error {
		return &Error{Op: op, ContainerID: d.ContainerID, Network: d.Network, IfName: d.IfName, Err: err}
	}
	netns := m.netnsOf(d.ContainerID)
	if netns == "" && !blindly && !loopbackOnly(d.list) {
		return fail(fmt.Errorf("%w; no other record of the container tells the network namespace, without which plugins leave the interface behind; to do: DEL with the namespace%s; or give up with Forget, which frees the addresses",
			d.err, m.delByHand(d, netns)))
	}
	ctx, cancel := bounded(context.WithValue(ctx, toldOf{}, d.err.Path), m.opts.Timeouts.Del)
	defer cancel()
	if err := m.cleaning.DelNetworkList(ctx, d.list, &libcni.RuntimeConf{ContainerID: d.ContainerID, IfName: d.IfName, NetNS: netns}); err != nil {
		return fail(err)
	}
	var left []string
	if netns == "" && !loopbackOnly(d.list) {
		left = append(left, "plugins did not get the network namespace, and the interface in it may be left")
	}
	if takesArguments(d.list) {
		left = append(left, "plugins did not get the capability arguments of ADD, and what those asked for, such as port mappings, may be left")
	}
	if left == nil {
		return nil
	}
	return fail(errors.New("detached, but its record was damaged: " + strings.Join(left, "; ") + "; to do, if that is so: DEL once more" + m.delByHand(d, netns)))
}

// toldOf is the key of a context whose caller tells of a damaged record itself.
type toldOf struct{}

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
	of := func(n *libcni.NetworkConfigList) string {
		ifname, ok := strings.CutPrefix(name, n.Name+"-"+id+"-")
		if ifname = interfaceOf(ifname); ok && types.ValidateInterfaceName(ifname) == nil {
			return ifname
		}
		return ""
	}
	config := m.config()
	for _, n := range config.Networks {
		if ifname := of(n.NetworkConfigList); ifname != "" {
			return n.NetworkConfigList, ifname
		}
	}
	if own, err := ownLoopback(); err == nil { // also when a file has another one by now
		if ifname := of(own); ifname != "" {
			return own, ifname
		}
	}
	return nil, ""
}

// interfaceOf returns the interface that a record's name ends with: libcni adds a
// hash where two attachments would have the same name.
func interfaceOf(end string) string {
	if i := strings.LastIndexByte(end, '#'); i >= 0 && len(end)-i == len("#")+2*16 {
		return end[:i]
	}
	return end
}
