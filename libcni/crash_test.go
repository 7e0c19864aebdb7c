package libcni

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/types"
)

// The crash tests kill a process that attaches and detaches, and look at what is
// left. The process is this test binary, which finds its orders here.
const (
	crashDir  = "CNIKIT_TEST_CRASH_DIR"  // cache/, state/ of the plugins, journal
	crashSeed = "CNIKIT_TEST_CRASH_SEED" // of what it does
	crashAt   = "CNIKIT_TEST_CRASH_AT"   // "ADD 7": kills itself at a verb's file operation
)

// world is a cache directory, plugins with their state, and a journal in which
// the process that is to be killed notes which attachments live.
type world struct {
	dir  string
	list *NetworkConfigList
	exec *statefulExec
	cni  *CNIConfig
}

func openWorld(t *testing.T, dir string, noSync bool) *world {
	t.Helper()
	w := &world{dir: dir, exec: &statefulExec{dir: filepath.Join(dir, "state")}}
	require.NoError(t, os.MkdirAll(w.exec.dir, 0o700))
	w.list = mustList(t, `{"name":"crash-net","cniVersion":"1.1.0","plugins":[{"type":"one"},{"type":"two"},{"type":"three"}]}`)
	w.cni = New([]string{filepath.FromSlash("/bin")}, Options{Exec: w.exec, CacheDir: filepath.Join(dir, "cache"), NoSync: noSync})
	return w
}

func (w *world) rt(id string) *RuntimeConf {
	return &RuntimeConf{ContainerID: id, NetNS: "/run/netns/" + id, IfName: "eth0"}
}

// live reads the journal: the attachments whose ADD returned and whose DEL was not
// begun.
func (w *world) live(t *testing.T) map[string]bool {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, "journal"))
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	live := map[string]bool{}
	for _, line := range strings.Split(string(data), "\n") {
		if what, id, ok := strings.Cut(line, " "); ok {
			live[id] = what == "live"
		}
	}
	for id, is := range live {
		if !is {
			delete(live, id)
		}
	}
	return live
}

func (w *world) valid(live map[string]bool) *GCArgs {
	args := &GCArgs{}
	for id := range live {
		args.ValidAttachments = append(args.ValidAttachments, types.GCAttachment{ContainerID: id, IfName: "eth0"})
	}
	return args
}

// TestCrashingProcess is not a test of its own: it is the process that is killed.
func TestCrashingProcess(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		return
	}
	seed, err := strconv.ParseUint(os.Getenv(crashSeed), 10, 64)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(seed, 0))
	w := openWorld(t, dir, seed%4 != 0)
	journal, err := os.OpenFile(filepath.Join(dir, "journal"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	note := func(what, id string) {
		_, err := fmt.Fprintf(journal, "%s %s\n", what, id)
		require.NoError(t, err)
	}
	live := w.live(t)
	verb := ""
	if at, n, ok := strings.Cut(os.Getenv(crashAt), " "); ok {
		left, err := strconv.Atoi(n)
		require.NoError(t, err)
		w.cni.fault = func(string, string) error {
			if verb != at {
				return nil
			}
			if left--; left < 0 {
				kill(t)
			}
			return nil
		}
	}
	_, _ = os.Stdout.WriteString("ready\n")
	for {
		id := "c" + strconv.Itoa(random.IntN(5))
		switch random.IntN(6) {
		case 0, 1:
			verb, w.exec.fail = "ADD", nil
			_, err := w.cni.AddNetworkList(t.Context(), w.list, w.rt(id))
			require.NoError(t, err)
			note("live", id)
			live[id] = true
		case 2:
			verb, w.exec.fail = "ADD", func(plugin string) error {
				if plugin == "two" {
					return errBanana
				}
				return nil
			}
			_, err := w.cni.AddNetworkList(t.Context(), w.list, w.rt(id))
			require.ErrorIs(t, err, errBanana)
		case 3, 4:
			note("gone", id)
			delete(live, id)
			if verb = "DEL"; random.IntN(2) == 0 {
				require.NoError(t, w.cni.DelNetworkList(t.Context(), w.list, w.rt(id)))
			} else {
				require.NoError(t, w.cni.DelContainer(t.Context(), id))
			}
		case 5:
			verb = "GC"
			require.NoError(t, w.cni.GCNetworkList(t.Context(), w.list, w.valid(live)))
		}
	}
}

func kill(t *testing.T) {
	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	require.NoError(t, self.Kill())
	select {} // it takes a moment
}

// crash runs the process in the world and kills it after that time, or waits for
// it to kill itself.
func crash(t *testing.T, w *world, seed uint64, after time.Duration, at string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrashingProcess$")
	cmd.Env = append(os.Environ(), crashDir+"="+w.dir, crashSeed+"="+strconv.FormatUint(seed, 10), crashAt+"="+at)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	if at == "" {
		time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	}
	rest, _ := io.ReadAll(lines)
	err = cmd.Wait()
	var exit *exec.ExitError
	killed := errors.As(err, &exit) && (!exit.Exited() || runtime.GOOS == "windows") // which knows no signals
	require.True(t, killed, "killed, not failed (seed %d): %v\n%s", seed, err, rest)
}

// recovered looks at what a killed process left, and cleans it up by GC: then the
// attachments that live are whole, and of the others nothing is left.
func recovered(t *testing.T, w *world, what string) {
	t.Helper()
	_, err := w.cni.Attachments(AttachmentKey{})
	require.NoError(t, err, "%s: no record is torn", what)
	_, err = w.cni.Pending(AttachmentKey{})
	require.NoError(t, err, "%s: nor an intent", what)

	live := w.live(t)
	require.NoError(t, w.cni.GCNetworkList(t.Context(), w.list, w.valid(live)), what)
	pending, err := w.cni.Pending(AttachmentKey{})
	require.NoError(t, err, what)
	require.Empty(t, pending, what)
	attachments, err := w.cni.Attachments(AttachmentKey{})
	require.NoError(t, err, what)
	require.Len(t, attachments, len(live), what)
	for id := range live {
		require.Len(t, w.exec.state(t, id), 3, "%s: %s lives and keeps its state", what, id)
		require.NoError(t, w.cni.CheckNetworkList(t.Context(), w.list, w.rt(id)), what)
	}
	require.Len(t, w.exec.state(t, ""), 3*len(live), "%s: nothing else has any", what)
}

// finish DELs what lives and expects an empty world.
func finish(t *testing.T, w *world) {
	t.Helper()
	for id := range w.live(t) {
		require.NoError(t, w.cni.DelAttachment(t.Context(), AttachmentKey{"crash-net", id, "eth0"}))
	}
	w.cni.store(nil).clean(t)
	assert.Empty(t, w.exec.state(t, ""))
	assert.Empty(t, w.cni.store(nil).files(t))
}

// TestKilledAtRandom kills the process at random moments.
func TestKilledAtRandom(t *testing.T) {
	kills := 300
	if testing.Short() {
		kills = 20
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv(crashSeed); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("%d kills; to repeat: %s=%d", kills, crashSeed, seed)
	random := rand.New(rand.NewPCG(seed, 1))
	w := openWorld(t, t.TempDir(), true)
	for i := range kills {
		after := time.Duration(random.Int64N(int64(20 * time.Millisecond)))
		crash(t, w, seed+uint64(i), after, "")
		recovered(t, w, fmt.Sprintf("kill %d after %v, seed %d", i, after, seed+uint64(i)))
	}
	finish(t, w)
}

// TestKilledAtEveryFileOperation has the process kill itself before each file
// operation of a verb.
func TestKilledAtEveryFileOperation(t *testing.T) {
	for verb, operations := range map[string]int{"ADD": 25, "DEL": 12, "GC": 12} {
		t.Run(verb, func(t *testing.T) {
			w := openWorld(t, t.TempDir(), true)
			for n := range operations {
				crash(t, w, uint64(n), 0, fmt.Sprint(verb, " ", n))
				recovered(t, w, fmt.Sprintf("killed at operation %d of %s", n, verb))
			}
			finish(t, w)
		})
	}
}
