package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func open(t *testing.T, fault Fault) *Dir {
	t.Helper()
	d, err := Create(t.TempDir(), fault)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// put writes a file as users of the package do.
func put(d *Dir, name, data string) error {
	f, err := d.Temp()
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return f.Write([]byte(data)) }, f.Sync, func() error { return f.Rename(name) },
	} {
		if err := step(); err != nil {
			_ = f.Remove()
			return err
		}
	}
	return f.Close()
}

func TestCreateMakesParentsForTheOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	_, err := Open(path, nil)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	for range 2 {
		d, err := Create(path, nil)
		require.NoError(t, err)
		require.NoError(t, d.Close())
	}
	if runtime.GOOS != "windows" {
		for _, p := range []string{path, filepath.Dir(path)} {
			info, err := os.Stat(p)
			require.NoError(t, err)
			assert.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
		}
	}
}

func TestCreateRefusesWhatIsNoDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	for _, p := range []string{path, filepath.Join(path, "below")} {
		_, err := Create(p, nil)
		assert.Error(t, err, p)
	}
}

// The directory may be a link of the operator's; a file in it may not.
func TestLinks(t *testing.T) {
	base := t.TempDir()
	real, outside := filepath.Join(base, "real"), filepath.Join(base, "outside")
	require.NoError(t, os.Mkdir(real, 0o700))
	require.NoError(t, os.WriteFile(outside, []byte("secret"), 0o600))
	link := filepath.Join(base, "link")
	if err := os.Symlink(real, link); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	require.NoError(t, os.Symlink(outside, filepath.Join(real, "leak")))
	require.NoError(t, os.Symlink("loop", filepath.Join(real, "loop")))
	d, err := Create(link, nil)
	require.NoError(t, err)
	defer d.Close()

	for _, name := range []string{"leak", "loop", "../outside"} {
		_, err := d.Read(name)
		var p *fs.PathError
		if assert.ErrorAs(t, err, &p, name) {
			assert.Equal(t, d.Path(name), p.Path, "the error has the whole path")
		}
	}
	assert.Error(t, d.Remove("../outside"))
	require.NoError(t, put(d, "leak", "mine"), "a planted link is replaced, not followed")
	data, err := d.Read("leak")
	require.NoError(t, err)
	assert.Equal(t, "mine", string(data))
	data, err = os.ReadFile(outside)
	require.NoError(t, err)
	assert.Equal(t, "secret", string(data))
}

func TestReadTakesRegularFilesOnly(t *testing.T) {
	d := open(t, nil)
	require.NoError(t, os.Mkdir(d.Path("directory"), 0o700))
	_, err := d.Read("directory")
	assert.Error(t, err)
	_, err = d.Read("nothing")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, os.WriteFile(d.Path("large"), nil, 0o600))
	require.NoError(t, os.Truncate(d.Path("large"), MaxSize+1))
	_, err = d.Read("large")
	assert.ErrorIs(t, err, ErrTooLarge)
}

func TestNamesLeaveOutUnfinishedFiles(t *testing.T) {
	d := open(t, nil)
	require.NoError(t, put(d, "one", "1"))
	f, err := d.Temp()
	require.NoError(t, err)
	names, unfinished, err := d.List()
	require.NoError(t, err)
	assert.Equal(t, []string{"one"}, names)
	assert.Equal(t, []string{filepath.Base(f.Path())}, unfinished)
	require.NoError(t, f.Remove())
}

// More names than one call of the system returns.
func TestNamesOfManyFiles(t *testing.T) {
	d := open(t, nil)
	var want []string
	for i := range 1000 {
		name := fmt.Sprintf("%s-%d", strings.Repeat("n", i%200), i)
		want = append(want, name)
		require.NoError(t, os.WriteFile(d.Path(name), nil, 0o600))
	}
	names, err := d.Names()
	require.NoError(t, err)
	assert.ElementsMatch(t, want, names)
}

func TestRemoveMayBeRepeated(t *testing.T) {
	d := open(t, nil)
	require.NoError(t, put(d, "one", "1"))
	assert.NoError(t, d.Remove("one"))
	assert.NoError(t, d.Remove("one"))
}

func TestCleanTakesOnlyWhatIsOldAndFree(t *testing.T) {
	d := open(t, nil)
	require.NoError(t, put(d, "kept", "1"))
	dead, err := d.Temp()
	require.NoError(t, err)
	require.NoError(t, dead.Close())
	alive, err := d.Temp()
	require.NoError(t, err)

	d.Clean(time.Hour)
	assert.FileExists(t, dead.Path(), "young")
	d.Clean(0)
	assert.NoFileExists(t, dead.Path())
	assert.FileExists(t, alive.Path(), "held")
	assert.FileExists(t, d.Path("kept"))
	require.NoError(t, alive.Remove())
}

// Each operation fails once: the old file stays, or the new one is there, and
// nothing else is left behind.
func TestEveryOperationFailingOnce(t *testing.T) {
	injected := errors.New("injected")
	for n := 0; ; n++ {
		left := -1
		var failed string
		d := open(t, func(op, _ string) error {
			if left--; left == -1 {
				failed = op
				return injected
			}
			return nil
		})
		require.NoError(t, put(d, "file", "old"))
		left = n
		err := put(d, "file", "new")
		left = -1
		if failed == "" {
			require.NoError(t, err)
			require.GreaterOrEqual(t, n, 5, "operations that could fail")
			return
		}
		t.Run(failed, func(t *testing.T) {
			assert.ErrorIs(t, err, injected)
			assert.ErrorContains(t, err, d.path)
			data, err := d.Read("file")
			require.NoError(t, err)
			assert.Equal(t, "old", string(data))
			names, unfinished, err := d.List()
			require.NoError(t, err)
			assert.Equal(t, []string{"file"}, append(names, unfinished...))
		})
	}
}

// A reader beside a writer sees whole files only.
func TestReadersSeeWholeFiles(t *testing.T) {
	d := open(t, nil)
	require.NoError(t, put(d, "file", strings.Repeat("a", 1<<12)))
	done := make(chan error, 1)
	go func() {
		defer close(done)
		for i := range 200 {
			if err := put(d, "file", strings.Repeat(string(rune('a'+i%26)), 1<<12+i)); err != nil {
				done <- err
				return
			}
		}
	}()
	for reading := true; reading; {
		select {
		case err := <-done:
			require.NoError(t, err)
			reading = false
		default:
		}
		data, err := d.Read("file")
		require.NoError(t, err)
		require.Equal(t, strings.Repeat(string(data[:1]), len(data)), string(data))
		require.GreaterOrEqual(t, len(data), 1<<12)
	}
}

func BenchmarkWrite(b *testing.B) {
	data := strings.Repeat("x", 2000)
	for _, c := range []struct {
		name string
		put  func(*Dir) error
	}{
		{"sync", func(d *Dir) error { return put(d, "file", data) }},
		{"nosync", func(d *Dir) error {
			f, err := d.Temp()
			if err != nil {
				return err
			}
			return errors.Join(f.Write([]byte(data)), f.Rename("file"), f.Close())
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			d, err := Open(b.TempDir(), nil)
			require.NoError(b, err)
			defer d.Close()
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, c.put(d))
			}
		})
	}
}

// A directory that is not opened is as good as one that is.
func TestAt(t *testing.T) {
	path := t.TempDir()
	d, err := At(path, nil)
	require.NoError(t, err)
	require.NoError(t, put(d, "file", "x"))
	unfinished, err := d.Temp()
	require.NoError(t, err)
	defer unfinished.Remove()
	names, err := d.Names()
	require.NoError(t, err)
	assert.Equal(t, []string{"file"}, names)
	data, err := d.Read("file")
	require.NoError(t, err)
	assert.Equal(t, "x", string(data))
	locked, err := d.Lock("file")
	require.NoError(t, err)
	require.NoError(t, locked.Close())
	assert.True(t, d.Regular("file"))
	f, err := d.Temp()
	require.NoError(t, err)
	assert.ErrorIs(t, f.MoveNew(d, "file"), fs.ErrExist)
	require.NoError(t, f.MoveNew(d, "other"))
	require.NoError(t, f.Remove())
	require.NoError(t, d.Remove("file"))
	assert.NoFileExists(t, filepath.Join(path, "file"))
	assert.NoError(t, d.Close())
}

func TestAtWhereThereIsNoDirectory(t *testing.T) {
	path := t.TempDir()
	names := func(path string, fault Fault) error {
		d, err := At(path, fault)
		if err == nil {
			_, err = d.Names()
		}
		return err
	}
	assert.ErrorIs(t, names(filepath.Join(path, "gone"), nil), fs.ErrNotExist)
	file := filepath.Join(path, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	var p *fs.PathError
	require.ErrorAs(t, names(file, nil), &p)
	assert.Equal(t, file, p.Path)
	assert.ErrorContains(t, names(path, func(op, _ string) error { return errors.New(op) }), "list")
}

func BenchmarkNames(b *testing.B) {
	path := b.TempDir()
	for _, c := range []struct {
		name string
		open func(string, Fault) (*Dir, error)
	}{{"at", At}, {"opened", Open}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d, err := c.open(path, nil)
				require.NoError(b, err)
				_, err = d.Names()
				require.NoError(b, errors.Join(err, d.Close()))
			}
		})
	}
}
