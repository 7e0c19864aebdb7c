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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/types"
)

// model is what must be true of a node with two managers on one cache directory, as
// in two processes.
type model struct {
	*node
	managers   [2]*podnet.Manager
	rand       *rand.Rand
	containers map[string]*container
	log        []string       // the last steps, for a failure
	counts     map[string]int // of what happened, so that nobody relies on what never does

	mu sync.Mutex
	// Of the step that is under way:
	faulty map[string]bool // operations whose plugins may fail
	failed map[string]bool // operations in which a DEL failed
	dieAt  int             // plugin run at which a process dies; negative: never
	dead   int             // the process that has died, or -1
	// crashed says that one has died in this step.
	crashed bool
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

// TestModel lets random operations run in two processes whose plugins fail and that
// die, and holds what is there after each step against a model.
// PODNET_SEED repeats a run.
func TestModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("PODNET_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("PODNET_SEED=%d", seed)
	steps := 2000
	if testing.Short() {
		steps = 200
	}
	m := &model{
		node: newNode(t, "a", "b", "c"), rand: rand.New(rand.NewPCG(seed, 0)), dead: -1,
		containers: map[string]*container{}, counts: map[string]int{},
	}
	for i := range 6 {
		m.containers[fmt.Sprintf("con%d", i)] = &container{valid: map[string]string{}}
	}
	m.managers[0] = m.Manager
	m.died = m.isDead
	m.start(1)
	t.Cleanup(func() { _ = m.managers[1].Close() })
	for step := range steps {
		m.step(step)
		if t.Failed() {
			t.Fatalf("PODNET_SEED=%d step %d\n%s", seed, step, strings.Join(m.log[max(0, len(m.log)-25):], "\n"))
		}
	}
	t.Log(m.counts)
	if testing.Short() {
		return
	}
	for _, what := range []string{
		"attach", "attach failed", "attach died", "attach more", "attach more failed", "attach more died",
		"detach", "detach failed", "detach died", "forget", "forgotten", "forget died",
		"gc", "gc failed", "gc died", "gc by interface", "gc by interface failed", "gc by interface died",
		"recover", "recover died", "reload", "check",
	} {
		assert.NotZero(t, m.counts[what], "%s has not happened", what)
	}
}

// start opens one of the managers, which recovers.
func (m *model) start(process int) {
	m.open()
	m.managers[process] = m.Manager
	m.Manager = m.managers[0]
}

// operation is one call of a step, by one of the processes.
type operation struct {
	kind, name string
	process    int
	do         func(ctx context.Context, m *podnet.Manager) error
	// then changes the model: done with the error, or died.
	then func(err error, died bool)

	err   error
	ended bool
	// several says that goroutines of its own run its plugins: it may come to an
	// end when one has died.
	several bool
}

func (m *model) step(step int) {
	m.faulty, m.failed = map[string]bool{}, map[string]bool{}
	m.dieAt, m.dead = -1, -1
	ids := slices.Sorted(maps.Keys(m.containers))
	m.rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })

	var ops []*operation
	n := 1 + m.rand.IntN(4)
	for _, id := range ids[:n] {
		ops = append(ops, m.operation(id))
		if m.rand.IntN(4) == 0 {
			ops = append(ops, m.checkOp(id))
		}
	}
	switch m.rand.IntN(8) {
	case 0, 1:
		ops = append(ops, m.gc(ids[n:], m.rand.IntN(2)))
	case 2:
		ops = append(ops, m.recover())
	case 3:
		ops = append(ops, m.reload())
	}
	for i, op := range ops {
		op.process = m.rand.IntN(2)
		op.name = fmt.Sprintf("%s [%d.%d by %d]", op.name, step, i, op.process)
		m.faulty[op.name] = m.rand.IntN(4) == 0
	}
	if m.rand.IntN(8) == 0 {
		m.dieAt = m.rand.IntN(12)
	}
	m.before, m.after = m.fate, m.fate
	var all sync.WaitGroup
	for _, op := range ops {
		all.Go(func() {
			op.err = op.do(asOp(m.Context(), op.name), m.managers[op.process])
			op.ended = true
		})
	}
	m.wait(&all)
	m.before, m.after = nil, nil
	m.take()

	dead := m.dead
	m.dead, m.crashed = -1, dead >= 0
	if dead >= 0 {
		_ = m.managers[dead].Close()
		m.untilUnlocked()
		m.start(dead)
		m.log = append(m.log, fmt.Sprintf("-- %d died", dead))
	}
	for _, op := range ops {
		died := op.process == dead && (!op.ended || op.several)
		m.log = append(m.log, fmt.Sprintf("%s: died %v, %v", op.name, died, op.err))
		switch {
		case died:
			m.counts[op.kind+" died"]++
		case op.err != nil:
			m.counts[op.kind+" failed"]++
		default:
			m.counts[op.kind]++
		}
		op.then(op.err, died)
	}
	if dead >= 0 {
		for _, c := range m.containers {
			c.dirty = false // recovered, without a fault
		}
	}
	m.check()
}

// wait waits for the operations. The files that a dead process had open are closed as
// soon as nobody can reach them, for the other one may wait for its locks.
func (m *model) wait(operations *sync.WaitGroup) {
	ended := make(chan struct{})
	go func() {
		operations.Wait()
		close(ended)
	}()
	for {
		select {
		case <-ended:
			return
		case <-time.After(10 * time.Millisecond):
			if m.isDead(" by 0]") || m.isDead(" by 1]") {
				runtime.GC()
			}
		}
	}
}

// fate is asked before and after each plugin run.
func (m *model) fate(ctx context.Context, r request) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	op, _ := ctx.Value(opKey{}).(string)
	if m.dieAt--; m.dieAt == -1 {
		m.dead = processOf(op)
	}
	if m.dead == processOf(op) {
		runtime.Goexit()
	}
	if !m.faulty[op] || m.rand.IntN(8) != 0 {
		return nil
	}
	if r.verb == "DEL" {
		m.failed[op] = true
	}
	return types.NewError(types.ErrInternal, "fate", "")
}

// isDead reports whether the process of an operation has died.
func (m *model) isDead(op any) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	name, _ := op.(string)
	return m.dead >= 0 && m.dead == processOf(name)
}

// processOf returns the process that an operation's name ends with.
func processOf(op string) int {
	if strings.HasSuffix(op, " by 1]") {
		return 1
	}
	return 0
}

// expect fails the test unless the error is one that was asked for.
func (m *model) expect(op *operation, err error) {
	var missing libcni.NotFoundError
	if errors.As(err, &missing) && missing.Name == "c" {
		return
	}
	for _, err := range flat(err) {
		if m.crashed && errors.Is(err, libcni.ErrAddRunning) {
			continue // the other process's, whose file was not closed yet
		}
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

// onDisk returns the attachments that are on record, and all of which anything is on
// disk.
func (m *model) onDisk() (recorded, any map[libcni.AttachmentKey]bool) {
	cni := libcni.New(nil, libcni.Options{CacheDir: m.opts.CacheDir})
	recorded, any = map[libcni.AttachmentKey]bool{}, map[libcni.AttachmentKey]bool{}
	records, err := cni.Attachments(libcni.AttachmentKey{})
	require.NoError(m, err)
	for _, r := range records {
		any[r.AttachmentKey], recorded[r.AttachmentKey] = true, true
	}
	pending, err := cni.Pending(libcni.AttachmentKey{})
	require.NoError(m, err)
	for _, p := range pending {
		any[p.AttachmentKey] = true
	}
	return recorded, any
}

// check compares plugins, disk and model.
func (m *model) check() {
	recorded, onDisk := m.onDisk()
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
