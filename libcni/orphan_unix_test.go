//go:build unix

package libcni

import (
	"fmt"
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
)

const orphanDir = "CNIKIT_TEST_ORPHAN_DIR" // of a runtime that is to be killed

// The plugin keeps a file for each container in state/. Its ADD begins with one of
// them, then does as the rest of the script says, and makes another one.
const orphanPlugin = `#!/bin/sh
cd "${0%%/*}/.."
case $CNI_COMMAND in
ADD)
	echo 1 > state/$CNI_CONTAINERID-1
	%s
	;;
DEL) rm -f state/$CNI_CONTAINERID-*; echo DEL >> log ;;
esac
`

// What plugins do between their first and their second file. They tell that they are
// there by the file "begun", and go on when there is a file "go".
const (
	slowly = `: > begun; while [ -e begun -a ! -e go ]; do sleep 0.01; done; echo 2 > state/$CNI_CONTAINERID-2; echo '{"cniVersion":"1.0.0"}'`
	// byDelegate leaves it to another process and is killed with its runtime.
	byDelegate = `echo $$ > pid; (` + slowly + `) & wait`
	// asScriptsDo moves its outputs.
	asScriptsDo = `exec 3>&1 1>/dev/null 2>&1 9>&1; ` + slowly + ` >&3`
)

type orphanWorld struct {
	*CNIConfig
	dir    string
	list   *NetworkConfigList
	rt     *RuntimeConf
	warned []error
}

func newOrphanWorld(t *testing.T, dir, between string, opts Options) *orphanWorld {
	t.Helper()
	w := &orphanWorld{dir: dir}
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "bin"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "state"), 0o700))
	if between != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "bin", "slow"), fmt.Appendf(nil, orphanPlugin, between), 0o700))
	}
	opts.CacheDir, opts.NoSync, opts.Warn = filepath.Join(dir, "cache"), true, warnings(&w.warned)
	w.CNIConfig = New([]string{filepath.Join(dir, "bin")}, opts)
	w.list = mustList(t, `{"name":"net","cniVersion":"1.0.0","plugins":[{"type":"slow"}]}`)
	w.rt = &RuntimeConf{ContainerID: "c1", NetNS: "/run/netns/c1", IfName: "eth0"}
	return w
}

// TestRuntimeWithAnOrphan is not a test of its own: it is the runtime.
func TestRuntimeWithAnOrphan(t *testing.T) {
	dir := os.Getenv(orphanDir)
	if dir == "" {
		return
	}
	w := newOrphanWorld(t, dir, "", Options{Rollback: true})
	_, _ = w.AddNetworkList(t.Context(), w.list, w.rt)
}

// killed kills a runtime while its plugin is at work, which the plugin survives.
func (w *orphanWorld) killed(t *testing.T) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestRuntimeWithAnOrphan$")
	cmd.Env = append(os.Environ(), orphanDir+"="+w.dir)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return w.there("begun") }, time.Minute, time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	var end *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &end)
	require.False(t, end.Exited(), "the runtime has ended by itself")
	t.Cleanup(w.goOn)
	if pid, err := os.ReadFile(filepath.Join(w.dir, "pid")); err == nil {
		n, err := strconv.Atoi(strings.TrimSpace(string(pid)))
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(n, syscall.SIGKILL))
	}
}

func (w *orphanWorld) there(name string) bool {
	_, err := os.Stat(filepath.Join(w.dir, name))
	return err == nil
}

func (w *orphanWorld) goOn() { _ = os.WriteFile(filepath.Join(w.dir, "go"), nil, 0o600) }

func (w *orphanWorld) state(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(w.dir, "state"))
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (w *orphanWorld) nothingLeft(t *testing.T) {
	t.Helper()
	assert.Empty(t, w.state(t))
	w.store(nil).clean(t)
	assert.Empty(t, w.store(nil).files(t))
}

// running reports whether the only intent, which must be there, is held.
func (w *orphanWorld) running(t *testing.T) bool {
	t.Helper()
	pending, err := w.Pending(AttachmentKey{})
	require.NoError(t, err)
	require.Len(t, pending, 1)
	return pending[0].Running
}

// A plugin that survives its runtime keeps the intent locked, and so does what it
// has started; GC leaves both alone, and cleans up when they have ended.
func TestOrphanHoldsTheIntent(t *testing.T) {
	for name, between := range map[string]string{
		"a plugin": slowly, "a script that moves its outputs": asScriptsDo, "a program that a plugin has started": byDelegate,
	} {
		t.Run(name, func(t *testing.T) {
			w := newOrphanWorld(t, t.TempDir(), between, Options{})
			w.killed(t)
			assert.True(t, w.running(t))
			require.NoError(t, w.GCNetworkList(t.Context(), w.list, &GCArgs{}))
			assert.Equal(t, []string{"c1-1"}, w.state(t))
			w.goOn()
			require.Eventually(t, func() bool { return !w.running(t) }, time.Minute, time.Millisecond)
			assert.Equal(t, []string{"c1-1", "c1-2"}, w.state(t))
			require.NoError(t, w.GCNetworkList(t.Context(), w.list, &GCArgs{}))
			w.nothingLeft(t)
		})
	}
}

// What a plugin leaves in the background holds nothing once its ADD has ended, but
// while the runtime is at it.
func TestBackgroundProcessHoldsNothing(t *testing.T) {
	for name, exit := range map[string]int{"ADD that succeeds": 0, "ADD that fails": 1} {
		t.Run(name, func(t *testing.T) {
			w := newOrphanWorld(t, t.TempDir(), fmt.Sprintf(`(trap '' HUP; exec >/dev/null 2>&1; : > begun; %s) &
				while [ ! -e begun ]; do sleep 0.01; done
				echo '{"cniVersion":"1.0.0"}'; exit %d`, slowly, exit), Options{})
			t.Cleanup(func() {
				w.goOn()
				assert.Eventually(t, func() bool { return w.there("state/c1-2") }, time.Minute, time.Millisecond, "its end")
			})
			_, err := w.AddNetworkList(t.Context(), w.list, w.rt)
			assert.Equal(t, exit != 0, err != nil)
			pending, err := w.Pending(AttachmentKey{})
			require.NoError(t, err)
			require.Len(t, pending, exit, "of the one that failed")
			if exit != 0 {
				assert.False(t, pending[0].Running)
			}
			require.NoError(t, w.DelNetworkList(t.Context(), w.list, w.rt))
			assert.Empty(t, w.warned)
			w.nothingLeft(t)
		})
	}
}

// DEL waits for a plugin that has survived its runtime.
func TestDelWaitsForAnOrphan(t *testing.T) {
	for name, del := range dels {
		t.Run(name, func(t *testing.T) {
			w := newOrphanWorld(t, t.TempDir(), slowly, Options{WaitForAdd: time.Hour})
			w.killed(t)
			tries := 0
			w.fault = func(op, path string) error {
				if op == "lock" && strings.Contains(filepath.Dir(path), "pending") {
					if tries++; tries == 3 {
						w.goOn()
					}
				}
				return nil
			}
			require.NoError(t, del(&fixture{CNIConfig: w.CNIConfig, rt: w.rt}, t.Context(), w.list))
			assert.True(t, w.there("go"))
			assert.Empty(t, w.warned)
			w.nothingLeft(t)
		})
	}
}

// A plugin that hangs, or a process that one has left behind and that only its DEL
// would end, cannot keep an attachment from its DEL.
func TestDelBesideAnOrphan(t *testing.T) {
	for name, del := range dels {
		t.Run(name, func(t *testing.T) {
			w := newOrphanWorld(t, t.TempDir(), slowly, Options{WaitForAdd: time.Millisecond})
			w.killed(t)
			err := del(&fixture{CNIConfig: w.CNIConfig, rt: w.rt}, t.Context(), w.list)
			if name == "DelNetworkList" {
				require.NoError(t, err)
				require.Len(t, w.warned, 1)
				err = w.warned[0]
			}
			require.ErrorIs(t, err, ErrAddRunning)
			assert.Empty(t, w.state(t), "DEL has run")
			assert.True(t, w.running(t))
			w.goOn()
			require.Eventually(t, func() bool { return !w.running(t) }, time.Minute, time.Millisecond)
			assert.Equal(t, []string{"c1-2"}, w.state(t), "made after the DEL")
			require.NoError(t, w.GCNetworkList(t.Context(), w.list, &GCArgs{}))
			w.nothingLeft(t)
		})
	}
}

// A rollback's plugins inherit the lock too.
func TestOrphanOfARollback(t *testing.T) {
	w := newOrphanWorld(t, t.TempDir(), "exit 1", Options{Rollback: true})
	script, err := os.ReadFile(filepath.Join(w.dir, "bin", "slow"))
	require.NoError(t, err)
	slowDel := strings.Replace(string(script), "DEL) ", "DEL) : > begun; while [ ! -e go ]; do sleep 0.01; done; ", 1)
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "bin", "slow"), []byte(slowDel), 0o700))
	w.killed(t)
	assert.True(t, w.running(t))
	w.goOn()
	require.Eventually(t, func() bool { return !w.running(t) }, time.Minute, time.Millisecond)
	require.NoError(t, w.GCNetworkList(t.Context(), w.list, &GCArgs{}))
	w.nothingLeft(t)
}
