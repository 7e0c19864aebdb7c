//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
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

// orphanVar makes a copy of the test binary a runtime that is killed while a plugin of its
// ADD runs; its value is "libcni" or "podnet".
const orphanVar = "CNIKIT_E2E_ORPHAN"

// lateDir has plugins that do as a real one does, but in ADD begin when they are let go.
// While they wait there is a file "begun" with the number of the process that called them.
const lateDir = "/run/late"

const latePlugin = `#!/bin/sh
exec 3>&1 1>&2 # as many scripts begin
if [ "$CNI_COMMAND" = ADD ]; then
	echo $PPID > /run/late/begun
	while [ ! -e /run/late/go ]; do sleep 0.01; done
fi
"${CNI_PATH##*:}/REAL" >&3
`

// late are networks of bridge and host-local, of which one is late.
var late = map[string]string{
	"bridge": `{"cniVersion": "1.1.0", "name": "late", "plugins": [
		{"type": "late-bridge", "bridge": "cni5", "isGateway": true, "ipam": {"type": "host-local", "subnet": "10.35.0.0/24"}}
	]}`,
	"host-local": `{"cniVersion": "1.1.0", "name": "late", "plugins": [
		{"type": "bridge", "bridge": "cni5", "isGateway": true, "ipam": {"type": "late-host-local", "subnet": "10.35.0.0/24"}}
	]}`,
}

func lateCNI() *libcni.CNIConfig {
	return libcni.New([]string{lateDir, pluginsDir()}, libcni.Options{})
}

func lateOptions() podnet.Options {
	o := podnetOptions()
	o.PluginDirs = []string{lateDir, pluginsDir()}
	return o
}

func lateList(t *testing.T) *libcni.NetworkConfigList {
	list, err := libcni.LoadNetworkConf(podnetConf, "late")
	require.NoError(t, err)
	return list
}

var lateRT = &libcni.RuntimeConf{ContainerID: "victim", NetNS: "/run/netns/victim", IfName: "eth0"}

func attachLate(t *testing.T, by string) error {
	if by == "libcni" {
		_, err := lateCNI().AddNetworkList(t.Context(), lateList(t), lateRT)
		return err
	}
	m, err := podnet.Open(t.Context(), lateOptions())
	require.NoError(t, err)
	defer m.Close()
	_, err = m.Attach(t.Context(), podnet.Pod{ID: "victim", NetNS: lateRT.NetNS})
	return err
}

// TestOrphanRuntime is no test of its own: it is the runtime that is killed.
func TestOrphanRuntime(t *testing.T) {
	if by := os.Getenv(orphanVar); by != "" {
		_ = attachLate(t, by)
		select {}
	}
}

// TestOrphanedPlugin kills a runtime while a plugin of its ADD has not done anything yet:
// one that calls a real bridge, which calls a real host-local; or one that calls a real
// host-local, and whose caller, a real bridge, is killed too. What they make after that is
// found and removed, by whatever comes next.
func TestOrphanedPlugin(t *testing.T) {
	sandbox(t, rootless, func(t *testing.T) string {
		needLinkKind(t, "bridge")
		require.NoError(t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
		require.NoError(t, os.MkdirAll(lateDir, 0o755))
		require.NoError(t, os.MkdirAll(podnetConf, 0o755))
		for real := range late {
			script := strings.ReplaceAll(latePlugin, "REAL", real)
			require.NoError(t, os.WriteFile(lateDir+"/late-"+real, []byte(script), 0o755))
		}
		newContainer(t, "victim")

		// Each cleans up in a process other than the killed one. between is called when it
		// waits, or when it has left alone what is under way.
		cleaners := []struct {
			name, by string
			clean    func(t *testing.T, between func())
		}{
			{"DEL", "libcni", func(t *testing.T, between func()) {
				waits(t, between, func() error { return lateCNI().DelNetworkList(t.Context(), lateList(t), lateRT) })
			}},
			{"DelContainer", "libcni", func(t *testing.T, between func()) {
				waits(t, between, func() error { return lateCNI().DelContainer(t.Context(), "victim") })
			}},
			{"GC", "libcni", func(t *testing.T, between func()) {
				cni, list := lateCNI(), lateList(t)
				require.NoError(t, cni.GCNetworkList(t.Context(), list, &libcni.GCArgs{}))
				pending, err := cni.Pending(libcni.AttachmentKey{})
				require.NoError(t, err)
				require.Len(t, pending, 1, "left alone")
				require.True(t, pending[0].Running)
				between()
				require.True(t, eventually(func() bool {
					pending, err := cni.Pending(libcni.AttachmentKey{})
					return err == nil && len(pending) == 1 && !pending[0].Running
				}))
				given, err := filepath.Glob("/var/lib/cni/networks/late/10.35.0.*")
				require.NoError(t, err)
				assert.Len(t, given, 1, "an address was given after the GC")
				assert.Contains(t, host(t, "ip -n victim -br link show"), "eth0")
				require.NoError(t, cni.GCNetworkList(t.Context(), list, &libcni.GCArgs{}))
			}},
			{"Recover", "podnet", func(t *testing.T, between func()) {
				m, err := podnet.Open(t.Context(), lateOptions()) // waits for no plugin
				require.NoError(t, err)
				defer m.Close()
				waits(t, between, func() error { _, err := m.Recover(t.Context()); return err })
			}},
			{"Detach", "podnet", func(t *testing.T, between func()) {
				m, err := podnet.Open(t.Context(), lateOptions())
				require.NoError(t, err)
				defer m.Close()
				waits(t, between, func() error { return m.Detach(t.Context(), "victim") })
			}},
			{"Open", "podnet", func(t *testing.T, between func()) {
				between()
				waitForOrphans(t)
				m, err := podnet.Open(t.Context(), lateOptions())
				require.NoError(t, err)
				require.NoError(t, m.Close())
			}},
			{"podnet's GC", "podnet", func(t *testing.T, between func()) {
				between()
				waitForOrphans(t)
				m, err := podnet.Open(t.Context(), lateOptions())
				require.NoError(t, err)
				defer m.Close()
				_, err = m.GC(t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{}})
				require.NoError(t, err)
			}},
		}
		for real, conflist := range late {
			require.NoError(t, os.WriteFile(podnetConf+"/10-late.conflist", []byte(conflist), 0o644))
			letGo(t)
			require.NoError(t, attachLate(t, "libcni")) // what the plugins keep for good
			require.NoError(t, lateCNI().DelContainer(t.Context(), "victim"))
			require.NoError(t, attachLate(t, "podnet"))
			m, err := podnet.Open(t.Context(), lateOptions())
			require.NoError(t, err)
			require.NoError(t, m.Detach(t.Context(), "victim"))
			require.NoError(t, m.Close())
			before := traces(t)

			for _, c := range cleaners {
				t.Run("late "+real+", "+c.name, func(t *testing.T) {
					orphan(t, c.by, real == "host-local")
					c.clean(t, func() { letGo(t) })
					waitForOrphans(t)
					removeUnfinished(t)
					assertOnly(t, before)
					assert.NotContains(t, host(t, "ip -n victim -br link show"), "eth0")
				})
			}
		}
		return ""
	})
}

func letGo(t *testing.T) {
	t.Helper()
	require.NoError(t, os.WriteFile(lateDir+"/go", nil, 0o644))
}

// orphan starts a runtime, waits until its plugin does, and kills the runtime; with caller,
// the process that has called the plugin too.
func orphan(t *testing.T, by string, caller bool) {
	t.Helper()
	for _, name := range []string{"begun", "go"} {
		require.NoError(t, os.Remove(lateDir+"/"+name))
	}
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.Command(self, "-test.run=^TestOrphanRuntime$", "-test.timeout=2m")
	child.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, insideVar+"=") })
	child.Env = append(child.Env, orphanVar+"="+by)
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, child.Start())
	pid := 0
	require.True(t, eventually(func() bool {
		text, _ := os.ReadFile(lateDir + "/begun")
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return pid != 0
	}), "the plugin did not begin")
	require.NoError(t, child.Process.Kill())
	_ = child.Wait()
	if caller {
		require.NotEqual(t, child.Process.Pid, pid)
		require.NoError(t, unix.Kill(pid, unix.SIGKILL))
	}
}

// waits calls do, and between as soon as do has waited for a while.
func waits(t *testing.T, between func(), do func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		require.Fail(t, "did not wait", "%v", err)
	case <-time.After(200 * time.Millisecond):
	}
	between()
	require.NoError(t, <-done)
}

// removeUnfinished removes the files that the killed runtime has not finished, which GC
// does when they are old.
func removeUnfinished(t *testing.T) {
	t.Helper()
	for _, pattern := range []string{"/var/lib/cni/*/.tmp-*", "/var/lib/cni/podnet/*/.tmp-*"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			require.NoError(t, os.Remove(file))
		}
	}
}
