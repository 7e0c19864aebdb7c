//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// patience bounds one connection, and what the kernel does in its own time.
const patience = 5 * time.Second

// eventually asks until the answer is yes or patience ends, and returns the last answer.
func eventually(done func() bool) bool {
	for end := time.Now().Add(patience); !done(); {
		if time.Now().After(end) {
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
	return true
}

// A container is a network namespace with a name, as iproute2 makes them. That is all the
// plugins know of a container.
type container struct {
	name  string
	netns string
}

// newContainer makes a container that is removed, at the latest, when the test ends.
func newContainer(t *testing.T, name string) *container {
	t.Helper()
	c := &container{name: name, netns: "/run/netns/" + name}
	command(t, "ip", "netns", "add", name)
	t.Cleanup(func() { c.remove(t) })
	// Nobody here has the same address twice, and detecting it takes a second each time.
	c.inside(t, func() error {
		return os.WriteFile("/proc/sys/net/ipv6/conf/default/accept_dad", []byte("0"), 0o600)
	})
	return c
}

// remove removes the container's network namespace; once more does nothing. The kernel
// takes the interfaces away a little later.
func (c *container) remove(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(c.netns); err == nil {
		command(t, "ip", "netns", "del", c.name)
	}
}

// ip runs iproute2's ip inside the container and returns what it printed.
func (c *container) ip(t *testing.T, args string) string {
	t.Helper()
	return command(t, "ip", append([]string{"-n", c.name}, strings.Fields(args)...)...)
}

// host runs a command line, which has no quotes, on the host and returns what it printed.
func host(t *testing.T, line string) string {
	t.Helper()
	words := strings.Fields(line)
	return command(t, words[0], words[1:]...)
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var said strings.Builder // no part of the answer: ip's "Dump was interrupted", for one
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(t, err, "%s %s: %s%s", name, strings.Join(args, " "), out, said.String())
	return string(out)
}

// inside calls f on a thread in the container's network namespace. Sockets that f makes
// stay there, whoever uses them later.
func (c *container) inside(t *testing.T, f func() error) {
	t.Helper()
	require.NoError(t, within(c.netns, f))
}

func within(netns string, f func() error) error {
	container, err := os.Open(netns)
	if err != nil {
		return err
	}
	defer container.Close()
	// The thread goes back where it came from: one that stayed, and were it parked, would
	// keep the namespace alive.
	runtime.LockOSThread()
	outside, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer outside.Close()
	if err := unix.Setns(int(container.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("entering %s: %w", netns, err)
	}
	err = f()
	if back := unix.Setns(int(outside.Fd()), unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, back) // and no other goroutine gets this thread
	}
	runtime.UnlockOSThread()
	return err
}

// serve answers every TCP connection to the container's port, on all its addresses, with
// the container's name and the address that the connection seems to come from. It ends
// with the test.
func (c *container) serve(t *testing.T, port int) {
	t.Helper()
	c.inside(t, func() error {
		// One socket a family: what "tcp" means is found out once a process, and wrongly
		// where the loopback interface is down.
		for _, network := range []string{"tcp4", "tcp6"} {
			listener, err := net.Listen(network, fmt.Sprintf(":%d", port))
			if err != nil {
				return err
			}
			t.Cleanup(func() { listener.Close() })
			go c.answer(listener)
		}
		return nil
	})
}

func (c *container) answer(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		from := netip.MustParseAddrPort(conn.RemoteAddr().String()).Addr()
		fmt.Fprintf(conn, "%s %s", c.name, from)
		conn.Close()
	}
}

// ask connects from the container to address and returns what a container that serves
// there answers: its name and the address it saw.
func (c *container) ask(t *testing.T, address string) (name string, from netip.Addr) {
	t.Helper()
	c.inside(t, func() (err error) {
		name, from, err = ask(address, patience)
		return err
	})
	return name, from
}

// assertReaches asserts that the server at address, asked from the container, or from the
// host if that is nil, is the container named want.
func assertReaches(t *testing.T, from *container, address, want string) {
	t.Helper()
	if from != nil {
		name, _ := from.ask(t, address)
		assert.Equal(t, want, name, "who answers %s at %s", from.name, address)
		return
	}
	name, _, err := ask(address, patience)
	require.NoError(t, err)
	assert.Equal(t, want, name, "who answers the host at %s", address)
}

// assertCut asserts that the container reaches nobody at address.
func (c *container) assertCut(t *testing.T, address string) {
	t.Helper()
	c.inside(t, func() error {
		name, _, err := ask(address, time.Second/2)
		assert.Error(t, err, "%s was answered by %q at %s", c.name, name, address)
		return nil
	})
}

func ask(address string, timeout time.Duration) (name string, from netip.Addr, err error) {
	conn, err := net.DialTimeout("tcp", address, timeout)
	if err != nil {
		return "", netip.Addr{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return "", netip.Addr{}, err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return "", netip.Addr{}, err
	}
	name, seen, _ := strings.Cut(string(answer), " ")
	from, err = netip.ParseAddr(seen)
	return name, from, err
}
