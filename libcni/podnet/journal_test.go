package podnet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Locks are the open file's: two journals in one process are as apart as two
// processes.
func twoProcesses(t *testing.T) (a, b *journals) {
	dir := t.TempDir()
	return newJournals(dir), newJournals(dir)
}

func TestJournalExcludes(t *testing.T) {
	a, b := twoProcesses(t)
	first, err := a.container(t.Context(), "con1", false)
	require.NoError(t, err)
	require.NoError(t, first.begin(entry{Operation: attaching, Attachments: []key{{"net", "eth0"}}}))

	_, err = b.container(t.Context(), "con1", true)
	require.ErrorIs(t, err, errBusy)
	other, err := b.container(t.Context(), "con2", true)
	require.NoError(t, err, "another container")
	require.NoError(t, other.end(true))

	got := make(chan *journal)
	go func() {
		second, err := b.container(context.WithoutCancel(t.Context()), "con1", false)
		assert.NoError(t, err)
		got <- second
	}()
	require.NoError(t, first.end(true))
	second := <-got
	assert.Empty(t, second.left, "it was finished")
	require.NoError(t, second.end(false))
	names, err := os.ReadDir(a.path)
	require.NoError(t, err)
	assert.Empty(t, names, "nothing was begun: there is nothing to leave")
}

func TestJournalKeepsWhatIsLeft(t *testing.T) {
	a, b := twoProcesses(t)
	first, err := a.container(t.Context(), "con1", false)
	require.NoError(t, err)
	begun := entry{Operation: detaching, Attachments: []key{{"net", "eth0"}, {"other", "eth1"}}}
	require.NoError(t, first.begin(begun))
	require.NoError(t, first.end(false))

	ids, err := b.containers()
	require.NoError(t, err)
	assert.Equal(t, []string{"con1"}, ids)
	for range 2 { // who only looks leaves it there
		second, err := b.container(t.Context(), "con1", false)
		require.NoError(t, err)
		assert.Equal(t, begun, second.left)
		require.NoError(t, second.end(false))
	}
	third, err := b.container(t.Context(), "con1", false)
	require.NoError(t, err)
	require.NoError(t, third.end(true))
	ids, err = a.containers()
	require.NoError(t, err)
	assert.Empty(t, ids)
}

func TestJournalTorn(t *testing.T) {
	a, _ := twoProcesses(t)
	require.NoError(t, os.MkdirAll(a.path, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(a.path, "c-con1"), []byte(`{"operation":"att`), 0o600))
	j, err := a.container(t.Context(), "con1", false)
	require.NoError(t, err)
	assert.Empty(t, j.left)
	require.NoError(t, j.end(true))
}

// What cannot be read is not taken for nothing: it may say what is half detached.
func TestJournalUnreadable(t *testing.T) {
	a, b := twoProcesses(t)
	first, err := a.container(t.Context(), "con1", false)
	require.NoError(t, err)
	left := entry{Operation: detaching, Attachments: []key{{"net", "eth0"}}}
	require.NoError(t, first.begin(left))
	require.NoError(t, first.end(false))
	b.fault = func(op, _ string) error {
		if op == "read" {
			return syscall.EIO
		}
		return nil
	}
	_, err = b.container(t.Context(), "con1", false)
	require.ErrorIs(t, err, syscall.EIO)
	second, err := a.container(t.Context(), "con1", true)
	require.NoError(t, err, "nobody holds it")
	assert.Equal(t, left, second.left)
	require.NoError(t, second.end(true))
}

// A process that died in the middle of GC holds nobody up.
func TestJournalStaleGC(t *testing.T) {
	a, _ := twoProcesses(t)
	require.NoError(t, os.MkdirAll(a.path, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(a.path, gcFile), nil, 0o600))
	j, err := a.container(t.Context(), "con1", true)
	require.NoError(t, err)
	require.NoError(t, j.end(true))
	assert.NoFileExists(t, filepath.Join(a.path, gcFile))
}

func TestJournalGCExcludes_R29(t *testing.T) {
	a, b := twoProcesses(t)
	held, err := a.container(t.Context(), "con1", false)
	require.NoError(t, err)
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = b.all(short)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, held.end(true))

	unlock, err := b.all(t.Context())
	require.NoError(t, err, "the one that gave up holds nothing")
	for _, try := range []bool{false, true} { // nobody works on con1: that one waits, too
		short, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err = a.container(short, "con1", try)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	short, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = a.all(short)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	unlock()
	held, err = a.container(t.Context(), "con1", true)
	require.NoError(t, err)
	require.NoError(t, held.end(true))
}

// An operator may remove the cache directory at any moment: it is made again, and nobody
// looks for ever for what cannot be there.
func TestJournalWhoseDirectoryGoes(t *testing.T) {
	for name, take := range map[string]func(j *journals) (release func(), err error){
		"of a container": func(j *journals) (func(), error) {
			held, err := j.container(t.Context(), "con1", false)
			return func() { assert.NoError(t, held.end(true)) }, err
		},
		"of all": func(j *journals) (func(), error) { return j.all(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "cache")
			j := newJournals(dir)
			var once sync.Once
			j.fault = func(op, _ string) error {
				if op == "create" {
					once.Do(func() { assert.NoError(t, os.RemoveAll(dir)) })
				}
				return nil
			}
			done := make(chan error, 1)
			go func() {
				release, err := take(j)
				if err == nil {
					assert.DirExists(t, j.path)
					release()
				}
				done <- err
			}()
			select {
			case err := <-done:
				require.NoError(t, err)
			case <-time.After(20 * time.Second):
				t.Fatal("still looking")
			}
		})
	}
}

// Who cannot have the lock on all containers goes on without, but not beside what is
// under way.
func TestJournalGCWithoutItsFile(t *testing.T) {
	a, b := twoProcesses(t)
	b.fault = func(op, path string) error {
		if op == "create" && filepath.Base(path) == gcFile {
			return syscall.ENOSPC
		}
		return nil
	}
	held, err := a.container(t.Context(), "con1", false)
	require.NoError(t, err)
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = b.all(short)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, held.end(true))
	_, err = b.all(t.Context())
	require.ErrorIs(t, err, syscall.ENOSPC)
}

// Many at once, on few containers, with GCs between them: never two on one
// container, never one beside a GC, and everybody gets a turn.
func TestJournalStress(t *testing.T) {
	dir := t.TempDir()
	var inside atomic.Int32
	var busy [3]atomic.Int32
	var all sync.WaitGroup
	for worker := range 8 {
		j := newJournals(dir)
		all.Go(func() {
			for i := range 60 {
				if worker == 0 && i%6 == 0 {
					unlock, err := j.all(t.Context())
					if !assert.NoError(t, err) {
						return
					}
					assert.Zero(t, inside.Load(), "GC beside another")
					unlock()
					continue
				}
				c := (worker + i) % 3
				h, err := j.container(t.Context(), string(rune('a'+c)), false)
				if !assert.NoError(t, err) {
					return
				}
				inside.Add(1)
				assert.Equal(t, int32(1), busy[c].Add(1), "two on one container")
				if i%2 == 0 {
					assert.NoError(t, h.begin(entry{Operation: attaching}))
				}
				busy[c].Add(-1)
				inside.Add(-1)
				assert.NoError(t, h.end(i%4 != 0))
			}
		})
	}
	all.Wait()
}

func TestJournalErrors(t *testing.T) {
	j := newJournals(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, os.WriteFile(filepath.Dir(j.path), nil, 0o600))
	_, err := j.container(t.Context(), "con1", false)
	require.Error(t, err)
	require.False(t, errors.Is(err, errBusy))
	_, err = j.all(t.Context())
	require.Error(t, err)
	_, err = j.containers()
	require.Error(t, err)
	j.forget("con1")
}
