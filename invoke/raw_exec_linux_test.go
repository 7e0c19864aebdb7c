package invoke_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cnikit/cnikit/invoke"
)

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}

// What Go opens a plugin does not get. What this process was started with and keeps
// open for its children is not the package's to close.
func TestPluginInheritsNoDescriptors(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	file, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer file.Close()
	want := []string{"0", "1", "2", "3"} // the last one is the directory that ls reads
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		require.NoError(t, err)
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 && fd > 3 {
			want = append(want, entry.Name())
		}
	}
	out, err := new(invoke.RawExec).ExecPlugin(context.Background(), script(t, `exec ls /proc/self/fd`), nil, nil)
	require.NoError(t, err)
	assert.ElementsMatch(t, want, strings.Fields(string(out)))
}

func TestThousandRunsLeakNothing(t *testing.T) {
	quick := "/bin/true"
	if _, err := os.Stat(quick); err != nil {
		quick = script(t, `:`)
	}
	failing := script(t, `echo oops >&2; exit 1`)
	e := new(invoke.RawExec)
	_, err := e.ExecPlugin(context.Background(), quick, nil, nil) // what the first use sets up stays
	require.NoError(t, err)
	files, goroutines := descriptors(t), runtime.NumGoroutine()

	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 250 {
				path := quick
				if i%10 == worker {
					path = failing
				}
				ctx, cancel := context.Background(), func() {}
				switch i % 3 {
				case 0:
					ctx, cancel = context.WithCancel(ctx)
				case 1:
					ctx = t.Context() // which outlives all runs
				}
				_, err := e.ExecPlugin(ctx, path, []byte("{}"), nil)
				cancel()
				assert.Equal(t, path == failing, err != nil)
			}
		})
	}
	wg.Wait()

	assert.Equal(t, files, descriptors(t), "descriptors")
	for start := time.Now(); runtime.NumGoroutine() > goroutines && time.Since(start) < prompt; {
		runtime.Gosched()
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), goroutines, "goroutines")
	_, err = syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
	assert.Equal(t, syscall.ECHILD, err, "zombies")
}

// BenchmarkRawExec is one process, as small as the system has one, and what of that is
// Go's and the system's to start it and to wait for it.
func BenchmarkRawExec(b *testing.B) {
	path, err := exec.LookPath("true")
	if err != nil {
		b.Skip(err)
	}
	b.Run("ExecPlugin", func(b *testing.B) {
		var raw invoke.RawExec
		b.ReportAllocs()
		for b.Loop() {
			if _, err := raw.ExecPlugin(b.Context(), path, []byte(`{"cniVersion":"1.1.0"}`), []string{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("StartProcess", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p, err := os.StartProcess(path, []string{path}, &os.ProcAttr{Env: []string{}})
			require.NoError(b, err)
			_, err = p.Wait()
			require.NoError(b, err)
		}
	})
}
