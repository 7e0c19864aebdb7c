package invoke

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cnikit/cnikit/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const inSandbox = "CNIKIT_TEST_SANDBOX"

// sandbox runs the calling test again in user and network namespaces of its own,
// where it is root, and reports whether this is that second run.
func sandbox(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inSandbox) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), inSandbox+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err == nil || errors.As(err, &exit) {
		require.NoError(t, err, "%s", out)
		return false
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("no namespaces here: %v", err)
	}
	t.Skipf("no namespaces here: %v", err)
	return false
}

// newNetNS makes a network namespace that lives as long as the test and returns
// its path.
func newNetNS(t *testing.T) string {
	t.Helper()
	path, quit := make(chan string), make(chan struct{})
	go func() {
		runtime.LockOSThread() // for good: the thread has a namespace of its own
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			panic(err)
		}
		path <- fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), unix.Gettid())
		<-quit
	}()
	t.Cleanup(func() { close(quit) })
	return <-path
}

// threadsIn counts the threads of this program whose network namespace is that of
// path.
func threadsIn(t *testing.T, path string) int {
	t.Helper()
	want, err := os.Readlink(path)
	require.NoError(t, err)
	tasks, err := filepath.Glob("/proc/self/task/*/ns/net")
	require.NoError(t, err)
	n := 0
	for _, task := range tasks {
		if ns, err := os.Readlink(task); err == nil && ns == want {
			n++
		}
	}
	return n
}

func loopbackCall(verb, netns string) *Call {
	args := &Args{Command: verb, ContainerID: "c1", NetNS: netns, IfName: "eth0", Path: "/bin"}
	return &Call{
		Plugin: "loopback", Path: inProcessDir + "loopback", Command: verb,
		Stdin:   []byte(`{"cniVersion":"1.0.0","name":"lo","type":"loopback"}`),
		Environ: args.AsEnv(),
	}
}

func TestLoopback(t *testing.T) {
	if !sandbox(t) {
		return
	}
	p := &InProcess{Plugins: map[string]*Plugin{"loopback": Loopback()}}
	ctx, netns := t.Context(), newNetNS(t)
	run := func(verb string) error {
		_, err := loopbackCall(verb, netns).Run(ctx, p)
		return err
	}
	require.ErrorContains(t, run("CHECK"), "interface lo is down")

	result, err := loopbackCall("ADD", netns).Result(ctx, p, "1.0.0")
	require.NoError(t, err)
	assert.Contains(t, string(result), `"address":"127.0.0.1/8"`)
	decoded, err := DecodeResult(result)
	require.NoError(t, err)
	assert.Equal(t, "1.0.0", decoded.Version())
	require.NoError(t, run("CHECK"))
	require.NoError(t, run("ADD"), "it may be up already")

	chained := loopbackCall("ADD", netns)
	chained.Stdin = []byte(`{"cniVersion":"1.0.0","name":"lo","type":"loopback","prevResult":{"cniVersion":"1.0.0","x":1e3}}`)
	result, err = chained.Run(ctx, p)
	require.NoError(t, err)
	assert.Equal(t, `{"cniVersion":"1.0.0","x":1e3}`, string(result))

	require.NoError(t, run("DEL"))
	chained.Stdin = []byte(`{"cniVersion":"1.0.0","name":"lo","type":"loopback","prevResult":{"cniVersion":"1.0.0","ips":1}}`)
	_, err = chained.Run(ctx, p)
	require.ErrorContains(t, err, "prevResult: ")
	require.ErrorContains(t, run("CHECK"), "interface lo is down")
	require.NoError(t, run("DEL"))
	assert.Equal(t, 1, threadsIn(t, netns), "the one that holds it")
}

func TestLoopbackNamespaceFaults(t *testing.T) {
	if !sandbox(t) {
		return
	}
	dir := t.TempDir()
	file, fifo := filepath.Join(dir, "file"), filepath.Join(dir, "fifo")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	p := &InProcess{Plugins: map[string]*Plugin{"loopback": Loopback()}}
	for name, tc := range map[string]struct {
		netns string
		gone  bool
	}{
		"missing":   {filepath.Join(dir, "missing"), true},
		"file":      {file, false},
		"FIFO":      {fifo, false},
		"directory": {dir, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loopbackCall("ADD", tc.netns).Run(t.Context(), p)
			var failure *PluginError
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, types.ErrInvalidNetNS, failure.Code)
			assert.Contains(t, err.Error(), fmt.Sprintf("network namespace %q: ", tc.netns))
			assert.Equal(t, tc.gone, errors.Is(err, fs.ErrNotExist))
			if tc.gone {
				assert.Equal(t, 1, strings.Count(fmt.Sprintf("%+v", err), "no such file"), "%+v", err)
			}

			_, err = loopbackCall("DEL", tc.netns).Run(t.Context(), p)
			assert.Equal(t, tc.gone, err == nil, "%v", err)
		})
	}
	_, err := loopbackCall("DEL", "").Run(t.Context(), p)
	require.NoError(t, err)
}

// The program's own namespace, the host's, keeps its lo; the program of that name
// takes it down.
func TestLoopbackRefusesOwnNamespace(t *testing.T) {
	if !sandbox(t) {
		return
	}
	p := &InProcess{Plugins: map[string]*Plugin{"loopback": Loopback()}}
	own := fmt.Sprintf("/proc/%d/ns/net", os.Getpid())
	for _, verb := range []string{"ADD", "DEL"} {
		_, err := loopbackCall(verb, own).Run(t.Context(), p)
		var failure *PluginError
		require.ErrorAs(t, err, &failure, verb)
		assert.Equal(t, types.ErrInvalidNetNS, failure.Code)
		assert.ErrorContains(t, err, "this program's own")
	}
	_, err := loopbackCall("CHECK", own).Run(t.Context(), p)
	require.ErrorContains(t, err, "interface lo is down")

	overridden := loopbackCall("ADD", own)
	overridden.Environ = append(overridden.Environ, "CNI_NETNS_OVERRIDE=TRUE")
	_, err = overridden.Run(t.Context(), p)
	require.NoError(t, err)
	_, err = loopbackCall("CHECK", own).Run(t.Context(), p)
	require.NoError(t, err)
}

func TestLoopbackConcurrent(t *testing.T) {
	if !sandbox(t) {
		return
	}
	p := &InProcess{Plugins: map[string]*Plugin{"loopback": Loopback()}}
	spaces := []string{newNetNS(t), newNetNS(t), newNetNS(t), newNetNS(t)}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			for _, verb := range []string{"ADD", "CHECK", "ADD"} {
				_, err := loopbackCall(verb, spaces[i%len(spaces)]).Run(t.Context(), p)
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	for _, netns := range spaces {
		assert.Equal(t, 1, threadsIn(t, netns))
	}
}

// Of the threads that enter a namespace the ones that can go back do, also after a
// panic; the one that cannot, for it has lost the right to, ends with its
// goroutine.
func TestNetNSThreadRule(t *testing.T) {
	if !sandbox(t) {
		return
	}
	netns := newNetNS(t)
	plugin := func(fn func() error) *InProcess {
		return &InProcess{Plugins: map[string]*Plugin{"loopback": {
			Check: func(_ context.Context, r *Request) error { return inNetNS(r.Netns, fn) },
		}}}
	}
	t.Run("panic", func(t *testing.T) {
		_, err := loopbackCall("CHECK", netns).Run(t.Context(), plugin(func() error { panic("inside") }))
		require.ErrorContains(t, err, "panicked: inside")
		assert.Equal(t, 1, threadsIn(t, netns))
	})
	t.Run("no way back", func(t *testing.T) {
		tid, kept := 0, 1
		strand := func() error {
			tid = unix.Gettid()
			header := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
			none := [2]unix.CapUserData{}
			return unix.Capset(header, &none[0]) // of this thread only
		}
		_, err := loopbackCall("CHECK", netns).Run(t.Context(), plugin(strand))
		require.NoError(t, err)
		if tid == os.Getpid() {
			// A program's first thread cannot end before the program does: the runtime
			// puts it to sleep for ever.
			kept++
			_, err := loopbackCall("CHECK", netns).Run(t.Context(), plugin(strand))
			require.NoError(t, err)
		}
		task := fmt.Sprintf("/proc/self/task/%d", tid)
		require.Eventually(t, func() bool {
			_, err := os.Stat(task)
			return errors.Is(err, fs.ErrNotExist)
		}, 10*time.Second, time.Millisecond, "the thread is to be thrown away")
		assert.Equal(t, kept, threadsIn(t, netns))
		_, err = loopbackCall("CHECK", netns).Run(t.Context(), plugin(func() error { return nil }))
		require.NoError(t, err)
	})
}
