package invoke

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// Limit returns an Exec that runs at most n plugins of exec at a time. The others
// wait, and are let in in the order in which they came: on a busy node the slowest
// attachment then takes little longer than the average one, and the machine has n
// plugins to switch between, not hundreds. A nil exec runs processes; when n is not
// positive exec is returned as it is.
//
// A call whose context ends while it waits returns at once, without having run
// anything; errors.Is finds the context's error in what it returns. FindInPath and
// Decode do not wait.
//
// A plugin that runs another one inside of its own run, as an in-process plugin
// does when it delegates, needs no second place: a call made with the context that
// the outer run was given counts as a part of it. One that is made with another
// context waits like any other, and n outer runs that do so wait for each other
// for ever; put the limit around the processes alone when a handler cannot pass
// its context on:
//
//	&invoke.InProcess{Plugins: plugins, Exec: invoke.Limit(nil, n)}
//
// An [Observer] sees the waiting as part of a run: Start comes before it.
//
// Limits of their own do not count each other's calls.
func Limit(exec Exec, n int) Exec {
	exec = orDefault(exec)
	if n <= 0 {
		return exec
	}
	return &limiter{Exec: exec, size: n, free: n}
}

type limiter struct {
	Exec
	size int

	mu   sync.Mutex
	free int
	// waiting has a channel for each caller that waits, the longest waiting one
	// first; it is closed to hand over a place. None waits while a place is free.
	waiting []chan struct{}
}

// placeKey is the context key of a run that has a place of the limiter.
type placeKey struct{ *limiter }

func (l *limiter) ExecPlugin(ctx context.Context, pluginPath string, stdinData []byte, environ []string) ([]byte, error) {
	if ctx.Value(placeKey{l}) != nil {
		return l.Exec.ExecPlugin(ctx, pluginPath, stdinData, environ)
	}
	if err := l.enter(ctx); err != nil {
		return nil, fmt.Errorf("waiting for one of %d plugins to end: %w", l.size, err)
	}
	defer l.leave() // deferred: an Exec may panic, a test's may end its goroutine
	return l.Exec.ExecPlugin(context.WithValue(ctx, placeKey{l}, true), pluginPath, stdinData, environ)
}

// enter waits for a place.
func (l *limiter) enter(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctxError(ctx)
	}
	l.mu.Lock()
	if l.free > 0 {
		l.free--
		l.mu.Unlock()
		return nil
	}
	place := make(chan struct{})
	l.waiting = append(l.waiting, place)
	l.mu.Unlock()

	select {
	case <-place:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.waiting, place); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	} else {
		l.pass() // handed over in the same moment
	}
	return ctxError(ctx)
}

func (l *limiter) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pass()
}

// pass gives a place to who has waited longest. The caller holds mu.
func (l *limiter) pass() {
	if len(l.waiting) == 0 {
		l.free++
		return
	}
	close(l.waiting[0])
	l.waiting = slices.Delete(l.waiting, 0, 1)
}
