package podnet

import (
	"context"
	"slices"
	"sync"
)

// gate lets either any number of operations on containers pass or one on all of
// them. Those that wait pass in the order in which they came: neither kind can
// keep the other out for ever. The zero value is open.
type gate struct {
	mu      sync.Mutex
	inside  int  // operations on containers
	alone   bool // an operation on all is inside
	waiting []*visitor
}

type visitor struct {
	alone bool
	turn  chan struct{}
}

// enter waits until the operation may begin. The error is the context's cause;
// otherwise leave must be called once.
func (g *gate) enter(ctx context.Context, alone bool) (leave func(), err error) {
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	v := &visitor{alone: alone, turn: make(chan struct{})}
	leave = func() { g.leave(alone) }
	g.mu.Lock()
	g.waiting = append(g.waiting, v)
	g.admit()
	g.mu.Unlock()

	select {
	case <-v.turn:
		return leave, nil
	default:
	}
	select {
	case <-v.turn:
		return leave, nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	i := slices.Index(g.waiting, v)
	if i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
		g.admit() // those behind may have waited for this one only
	}
	g.mu.Unlock()
	if i < 0 {
		leave()
	}
	return nil, ended(ctx)
}

func (g *gate) leave(alone bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if alone {
		g.alone = false
	} else {
		g.inside--
	}
	g.admit()
}

// admit lets in from the front of the queue who may. The caller holds mu.
func (g *gate) admit() {
	for len(g.waiting) > 0 {
		v := g.waiting[0]
		if g.alone || v.alone && g.inside > 0 {
			return
		}
		if v.alone {
			g.alone = true
		} else {
			g.inside++
		}
		close(v.turn)
		g.waiting = g.waiting[1:]
	}
}
