package podnet

import (
	"context"
	"slices"
	"sync"
)

// keyed is a lock for each of any number of keys. Those that wait for one key get
// it in the order in which they came. A key that nobody wants takes no memory.
// The zero value is ready for use.
type keyed struct {
	mu    sync.Mutex
	queue map[string][]chan struct{} // who waits; there is an entry while the key is held
}

// lock waits for the key. The error is the context's; otherwise unlock must
// be called once.
func (k *keyed) lock(ctx context.Context, key string) (unlock func(), err error) {
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	k.mu.Lock()
	waiting, held := k.queue[key]
	if !held {
		if k.queue == nil {
			k.queue = map[string][]chan struct{}{}
		}
		k.queue[key] = nil
		k.mu.Unlock()
		return func() { k.pass(key) }, nil
	}
	turn := make(chan struct{})
	k.queue[key] = append(waiting, turn)
	k.mu.Unlock()

	select {
	case <-turn:
		return func() { k.pass(key) }, nil
	case <-ctx.Done():
	}
	k.mu.Lock()
	i := slices.Index(k.queue[key], turn)
	if i >= 0 {
		k.queue[key] = slices.Delete(k.queue[key], i, i+1)
	}
	k.mu.Unlock()
	if i < 0 {
		k.pass(key) // it was handed over in the same moment
	}
	return nil, ended(ctx)
}

// pass gives the key to who has waited longest.
func (k *keyed) pass(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	waiting := k.queue[key]
	if len(waiting) == 0 {
		delete(k.queue, key)
		return
	}
	close(waiting[0])
	k.queue[key] = waiting[1:]
}
