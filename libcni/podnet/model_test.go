package podnet_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

// model is what must be true of a node.
type model struct {
	*node
	rand       *rand.Rand
	containers map[string]*container
	log        []string // the last steps, for a failure

	mu sync.Mutex
	// Of the step that is under way:
	faulty  map[string]bool // operations whose plugins may fail
	failed  map[string]bool // operations in which a DEL failed
	dieAt   int             // plugin run at which the process dies; negative: never
	toggled bool            // network c comes or goes
}

// container is what must be true of one.
type container struct {
	// valid are its attachments, network by interface: whole, and never touched.
	valid map[string]string
	// dirty says that a failure may have left more. All of that is on disk, and
	// what comes next cleans it up.
	dirty bool
	// stale says that a GC that failed has begun to detach it: only Detach and GC
	// know what to do.
	stale bool
}

// TestModel lets random operations run against a manager whose plugins fail and
// whose process dies, and holds what is there after each step against a model.
// PODNET_SEED repeats a run.
func TestModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("PODNET_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("PODNET_SEED=%d", seed)
	steps := 1500
	if testing.Short() {
		steps = 200
	}
	m := &model{node: newNode(t, "a", "b", "c"), rand: rand.New(rand.NewPCG(seed, 0)), containers: map[string]*container{}}
	for i := range 6 {
		m.containers[fmt.Sprintf("con%d", i)] = &container{valid: map[string]string{}}
	}
	for step := range steps {
		m.step(step)
		if t.Failed() {
			t.Fatalf("PODNET_SEED=%d step %d\n%s", seed, step, strings.Join(m.log[max(0, len(m.log)-25):], "\n"))
		}
	}
}

// operation is one call of a step.
type operation struct {
	name string
	do   func(ctx context.Context) error
	// then changes the model: done with the error, or died.
	then func(err error, died bool)

	err    error
	ended  bool
	victim string
}

func (m *model) step(step int) {
	m.faulty, m.failed = map[string]bool{}, map[string]bool{}
	m.dieAt, m.toggled = -1, false
	ids := slices.Sorted(maps.Keys(m.containers))
	m.rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })

	var ops []*operation
	n := 1 + m.rand.IntN(4)
	for _, id := range ids[:n] {
		ops = append(ops, m.operation(id))
		if m.rand.IntN(4) == 0 {
			ops = append(ops, &operation{
				name: "check " + id,
				do:   func(ctx context.Context) error { return m.Check(ctx, id) },
				then: func(error, bool) {},
			})
		}
	}
	switch m.rand.IntN(8) {
	case 0, 1:
		ops = append(ops, m.gc(ids[n:n+m.rand.IntN(2)]))
	case 2:
		ops = append(ops, m.recover())
	case 3:
		ops = append(ops, m.reload())
	}
	for i, op := range ops {
		op.name = fmt.Sprintf("%s [%d.%d]", op.name, step, i)
		m.faulty[op.name] = m.rand.IntN(4) == 0
	}
	if m.rand.IntN(10) == 0 {
		m.dieAt = m.rand.IntN(12)
	}
	m.before, m.after = m.fate, m.fate
	var all sync.WaitGroup
	for _, op := range ops {
		all.Go(func() {
			op.err = op.do(asOp(m.Context(), op.name))
			op.ended = true
		})
	}
	all.Wait()
	m.before, m.after = nil, nil
	m.take()

	died := m.revive()
	if died {
		_ = m.Close()
		m.untilUnlocked()
		m.open() // and recovers
		m.log = append(m.log, "-- died")
	}
	for _, op := range ops {
		// Of GC and Recover parts may have died, each in a goroutine of its own.
		died := !op.ended || died && op.victim != ""
		m.log = append(m.log, fmt.Sprintf("%s: died %v, %v", op.name, died, op.err))
		op.then(op.err, died)
	}
	if died {
		for _, c := range m.containers {
			c.dirty = false // recovered, without a fault
		}
	}
	m.check()
}

// fate is asked before and after each plugin run.
func (m *model) fate(ctx context.Context, r request) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dieAt--; m.dieAt == -1 {
		m.die()
	}
	if m.isDead() {
		runtime.Goexit()
	}
	op, _ := ctx.Value(opKey{}).(string)
	if !m.faulty[op] || m.rand.IntN(8) != 0 {
		return nil
	}
	if r.verb == "DEL" {
		m.failed[op] = true
	}
	return types.NewError(types.ErrInternal, "fate", "")
}

// expect fails the test unless the error is one that was asked for.
func (m *model) expect(op *operation, err error) {
	var missing libcni.NotFoundError
	if errors.As(err, &missing) && missing.Name == "c" {
		return
	}
	for _, err := range flat(err) {
		if !m.faulty[op.name] || !strings.Contains(err.Error(), "fate") {
			m.Errorf("%s: %v", op.name, err)
		}
	}
}

func flat(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, err := range joined.Unwrap() {
			all = append(all, flat(err)...)
		}
		return all
	}
	return []error{err}
}

// check compares plugins, disk and model.
func (m *model) check() {
	cni := libcni.New(nil, libcni.Options{CacheDir: m.opts.CacheDir})
	onDisk := map[libcni.AttachmentKey]bool{}
	records, err := cni.Attachments(libcni.AttachmentKey{})
	require.NoError(m, err)
	recorded := map[libcni.AttachmentKey]bool{}
	for _, r := range records {
		onDisk[r.AttachmentKey], recorded[r.AttachmentKey] = true, true
	}
	pending, err := cni.Pending(libcni.AttachmentKey{})
	require.NoError(m, err)
	for _, p := range pending {
		onDisk[p.AttachmentKey] = true
	}
	for id, c := range m.containers {
		for ifname, network := range c.valid {
			k := libcni.AttachmentKey{Network: network, ContainerID: id, IfName: ifname}
			if !recorded[k] {
				m.Errorf("%v is attached and not recorded", k)
			}
			for _, plugin := range []string{"first", "second"} {
				if _, ok := m.made[made{network, id, ifname, plugin}]; !ok {
					m.Errorf("%v is attached and was torn down (%s)", k, plugin)
				}
			}
		}
	}
	for s := range m.made {
		c := m.containers[s.id]
		if !c.dirty && !c.stale && c.valid[s.ifname] != s.network {
			m.Errorf("%v is detached and not gone", s)
		}
		if k := (libcni.AttachmentKey{Network: s.network, ContainerID: s.id, IfName: s.ifname}); !onDisk[k] {
			m.Errorf("%v exists and nothing on disk says so", s)
		}
	}
	for k := range onDisk {
		c := m.containers[k.ContainerID]
		if !c.dirty && !c.stale && c.valid[k.IfName] != k.Network {
			m.Errorf("%v is detached and still on disk", k)
		}
	}
	for _, fault := range m.faults {
		m.Error(fault)
	}
	m.faults = nil
}
