package podnet

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/cnikit/cnikit/libcni"
)

// Check asks the plugins whether the container's attachments are as ADD left them,
// with the configuration and arguments of ADD: those to the named networks, without
// names all (SPEC.md, section 3, "Checking an attachment"). Attachments to a network
// whose version has no CHECK, or that disables it, pass.
//
// It goes on after an error and returns all of them, joined, each an [*Error] with
// one of [libcni.CNIConfig.CheckNetworkList]; errors.Is finds [libcni.ErrNoRecord] if
// there is no attachment to check, and [ErrUnfinished] for one that an earlier
// operation should have detached.
func (m *Manager) Check(ctx context.Context, containerID string, networks ...string) error {
	fail := func(err error) error { return &Error{Op: "check", ContainerID: containerID, Err: err} }
	h, err := m.hold(ctx, containerID, false, false)
	if err != nil {
		return fail(err)
	}
	defer h.release()
	records, err := m.cni.Attachments(libcni.AttachmentKey{ContainerID: containerID})
	var errs []error
	if err != nil {
		damaged, rest := m.damaged(h.id, networks, err)
		for _, d := range damaged {
			errs = append(errs, d.fault("check"))
		}
		if rest != nil {
			errs = append(errs, fail(rest))
		}
	}
	named := func(k key) bool { return len(networks) == 0 || slices.Contains(networks, k.Network) }
	left, err := m.leftOf(h)
	if err != nil {
		errs = append(errs, fail(err))
	}
	for _, k := range left {
		if named(k) {
			errs = append(errs, &Error{Op: "check", ContainerID: containerID, Network: k.Network, IfName: k.IfName, Err: ErrUnfinished})
		}
	}
	checked := false
	for _, r := range records {
		if k := keyOf(r.AttachmentKey); !named(k) || slices.Contains(left, k) {
			continue
		}
		checked = true
		if err := m.check(ctx, r); err != nil {
			errs = append(errs, &Error{Op: "check", ContainerID: containerID, Network: r.Network, IfName: r.IfName, Err: err})
		}
	}
	if !checked && len(errs) == 0 {
		return fail(libcni.ErrNoRecord)
	}
	return join(errs...)
}

// leftOf returns what an earlier operation has left and is still there.
func (m *Manager) leftOf(h *hold) ([]key, error) { return m.there(h.id, h.left()) }

// there returns those of the container's attachments of which something is on disk.
func (m *Manager) there(id string, keys []key) ([]key, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	traces, err := m.traces(libcni.AttachmentKey{ContainerID: id})
	there := keysOf(traces)
	return slices.DeleteFunc(slices.Clone(keys), func(k key) bool { return !slices.Contains(there, k) }), err
}

func (m *Manager) check(ctx context.Context, r *libcni.Attachment) error {
	ctx, cancel := bounded(ctx, m.opts.Timeouts.Check)
	defer cancel()
	rt := &libcni.RuntimeConf{
		ContainerID: r.ContainerID, NetNS: r.NetNS, IfName: r.IfName, Args: r.Args, CapabilityArgs: r.CapabilityArgs,
	}
	var form struct {
		Plugins json.RawMessage `json:"plugins"`
	}
	err := json.Unmarshal(r.Config, &form)
	if err == nil && form.Plugins == nil {
		plugin, err := libcni.NetworkPluginConfFromBytes(r.Config)
		if err == nil {
			err = m.cni.CheckNetwork(ctx, plugin, rt)
		}
		if errors.Is(err, libcni.ErrorCheckNotSupp) {
			return nil
		}
		return err
	}
	list, err := libcni.NetworkConfFromBytes(r.Config)
	if err != nil {
		return &libcni.RecordError{Path: r.Path, Err: err}
	}
	if !list.Supports("CHECK") {
		return nil
	}
	return m.cni.CheckNetworkList(ctx, list, rt)
}
