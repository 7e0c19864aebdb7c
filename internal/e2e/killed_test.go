//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const (
	killRounds    = 4
	killsPerRound = 10
	// killWithin is as long as a runtime may live once it has begun: some ADDs of real plugins.
	killWithin = 250 * time.Millisecond
)

// TestKilledRuntime kills a runtime over and over, at any point of its ADDs, DELs and GCs
// with real plugins. After each round one GC is enough to remove all that it had attached or
// begun to attach, and the attachment in the valid set has lost nothing.
func TestKilledRuntime(t *testing.T) {
	if os.Getenv(insideVar) == "" {
		t.Parallel()
	}
	sandbox(t, rootless, func(t *testing.T) string {
		needLinkKind(t, "bridge")
		seed := uint64(time.Now().UnixNano())
		if given := os.Getenv("CNIKIT_E2E_SEED"); given != "" {
			var err error
			seed, err = strconv.ParseUint(given, 10, 64)
			require.NoError(t, err)
		}
		t.Logf("seed: CNIKIT_E2E_SEED=%d", seed)
		random := rand.New(rand.NewPCG(seed, 0))

		kept, all := churning(keeper, 8999), churningVictims()
		keeperBox := newContainer(t, keeper)
		keeperBox.serve(t, 80)
		for _, a := range all {
			newContainer(t, a.ContainerID)
		}
		lib := cnikit(pluginsDir())
		warmUp(t, lib, all)
		empty := traces(t)
		_, err := lib.Add(t.Context(), churnList, kept)
		require.NoError(t, err)
		before := traces(t)

		// What a killed runtime's plugins still do, they do as children of this process.
		require.NoError(t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
		unrecorded := 0
		for range killRounds {
			for range killsPerRound {
				killRuntime(t, random)
				if len(withoutRecord(t)) > 0 {
					unrecorded++
				}
			}
			unfinishedFilesAge(t)
			require.NoError(t, lib.GC(t.Context(), churnList, kept), "GC with the keeper valid")
			assertOnly(t, before)
			require.NoError(t, lib.Check(t.Context(), churnList, kept), "CHECK of the keeper")
			assertReaches(t, nil, "127.0.0.1:8999", keeper)
		}
		t.Logf("%d kills, after %d of them there was an address without a record", killRounds*killsPerRound, unrecorded)
		assert.NotZero(t, unrecorded, "no kill has hit an ADD: nothing is proven")

		killRuntime(t, random)
		unfinishedFilesAge(t)
		require.NoError(t, lib.GC(t.Context(), churnList), "GC with nothing valid")
		assertOnly(t, empty)
		for _, a := range append(all, kept) {
			require.NoError(t, lib.Del(t.Context(), churnList, a), "DEL of %s", a.ContainerID)
		}
		assertOnly(t, empty)
		assert.Empty(t, libraryFiles(t))
		return ""
	})
}

// warmUp makes what the plugins never remove.
func warmUp(t *testing.T, lib library, all []attachment) {
	t.Helper()
	_, err := lib.Add(t.Context(), churnList, all[0])
	require.NoError(t, err)
	require.NoError(t, lib.Del(t.Context(), churnList, all[0]))
}

// killRuntime starts a churning runtime, kills it at some moment, and waits for the plugins
// that outlive it.
func killRuntime(t *testing.T, random *rand.Rand) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.Command(self)
	child.Env = append(os.Environ(), runtimeVar+"="+strconv.FormatUint(random.Uint64(), 10))
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	var stderr bytes.Buffer
	child.Stderr = &stderr
	require.NoError(t, child.Start())
	_, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "the runtime did not begin: %s", &stderr)

	time.Sleep(time.Duration(random.Int64N(int64(killWithin))))
	require.NoError(t, child.Process.Kill())
	var exit *exec.ExitError
	require.ErrorAs(t, child.Wait(), &exit, "the runtime has ended by itself")
	require.True(t, exit.Sys().(syscall.WaitStatus).Signaled(), "the runtime has ended by itself: %s", &stderr)
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

// withoutRecord lists the addresses that host-local has given to attachments of which there
// is no record: only an intent tells of them.
func withoutRecord(t *testing.T) []string {
	t.Helper()
	reservations, err := filepath.Glob("/var/lib/cni/networks/churn/10.33.0.*")
	require.NoError(t, err)
	var all []string
	for _, file := range reservations {
		owner, err := os.ReadFile(file)
		require.NoError(t, err)
		container, ifName, _ := strings.Cut(string(owner), "\r\n")
		if _, err := os.Stat("/var/lib/cni/results/churn-" + container + "-" + ifName); err != nil {
			all = append(all, filepath.Base(file))
		}
	}
	return all
}

// unfinishedFilesAge makes the files that killed writers left as old as GC wants them to be
// before it takes them away.
func unfinishedFilesAge(t *testing.T) {
	t.Helper()
	unfinished, err := filepath.Glob("/var/lib/cni/*/.tmp-*")
	require.NoError(t, err)
	for _, file := range unfinished {
		require.NoError(t, os.Chtimes(file, time.Time{}, time.Now().Add(-time.Hour)))
	}
}

// assertOnly asserts that the traces, pending files among them, are those of before.
func assertOnly(t *testing.T, before []string) {
	t.Helper()
	now := traces(t)
	assert.Empty(t, leftBehind(before, now), "left behind")
	assert.Empty(t, leftBehind(now, before), "lost")
}
