package podnet_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/types"
)

func (m *model) operation(id string) *operation {
	c := m.containers[id]
	if kind := m.rand.IntN(5); kind < 3 && !c.stale {
		return m.attachOp(id, c)
	}
	op := &operation{name: "detach " + id}
	var networks []string
	if m.rand.IntN(2) == 0 && !c.stale {
		networks = []string{"a", "b"}[:1+m.rand.IntN(2)]
		op.name += fmt.Sprint(networks)
	}
	op.do = func(ctx context.Context) error { return m.Detach(ctx, id, networks...) }
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
	op := &operation{name: "attach " + id + fmt.Sprint(p.Networks)}
	var made []*podnet.Attachment
	op.do = func(ctx context.Context) (err error) {
		made, err = m.Attach(ctx, p)
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

// gc declares the victims dead.
func (m *model) gc(victims []string) *operation {
	args := podnet.GCArgs{Valid: []types.GCAttachment{}}
	for id, c := range m.containers {
		if !slices.Contains(victims, id) && !c.stale {
			args.Valid = append(args.Valid, types.GCAttachment{ContainerID: id})
		} else if !slices.Contains(victims, id) {
			victims = append(victims, id)
		}
	}
	op := &operation{name: fmt.Sprint("gc", victims), victim: "all"}
	op.do = func(ctx context.Context) error {
		_, err := m.GC(ctx, args)
		return err
	}
	op.then = func(err error, died bool) {
		if err != nil && !died {
			m.expect(op, err)
		}
		for _, id := range victims {
			c := m.containers[id]
			clear(c.valid)
			c.stale = died || err != nil
			if !c.stale {
				c.dirty = false
			}
		}
	}
	return op
}

func (m *model) recover() *operation {
	op := &operation{name: "recover", victim: "all"}
	op.do = func(ctx context.Context) error {
		_, err := m.Recover(ctx)
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

func (m *model) reload() *operation {
	m.toggled = true
	file := filepath.Join(m.opts.ConfDir, "02-c.conflist")
	return &operation{
		name: "reload",
		do: func(ctx context.Context) error {
			if os.Remove(file) != nil {
				m.configure(2, "c", "")
			}
			_, err := m.Reload(ctx)
			return err
		},
		then: func(err error, died bool) { require.NoError(m, err) },
	}
}
