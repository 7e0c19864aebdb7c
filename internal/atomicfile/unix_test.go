//go:build unix

package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestModesSurviveTheUmask(t *testing.T) {
	base := t.TempDir()
	defer syscall.Umask(syscall.Umask(0o777))
	d, err := Create(filepath.Join(base, "a", "b"), nil)
	require.NoError(t, err)
	defer d.Close()
	require.NoError(t, put(d, "file", "x"))
	for path, mode := range map[string]fs.FileMode{filepath.Dir(d.path): 0o700, d.path: 0o700, d.Path("file"): 0o600} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), path)
	}
}

func TestReadDoesNotWaitForANamedPipe(t *testing.T) {
	d := open(t, nil)
	require.NoError(t, syscall.Mkfifo(d.Path("pipe"), 0o600))
	_, err := d.Read("pipe")
	assert.ErrorContains(t, err, "not a regular file")
}

// A process that was lent the file keeps it locked when its owner has been killed.
func TestLentFileStaysLocked(t *testing.T) {
	if path := os.Getenv("ATOMICFILE_LEND"); path != "" {
		d, err := Open(path, nil)
		require.NoError(t, err)
		f, err := d.Temp()
		require.NoError(t, err)
		require.NoError(t, f.Rename("held"))
		heir := exec.Command("/bin/sh", "-c", "echo ready; read line; exit") // until its standard input ends
		heir.Stdin, heir.Stdout, heir.ExtraFiles = os.Stdin, os.Stdout, []*os.File{f.Lend()}
		require.NoError(t, heir.Start())
		select {} // until killed
	}
	d := open(t, nil)
	owner := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	owner.Env = append(os.Environ(), "ATOMICFILE_LEND="+d.path)
	read, in, err := os.Pipe()
	require.NoError(t, err)
	defer in.Close()
	out, write, err := os.Pipe()
	require.NoError(t, err)
	defer out.Close()
	owner.Stdin, owner.Stdout = read, write
	require.NoError(t, owner.Start())
	require.NoError(t, errors.Join(read.Close(), write.Close()))
	_, err = out.Read(make([]byte, 16))
	require.NoError(t, err)
	require.NoError(t, owner.Process.Kill())
	var killed *exec.ExitError
	require.ErrorAs(t, owner.Wait(), &killed)

	_, err = d.Lock("held")
	require.ErrorIs(t, err, ErrLocked, "by the heir")
	require.NoError(t, in.Close())
	require.Eventually(t, func() bool {
		f, err := d.Lock("held")
		return err == nil && f.Remove() == nil
	}, time.Minute, time.Millisecond, "the heir has ended")
}

// An owner who lets go takes the lock along, whoever still has the file.
func TestLendEndsWithTheOwner(t *testing.T) {
	d := open(t, nil)
	elsewhere := open(t, nil)
	// owners reports ErrLocked if others than the owner still have the lock.
	owners := func(f *File) error { return f.h.lock(alone) }
	for name, end := range map[string]func(*File) error{
		"Release": (*File).Release, "Close": (*File).Close,
		"Move":    func(f *File) error { return errors.Join(f.Move(elsewhere, "Move"), owners(f), f.Close()) },
		"MoveNew": func(f *File) error { return errors.Join(f.MoveNew(elsewhere, "MoveNew"), owners(f), f.Close()) },
	} {
		t.Run(name, func(t *testing.T) {
			f, err := d.Temp()
			require.NoError(t, err)
			require.NoError(t, f.Rename(name))
			heir := exec.Command("cat")
			in, err := heir.StdinPipe()
			require.NoError(t, err)
			lent := f.Lend()
			require.NotNil(t, lent)
			assert.Same(t, lent, f.Lend(), "opened once")
			heir.ExtraFiles = []*os.File{lent}
			require.NoError(t, heir.Start())
			_, err = d.Lock(name)
			require.ErrorIs(t, err, ErrLocked)

			require.NoError(t, end(f))
			assert.Nil(t, f.Lend(), "too late")
			at := d
			if strings.HasPrefix(name, "Move") {
				_, err = d.Lock(name)
				require.ErrorIs(t, err, fs.ErrNotExist)
				at = elsewhere
			}
			next, err := at.Lock(name)
			require.NoError(t, err)
			require.NoError(t, next.Remove())
			require.NoError(t, in.Close())
			require.NoError(t, heir.Wait())
		})
	}
}

// A process that is being started has a copy of every open file until it runs its
// program: it must not keep others from what was let go of.
func TestReleaseUnlocksForAllWhoHaveTheFile(t *testing.T) {
	d := open(t, nil)
	made, err := d.Temp()
	require.NoError(t, err)
	require.NoError(t, made.Rename("file"))
	for _, held := range []func() (*File, error){
		func() (*File, error) { return made, nil },
		func() (*File, error) { return d.Lock("file") },
	} {
		f, err := held()
		require.NoError(t, err)
		copied, err := syscall.Dup(f.h.fd)
		require.NoError(t, err)
		require.NoError(t, f.Release())
		next, err := d.Lock("file")
		require.NoError(t, err)
		require.NoError(t, next.Release())
		require.NoError(t, syscall.Close(copied))
	}
}

// What was lent cannot be written to, and who unlocks it unlocks only that.
func TestLendIsNotTheOwnersFile(t *testing.T) {
	d := open(t, nil)
	f, err := d.Temp()
	require.NoError(t, err)
	require.NoError(t, f.Rename("file"))
	lent := f.Lend()
	require.NotNil(t, lent)
	_, err = lent.WriteString("x")
	assert.Error(t, err)
	require.NoError(t, syscall.Flock(int(lent.Fd()), syscall.LOCK_UN))
	_, err = d.Lock("file")
	require.ErrorIs(t, err, ErrLocked)
	require.NoError(t, f.Remove())
}

func TestNothingIsLent(t *testing.T) {
	for name, c := range map[string]struct {
		fault Fault
		do    func(t *testing.T, d *Dir)
	}{
		"without locks": {fault: func(op, _ string) error {
			if op == "lock" {
				return errors.ErrUnsupported
			}
			return nil
		}},
		"the name is gone":      {do: func(t *testing.T, d *Dir) { require.NoError(t, d.Remove("file")) }},
		"the name is another's": {do: func(t *testing.T, d *Dir) { require.NoError(t, put(d, "file", "other")) }},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, c.fault)
			f, err := d.Temp()
			require.NoError(t, err)
			require.NoError(t, f.Rename("file"))
			if c.do != nil {
				c.do(t, d)
			}
			assert.Nil(t, f.Lend())
			assert.Nil(t, f.Lend())
			require.NoError(t, f.Close())
		})
	}
}

// dirs are the two kinds of Dir of a directory.
func dirs(t *testing.T, path string) map[string]*Dir {
	t.Helper()
	opened, err := Create(path, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = opened.Close() })
	at, err := At(path, nil)
	require.NoError(t, err)
	return map[string]*Dir{"opened": opened, "at": at}
}

func TestNoLinkIsFollowed(t *testing.T) {
	for kind, d := range dirs(t, t.TempDir()) {
		t.Run(kind, func(t *testing.T) {
			require.NoError(t, put(d, "file", "text"))
			require.NoError(t, os.Symlink("file", d.Path("link")))
			_, err := d.Read("link")
			assert.Error(t, err)
			_, err = d.Lock("link")
			assert.Error(t, err)
			_, err = d.Make("link")
			assert.ErrorIs(t, err, fs.ErrExist)
			assert.False(t, d.Regular("link"))
			require.NoError(t, d.Remove("link"))
			assert.FileExists(t, d.Path("file"))
		})
	}
}

func TestNamesAreOneElement(t *testing.T) {
	base := t.TempDir()
	outside, inside := filepath.Join(base, "outside"), filepath.Join(base, "dir")
	require.NoError(t, os.WriteFile(outside, nil, 0o600))
	for kind, d := range dirs(t, inside) {
		require.NoError(t, os.MkdirAll(d.Path("sub"), 0o700))
		for _, name := range []string{"", ".", "..", "../outside", outside, "sub/file"} {
			for what, do := range map[string]func() error{
				"read":   func() error { _, err := d.Read(name); return err },
				"make":   func() error { _, err := d.Make(name); return err },
				"lock":   func() error { _, err := d.Lock(name); return err },
				"remove": func() error { return d.Remove(name) },
				"rename": func() error { return put(d, name, "text") },
				"link": func() error {
					f, err := d.Temp()
					require.NoError(t, err)
					defer f.Remove()
					return f.MoveNew(d, name)
				},
			} {
				assert.ErrorContains(t, do(), "escapes", "%s: %s %q", kind, what, name)
			}
			assert.False(t, d.Regular(name), name)
		}
	}
	assert.FileExists(t, outside)
}

// What a goroutine had locked that is gone is free when its memory is.
func TestLostFilesAreClosed(t *testing.T) {
	d := open(t, nil)
	ended := make(chan error)
	go func() {
		lost, err := Open(d.path, nil)
		if err == nil {
			var f *File
			if f, err = lost.Temp(); err == nil {
				err = f.Rename("held")
			}
		}
		ended <- err
	}()
	require.NoError(t, <-ended)
	for range 1000 {
		f, err := d.Lock("held")
		if err == nil {
			require.NoError(t, f.Remove())
			return
		}
		require.ErrorIs(t, err, ErrLocked)
		runtime.GC()
		runtime.Gosched()
	}
	t.Fatal("still locked")
}

// A descriptor's number is not used after it was given back.
func TestClosedIsClosed(t *testing.T) {
	d, err := Create(t.TempDir(), nil)
	require.NoError(t, err)
	f, err := d.Temp()
	require.NoError(t, err)
	require.NoError(t, f.Close())
	assert.ErrorIs(t, f.Close(), fs.ErrClosed)
	assert.ErrorIs(t, f.Write([]byte("text")), syscall.EBADF)
	require.NoError(t, d.Close())
	assert.ErrorIs(t, d.Close(), fs.ErrClosed)
	_, err = d.Temp()
	assert.ErrorIs(t, err, syscall.EBADF)
	_, err = d.Names()
	assert.ErrorIs(t, err, syscall.EBADF)
}

func TestRemoveOfDirectories(t *testing.T) {
	d := open(t, nil)
	require.NoError(t, os.MkdirAll(d.Path("full/inner"), 0o700))
	require.NoError(t, os.Mkdir(d.Path("empty"), 0o700))
	require.NoError(t, d.Remove("empty"))
	assert.NoDirExists(t, d.Path("empty"))
	assert.Error(t, d.Remove("full"))
	assert.DirExists(t, d.Path("full/inner"))
}

// What the system takes a part of is not written.
func TestPartOfAWriteIsNone(t *testing.T) {
	for _, tt := range []struct {
		name string
		take []int // bytes of each call; then the error
		then error
		want error
	}{
		{"all at once", []int{6}, errors.New("called again"), nil},
		{"in parts", []int{1, 2, 3}, errors.New("called again"), nil},
		{"full after a part", []int{2}, syscall.ENOSPC, syscall.ENOSPC},
		{"full at once", nil, syscall.ENOSPC, syscall.ENOSPC},
		{"nothing, and no reason", []int{2, 0}, nil, io.ErrUnexpectedEOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var written []byte
			data, interrupted := []byte("abcdef"), false
			err := inParts(data, func(done int) (int, error) {
				if interrupted = !interrupted; interrupted {
					return -1, syscall.EINTR
				}
				if len(tt.take) == 0 {
					return -1, tt.then
				}
				n := tt.take[0]
				tt.take = tt.take[1:]
				written = append(written, data[done:done+n]...)
				return n, nil
			})
			assert.ErrorIs(t, err, tt.want)
			if tt.want == nil {
				assert.Equal(t, data, written)
			}
		})
	}
}
