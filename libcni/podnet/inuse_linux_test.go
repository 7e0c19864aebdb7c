package podnet_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cnikit/cnikit/libcni/podnet"
)

const insideSandbox = "PODNET_TEST_SANDBOX"

// inSandbox runs the calling test again in user and network namespaces of its own,
// where it is root, and reports whether this is that second run.
func inSandbox(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideSandbox) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), insideSandbox+"=1")
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

// netnsWith makes a network namespace that lives as long as the test, whose one
// interface, the loopback interface, has another name. Every kernel has that one.
func netnsWith(t *testing.T, ifname string) string {
	t.Helper()
	path, quit := make(chan string), make(chan struct{})
	go func() {
		runtime.LockOSThread() // for good: the thread has a namespace of its own
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			panic(err)
		}
		if err := rename(1, ifname); err != nil {
			panic(err)
		}
		path <- fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), unix.Gettid())
		<-quit
	}()
	t.Cleanup(func() { close(quit) })
	return <-path
}

// rename names the interface of that index in this thread's namespace.
func rename(index int32, ifname string) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	msg := make([]byte, unix.NLMSG_HDRLEN+unix.SizeofIfInfomsg+unix.SizeofRtAttr+unix.IFNAMSIZ)
	attr := msg[unix.NLMSG_HDRLEN+unix.SizeofIfInfomsg:]
	binary.NativeEndian.PutUint32(msg[0:], uint32(len(msg)))
	binary.NativeEndian.PutUint16(msg[4:], unix.RTM_SETLINK)
	binary.NativeEndian.PutUint16(msg[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	binary.NativeEndian.PutUint32(msg[unix.NLMSG_HDRLEN+4:], uint32(index))
	binary.NativeEndian.PutUint16(attr[0:], uint16(len(attr)))
	binary.NativeEndian.PutUint16(attr[2:], unix.IFLA_IFNAME)
	copy(attr[unix.SizeofRtAttr:], ifname)
	if _, err := unix.Write(fd, msg); err != nil {
		return err
	}
	reply := make([]byte, 4096)
	if _, err := unix.Read(fd, reply); err != nil {
		return err
	}
	if code := int32(binary.NativeEndian.Uint32(reply[unix.NLMSG_HDRLEN:])); code != 0 {
		return syscall.Errno(-code)
	}
	return nil
}

// threadsIn counts the threads of this program whose network namespace is that of path.
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

// processes opens the manager again, with plugins that are processes and write down
// what they are asked.
func (n *node) processes(noLoopback bool) (runs func() []string) {
	n.Helper()
	require.NoError(n, n.Close())
	bin := filepath.Join(n.dir, "bin")
	for _, name := range []string{"first", "second", "loopback"} {
		path := filepath.Join(bin, name)
		writeFile(n, path, `#!/bin/sh
echo $CNI_COMMAND $CNI_IFNAME >> `+n.dir+`/runs
[ $CNI_COMMAND != ADD ] || echo '{"cniVersion":"1.1.0"}'
`)
		require.NoError(n, os.Chmod(path, 0o755))
	}
	n.opts.Exec, n.opts.PluginDirs, n.opts.NoLoopback = nil, []string{bin}, noLoopback
	n.open()
	return func() []string {
		text, _ := os.ReadFile(filepath.Join(n.dir, "runs"))
		_ = os.Remove(filepath.Join(n.dir, "runs"))
		return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
	}
}

// An interface that somebody else has made in the container's namespace is not touched:
// the plugin would fail, and the DEL after that remove it.
func TestAttachToAnInterfaceOfSomebodyElse(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	netns := netnsWith(t, "back0")
	n := newNode(t, "a", "b")
	runs := n.processes(true)
	on := func(id string, networks ...string) podnet.Pod {
		p := pod(id, networks...)
		p.NetNS = netns
		return p
	}
	for _, networks := range [][]string{{"b/back0"}, {"a", "b/back0"}} {
		_, err := n.Attach(t.Context(), on("con1", networks...))
		require.ErrorIs(t, err, podnet.ErrInterfaceInUse)
		var at *podnet.Error
		require.ErrorAs(t, err, &at)
		assert.Equal(t, podnet.Error{Op: "attach", ContainerID: "con1", Network: "b", IfName: "back0", Err: at.Err}, *at)
		for _, part := range []string{
			"it is in network namespace " + netns + ", ", "no plugin ran", "to do: give another name (IfName)",
			"nsenter --net=" + netns + " ip link del back0;",
			"NETCONFPATH=" + n.opts.ConfDir + " CNI_PATH=" + n.opts.PluginDirs[0] + " cnitool --cache " + n.opts.CacheDir + " del --container con1 -i back0 b " + netns,
		} {
			assert.ErrorContains(t, err, part)
		}
		assert.Empty(t, runs())
		n.nothingLeft()
	}
	assert.Equal(t, 1, threadsIn(t, netns), "the one that holds it")

	got, err := n.Attach(t.Context(), on("con1", "a", "b/back1"))
	require.NoError(t, err)
	assert.Equal(t, []string{"a/eth0", "b/back1"}, names(got))
	assert.Len(t, runs(), 4)
	_, err = n.Attach(t.Context(), on("con2", "b/lo"))
	require.NoError(t, err)
}

// The loopback interface is there from the beginning; other namespaces than the
// container's do not count, nor does what is none.
func TestAttachToNoInterfaceOfSomebodyElse(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	other, own := netnsWith(t, "eth0"), netnsWith(t, "lo")
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, "not empty")
	for _, test := range []struct {
		name, netns string
		networks    []string
		noLoopback  bool
	}{
		{"lo, which the manager brings up", own, []string{"a"}, false},
		{"lo by a network", own, []string{"lo/lo"}, true},
		{"a network of lo by another name", other, []string{"lo/eth0"}, true},
		{"not a namespace", file, []string{"a"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := newNode(t, "a")
			writeFile(t, filepath.Join(n.opts.ConfDir, "99-lo.conflist"), `{"cniVersion":"1.1.0","name":"lo","plugins":[{"type":"loopback"},{"type":"second"}]}`)
			runs := n.processes(test.noLoopback)
			p := pod("con1", test.networks...)
			p.NetNS = test.netns
			_, err := n.Attach(t.Context(), p)
			require.NoError(t, err)
			assert.NotEmpty(t, runs())
		})
	}
	t.Run("an Exec of the caller's", func(t *testing.T) {
		n := newNode(t, "a")
		p := pod("con1", "a")
		p.NetNS = other
		_, err := n.Attach(t.Context(), p)
		require.NoError(t, err)
	})
}

// Many look at once, and every thread gets back.
func TestAttachLooksAtManyNamespaces(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	spaces := []string{netnsWith(t, "eth0"), netnsWith(t, "eth1")}
	n := newNode(t, "a")
	n.processes(true)
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			p := pod(fmt.Sprint("con", i), "a")
			p.NetNS = spaces[i%2]
			_, err := n.Attach(t.Context(), p)
			assert.Equal(t, i%2 == 0, errors.Is(err, podnet.ErrInterfaceInUse), "%v", err)
		})
	}
	all.Wait()
	for _, netns := range spaces {
		assert.Equal(t, 1, threadsIn(t, netns))
	}
}
