package podnet_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/types"
)

func (m *model) operation(id string) *operation {
	c := m.containers[id]
	switch kind := m.rand.IntN(20); {
	case kind < 12 && !c.stale:
		return m.attachOp(id, c)
	case kind == 12:
		return m.forgetOp(id, c)
	}
	op := &operation{kind: "detach", name: "detach " + id}
	var networks []string
	if m.rand.IntN(2) == 0 && !c.stale {
		networks = []string{"a", "b"}[:1+m.rand.IntN(2)]
		op.name += fmt.Sprint(networks)
	}
	op.do = func(ctx context.Context, manager *podnet.Manager) error { return manager.Detach(ctx, id, networks...) }
	op.then = func(err error, died bool) {
		maps.DeleteFunc(c.valid, func(_, network string) bool {
			return networks == nil || slices.Contains(networks, network)
		})
		switch {
		case died: // completed by now
			if networks == nil {
				c.stale = false
			}
		case err != nil:
			m.expect(op, err)
			c.dirty = true
		case networks == nil:
			c.dirty, c.stale = false, false
		}
	}
	return op
}

// forgetOp gives a container up. What its plugins could not detach, the operator then
// cleans up by hand.
func (m *model) forgetOp(id string, c *container) *operation {
	op := &operation{kind: "forget", name: "forget " + id}
	var left []podnet.Leftover
	op.do = func(ctx context.Context, manager *podnet.Manager) (err error) {
		left, err = manager.Forget(ctx, id)
		return err
	}
	op.then = func(err error, died bool) {
		require.NoError(m, err)
		_, onDisk := m.onDisk()
		maps.DeleteFunc(m.made, func(k made, _ string) bool {
			return k.id == id && !onDisk[libcni.AttachmentKey{Network: k.network, ContainerID: id, IfName: k.ifname}]
		})
		for _, l := range left {
			if l.Err != nil {
				m.expect(op, l.Err)
				m.counts["forgotten"]++
			}
		}
		clear(c.valid)
		c.dirty, c.stale = c.dirty && died, false
	}
	return op
}

func (m *model) checkOp(id string) *operation {
	return &operation{
		kind: "check", name: "check " + id,
		do:   func(ctx context.Context, manager *podnet.Manager) error { return manager.Check(ctx, id) },
		then: func(error, bool) {},
	}
}

func (m *model) attachOp(id string, c *container) *operation {
	p := podnet.Pod{ID: id, NetNS: "/proc/self/ns/net"}
	for _, network := range []string{"a", "b", "c"} {
		has := slices.Contains(slices.Collect(maps.Values(c.valid)), network)
		if !has && m.rand.IntN(2) == 0 {
			p.Networks = append(p.Networks, podnet.Network{Name: network})
		}
	}
	if len(p.Networks) == 0 { // one more interface in the same network
		p.Networks = []podnet.Network{{Name: "a", IfName: fmt.Sprintf("net%d", m.rand.IntN(1000000))}}
	}
	op := &operation{kind: "attach", name: "attach " + id}
	if len(c.valid) > 0 {
		op.kind = "attach more"
	}
	for _, network := range p.Networks {
		op.name += " " + network.Name + "/" + network.IfName
	}
	var made []*podnet.Attachment
	op.do = func(ctx context.Context, manager *podnet.Manager) (err error) {
		made, err = manager.Attach(ctx, p)
		return err
	}
	op.then = func(err error, died bool) {
		switch {
		case died: // undone by now
		case err != nil:
			m.expect(op, err)
			c.dirty = c.dirty || m.failed[op.name]
		default:
			// What could not be cleaned up first keeps no other network waiting.
			c.dirty = c.dirty && m.failed[op.name]
			for _, a := range made {
				c.valid[a.IfName] = a.Network
			}
		}
	}
	return op
}

// gc declares victims dead, that many of the idle containers and those that only GC
// can clean up. Of the other idle ones it may name the interfaces that are valid, and
// of those leave some out; the others may be attached to more at this moment.
func (m *model) gc(idle []string, victims int) *operation {
	op := &operation{kind: "gc", name: "gc", several: true}
	args := podnet.GCArgs{Valid: []types.GCAttachment{}}
	gone := map[string][]string{} // interfaces by container
	var whole []string
	for id, c := range m.containers {
		i := slices.Index(idle, id)
		switch {
		case c.stale || i >= 0 && i < victims:
			whole = append(whole, id)
			gone[id] = slices.Collect(maps.Keys(c.valid))
			op.name += " " + id
		case i >= 0 && m.rand.IntN(2) == 0:
			op.kind = "gc by interface"
			gone[id] = []string{}
			for _, ifname := range slices.Sorted(maps.Keys(c.valid)) {
				if m.rand.IntN(4) == 0 {
					gone[id] = append(gone[id], ifname)
					op.name += " " + id + "/" + ifname
				} else {
					args.Valid = append(args.Valid, types.GCAttachment{ContainerID: id, IfName: ifname})
				}
			}
		default:
			args.Valid = append(args.Valid, types.GCAttachment{ContainerID: id})
		}
	}
	op.do = func(ctx context.Context, manager *podnet.Manager) error {
		_, err := manager.GC(ctx, args)
		return err
	}
	op.then = func(err error, died bool) {
		if err != nil && !died {
			m.expect(op, err)
		}
		failed := died || err != nil
		for id, ifnames := range gone {
			c := m.containers[id]
			for _, ifname := range ifnames {
				delete(c.valid, ifname)
			}
			if failed {
				c.stale = c.stale || slices.Contains(whole, id) || len(ifnames) > 0
			} else {
				c.dirty, c.stale = false, false
			}
		}
	}
	return op
}

func (m *model) recover() *operation {
	op := &operation{kind: "recover", name: "recover", several: true}
	op.do = func(ctx context.Context, manager *podnet.Manager) error {
		_, err := manager.Recover(ctx)
		return err
	}
	op.then = func(err error, died bool) {
		if err != nil && !died {
			m.expect(op, err)
		}
		// What others have left in this very step it may have missed: dirty stays.
	}
	return op
}

// reload takes network c away or brings it back. The other process notices by itself.
func (m *model) reload() *operation {
	file := filepath.Join(m.opts.ConfDir, "02-c.conflist")
	return &operation{
		kind: "reload", name: "reload",
		do: func(ctx context.Context, manager *podnet.Manager) error {
			if os.Remove(file) != nil {
				m.configure(2, "c", "")
			}
			_, err := manager.Reload(ctx)
			return err
		},
		then: func(err error, died bool) { require.NoError(m, err) },
	}
}
