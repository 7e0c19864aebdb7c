package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPeek(t *testing.T) {
	d := open(t, nil)
	_, _, err := d.Peek("none")
	require.ErrorIs(t, err, fs.ErrNotExist)
	held := func() bool {
		t.Helper()
		f, held, err := d.Peek("file")
		require.NoError(t, err)
		data, _, err := f.Read()
		require.NoError(t, err)
		assert.Equal(t, "content", string(data))
		require.NoError(t, f.Close())
		return held
	}
	made, err := d.Temp()
	require.NoError(t, err)
	require.NoError(t, made.Write([]byte("content")))
	require.NoError(t, made.Rename("file"))
	assert.True(t, held(), "by who made it")
	require.NoError(t, made.Release())
	assert.False(t, held())
	locked, err := d.Lock("file")
	require.NoError(t, err, "who peeked has let go")
	if lendable { // else this is all that can be told
		assert.False(t, held(), "by nobody but one who looks at it")
	}
	require.NoError(t, locked.Close())
}

// Who looks at a file keeps nobody from having it, however long the look takes.
func TestPeekHoldsNothing(t *testing.T) {
	if !lendable {
		t.Skip("no shared locks that say so")
	}
	d := open(t, nil)
	made, err := d.Temp()
	require.NoError(t, err)
	require.NoError(t, made.Rename("file"))
	for _, want := range []bool{true, false} {
		f, held, err := d.Peek("file")
		require.NoError(t, err)
		assert.Equal(t, want, held)
		if held {
			require.NoError(t, made.Release())
		}
		locked, err := d.Lock("file")
		require.NoError(t, err)
		require.NoError(t, locked.Release())
		require.NoError(t, f.Close())
	}
}

// Those that look at a file at the same moment do not take each other for its owner.
func TestPeekBesideOthers(t *testing.T) {
	if !lendable {
		t.Skip("no shared locks that say so")
	}
	d := open(t, func(op, _ string) error {
		if op == "lock" && peeking.TryLock() {
			peeking.Unlock()
			return errors.New("somebody else may look at this moment")
		}
		return nil
	})
	require.NoError(t, os.WriteFile(d.Path("file"), nil, 0o600))
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for range 1000 {
				f, held, err := d.Peek("file")
				if assert.NoError(t, err) {
					assert.False(t, held)
					assert.NoError(t, f.Close())
				}
			}
		})
	}
	all.Wait()
}

// Between the opening of a file and its lock the owner may have been done with it.
func TestPeekChecksThatTheNameIsStillTheFile(t *testing.T) {
	for name, end := range map[string]func(d *Dir, f *File) error{
		"removed": func(_ *Dir, f *File) error { return f.Remove() },
		"renamed": func(d *Dir, f *File) error { return errors.Join(f.Move(d, "other"), f.Close()) },
	} {
		t.Run(name, func(t *testing.T) {
			var meanwhile func()
			d := open(t, func(op, _ string) error {
				if do := meanwhile; op == "lock" && do != nil {
					meanwhile = nil
					do()
				}
				return nil
			})
			f, err := d.Temp()
			require.NoError(t, err)
			require.NoError(t, f.Rename("file"))
			meanwhile = func() { require.NoError(t, end(d, f)) }
			_, _, err = d.Peek("file")
			assert.ErrorIs(t, err, fs.ErrNotExist)
		})
	}
}
