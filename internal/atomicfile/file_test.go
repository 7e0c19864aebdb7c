package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLockIsTheFilesOwn(t *testing.T) {
	d := open(t, nil)
	f, err := d.Temp()
	require.NoError(t, err)
	if !f.locked {
		t.Skip("no locks here")
	}
	require.NoError(t, f.Write([]byte("mine")))
	require.NoError(t, f.Rename("file"))

	_, err = d.Lock("file")
	assert.ErrorIs(t, err, ErrLocked, "also within one process")
	data, err := d.Read("file")
	require.NoError(t, err, "a lock does not keep others from reading")
	assert.Equal(t, "mine", string(data))

	require.NoError(t, f.Release())
	second, err := d.Lock("file")
	require.NoError(t, err)
	for range 2 {
		data, _, err = second.Read()
		require.NoError(t, err)
		assert.Equal(t, "mine", string(data))
	}
	require.NoError(t, second.Remove())
	_, err = d.Lock("file")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// The lock of a process that was killed is free.
func TestLockEndsWithTheProcess(t *testing.T) {
	if path := os.Getenv("ATOMICFILE_HOLD"); path != "" {
		d, err := Open(path, nil)
		require.NoError(t, err)
		f, err := d.Temp()
		require.NoError(t, err)
		require.NoError(t, f.Rename("held"))
		_, _ = os.Stdout.WriteString("held\n")
		select {} // until killed
	}
	d := open(t, nil)
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "ATOMICFILE_HOLD="+d.path)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = out.Read(make([]byte, 16))
	require.NoError(t, err)
	_, err = d.Lock("held")
	assert.ErrorIs(t, err, ErrLocked)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	f, err := d.Lock("held")
	require.NoError(t, err)
	require.NoError(t, f.Remove())
}

// Between the opening of a file and its lock, somebody may remove or replace it.
func TestLockChecksThatTheNameIsStillTheFile(t *testing.T) {
	var meanwhile func()
	d := open(t, func(op, _ string) error {
		if do := meanwhile; op == "lock" && do != nil {
			meanwhile = nil
			do()
		}
		return nil
	})
	require.NoError(t, put(d, "file", "old"))
	meanwhile = func() { require.NoError(t, put(d, "file", "new")) }
	_, err := d.Lock("file")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	meanwhile = func() { require.NoError(t, d.Remove("file")) }
	_, err = d.Lock("file")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestWithoutLocksAgeDecides(t *testing.T) {
	d := open(t, func(op, _ string) error {
		if op == "lock" {
			return errors.ErrUnsupported
		}
		return nil
	})
	f, err := d.Temp()
	require.NoError(t, err)
	require.NoError(t, f.Rename("file"))
	_, err = d.Lock("file")
	assert.ErrorIs(t, err, ErrLocked, "young")
	require.NoError(t, f.Release())
	second, err := d.Lock("file")
	require.NoError(t, err, "released")
	require.NoError(t, second.Remove())
}

func TestMoveNewReplacesNothing(t *testing.T) {
	for name, link := range map[string]error{"with links": nil, "without links": errors.ErrUnsupported} {
		t.Run(name, func(t *testing.T) {
			d := open(t, func(op, _ string) error {
				if op == "link" {
					return link
				}
				return nil
			})
			f, err := d.Temp()
			require.NoError(t, err)
			require.NoError(t, f.MoveNew(d, "file"))
			assert.Equal(t, d.Path("file"), f.Path())
			require.NoError(t, f.Close())
			names, unfinished, err := d.List()
			require.NoError(t, err)
			assert.Equal(t, []string{"file"}, append(names, unfinished...))

			f, err = d.Temp()
			require.NoError(t, err)
			assert.ErrorIs(t, f.MoveNew(d, "file"), fs.ErrExist)
			require.NoError(t, f.Remove())
			assert.FileExists(t, d.Path("file"))
		})
	}
}

func TestMakeIsTheFirst(t *testing.T) {
	d := open(t, nil)
	f, err := d.Make("a")
	require.NoError(t, err)
	if !f.locked {
		t.Skip("no locks here")
	}
	_, err = d.Make("a")
	require.ErrorIs(t, err, fs.ErrExist)
	_, err = d.Lock("a")
	require.ErrorIs(t, err, ErrLocked)
	require.NoError(t, f.Write([]byte("text")))
	require.NoError(t, f.Close())
	f, err = d.Lock("a")
	require.NoError(t, err)
	data, _, err := f.Read()
	require.NoError(t, err)
	assert.Equal(t, "text", string(data))
	require.NoError(t, f.Remove())
}
