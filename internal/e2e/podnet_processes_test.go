//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// podnetVar makes a copy of the test binary a runtime on podnet; its value is the number of
// rounds (0: for ever) and a seed.
const podnetVar = "CNIKIT_E2E_PODNET"

const podnetVictims = 4

// TestPodnetRuntime is no test of its own: in a copy of the binary made for it, it attaches
// and detaches containers at random, each to two networks, and collects garbage.
func TestPodnetRuntime(t *testing.T) {
	task := os.Getenv(podnetVar)
	if task == "" {
		return
	}
	var rounds int
	var seed uint64
	_, err := fmt.Sscan(task, &rounds, &seed)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(seed, 1))
	ctx := context.Background()
	m, err := podnet.Open(ctx, podnetOptions())
	require.NoError(t, err)
	fmt.Println("ready")
	valid := []types.GCAttachment{}
	for i := range podnetVictims {
		valid = append(valid, types.GCAttachment{ContainerID: fmt.Sprintf("victim%d", i)})
	}
	for round := 0; rounds == 0 || round < rounds; round++ {
		id := fmt.Sprintf("victim%d", random.IntN(podnetVictims))
		switch n := random.IntN(10); {
		case n < 5:
			_, err = m.Attach(ctx, podnet.Pod{ID: id, NetNS: "/run/netns/" + id, Networks: []podnet.Network{{Name: "backend"}, {Name: "frontend"}}})
			if errors.Is(err, libcni.ErrAlreadyAttached) {
				err = nil
			}
		case n < 8:
			err = m.Detach(ctx, id)
		case n < 9:
			if err = m.Check(ctx, id); errors.Is(err, libcni.ErrNoRecord) {
				err = nil
			}
		default:
			_, err = m.GC(ctx, podnet.GCArgs{Valid: valid})
		}
		require.NoError(t, err, "round %d, %s", round, id)
	}
	require.NoError(t, m.Close())
}

// startPodnet starts a runtime on podnet and waits until it has begun.
func startPodnet(t *testing.T, rounds int, seed uint64) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.Command(self, "-test.run=^TestPodnetRuntime$", "-test.timeout=2m")
	child.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, insideVar+"=") })
	child.Env = append(child.Env, fmt.Sprintf("%s=%d %d", podnetVar, rounds, seed))
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, in, err := os.Pipe()
	require.NoError(t, err)
	var rest bytes.Buffer
	child.Stdout, child.Stderr = in, &rest
	require.NoError(t, child.Start())
	in.Close()
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	require.NoError(t, err, "the runtime did not begin: %s", &rest)
	require.Equal(t, "ready\n", line)
	t.Cleanup(func() { out.Close() })
	go func() {
		for line, err := lines.ReadString('\n'); err == nil; line, err = lines.ReadString('\n') {
			if line != "PASS\n" {
				fmt.Print(line) // what failed there
			}
		}
	}()
	return child, &rest
}

func podnetStage(t *testing.T) (random *rand.Rand) {
	t.Helper()
	needLinkKind(t, "bridge")
	for i := range podnetVictims {
		newContainer(t, fmt.Sprintf("victim%d", i))
	}
	host(t, "ip link add backend up address 02:00:00:00:00:31 type bridge")
	host(t, "ip link add frontend up address 02:00:00:00:00:32 type bridge")
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("CNIKIT_E2E_SEED"); given != "" {
		var err error
		seed, err = strconv.ParseUint(given, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("seed: CNIKIT_E2E_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

var podnetNetworks = map[string]string{
	"10-backend.conflist":  segment("backend", "10.31.0.0/24"),
	"20-frontend.conflist": segment("frontend", "10.32.0.0/24"),
}

// TestPodnetKilled kills a runtime on podnet over and over. To open the manager again is
// enough: each container is then attached to both networks, or to none.
func TestPodnetKilled(t *testing.T) {
	sandbox(t, rootless, func(t *testing.T) string {
		random := podnetStage(t)
		require.NoError(t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
		m := openPodnet(t, podnetNetworks)
		before := traces(t)
		unfinished := 0
		for range 12 {
			require.NoError(t, m.Close())
			child, rest := startPodnet(t, 0, random.Uint64())
			time.Sleep(time.Duration(random.Int64N(int64(400 * time.Millisecond))))
			require.NoError(t, child.Process.Kill())
			var exit *exec.ExitError
			require.ErrorAs(t, child.Wait(), &exit)
			require.True(t, exit.Sys().(syscall.WaitStatus).Signaled(), "the runtime has ended by itself: %s", rest)
			waitForOrphans(t)
			if left, err := os.ReadDir("/var/lib/cni/podnet/podnet"); err == nil && len(left) > 0 {
				unfinished++
			}

			m = openPodnet(t, nil)
			left, err := m.Recover(t.Context())
			require.NoError(t, err)
			assert.Empty(t, left, "Open has left something to recover")
			for i := range podnetVictims {
				id := fmt.Sprintf("victim%d", i)
				all, err := m.Attachments(id)
				require.NoError(t, err)
				if len(all) > 0 {
					assert.Len(t, all, 3, "lo, eth0 and eth1 of %s", id)
					assert.NoError(t, m.Check(t.Context(), id))
				} else {
					assert.NotContains(t, host(t, "ip -n "+id+" -br link show"), "eth", "%s is not attached", id)
				}
			}
		}
		t.Logf("12 kills, %d of them in the middle of an operation", unfinished)
		assert.NotZero(t, unfinished, "no kill has hit an operation: nothing is proven")
		unfinishedFilesAge(t)
		podnetFilesAge(t)
		_, err := m.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{}})
		require.NoError(t, err)
		assertOnlyAddressFiles(t, before)
		return ""
	})
}

// waitForOrphans waits for the plugins that outlive a runtime.
func waitForOrphans(t *testing.T) {
	t.Helper()
	for {
		_, err := unix.Wait4(-1, nil, 0, nil)
		if errors.Is(err, unix.ECHILD) {
			return
		}
		if !errors.Is(err, unix.EINTR) {
			require.NoError(t, err)
		}
	}
}

// podnetFilesAge is unfinishedFilesAge for podnet's cache directory.
func podnetFilesAge(t *testing.T) {
	t.Helper()
	for _, dir := range []string{"results", "pending", "podnet"} {
		entries, err := os.ReadDir("/var/lib/cni/podnet/" + dir)
		require.NoError(t, err)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".tmp-") {
				require.NoError(t, os.Chtimes("/var/lib/cni/podnet/"+dir+"/"+e.Name(), time.Time{}, time.Now().Add(-2*time.Hour)))
			}
		}
	}
}

// TestPodnetTwoProcesses lets two runtimes work on the same containers, with one cache
// directory: bridge and host-local would fail if they got in each other's way.
func TestPodnetTwoProcesses(t *testing.T) {
	sandbox(t, rootless, func(t *testing.T) string {
		random := podnetStage(t)
		m := openPodnet(t, podnetNetworks)
		before := traces(t)
		var children []*exec.Cmd
		var rests []*bytes.Buffer
		for range 2 {
			child, rest := startPodnet(t, 25, random.Uint64())
			children, rests = append(children, child), append(rests, rest)
		}
		for i, child := range children {
			assert.NoError(t, child.Wait(), "a runtime has failed: %s", rests[i])
		}
		for i := range podnetVictims {
			require.NoError(t, m.Detach(t.Context(), fmt.Sprintf("victim%d", i)))
		}
		assertOnlyAddressFiles(t, before)
		return ""
	})
}
