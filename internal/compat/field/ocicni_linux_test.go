package field

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/cri-o/ocicni/pkg/ocicni"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const insideVar = "CNIKIT_FIELD_INSIDE"

// newPodNode is newNode in a process with a network namespace of its own, which
// ocicni wants to enter: it runs the calling test again there and returns nil, and
// in that process the node.
func newPodNode(t *testing.T) *node {
	t.Helper()
	if os.Getenv(insideVar) != "" {
		n := newNode(t)
		n.netns = "/proc/self/ns/net"
		return n
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), insideVar+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil { // it was not started
		if os.Getenv("CI") == "true" {
			t.Fatal("no network namespace: ", err)
		}
		t.Skip("no network namespace: ", err)
	}
	require.NoError(t, err, "%s", out)
	return nil
}

// ocicni returns ocicni as CRI-O starts it, but for following the directory.
func (n *node) ocicni(cache string) ocicni.CNIPlugin {
	p, err := ocicni.InitCNINoInotify("", n.confs, cache, n.plugins)
	require.NoError(n.t, err)
	n.t.Cleanup(func() { assert.NoError(n.t, p.Shutdown()) })
	return p
}

func (n *node) sandbox(networks ...string) ocicni.PodNetwork {
	pod := ocicni.PodNetwork{Name: "web", Namespace: "shop", ID: "c0", UID: "u0", NetNS: n.netns}
	for _, name := range networks {
		pod.Networks = append(pod.Networks, ocicni.NetAttachment{Name: name})
	}
	return pod
}

func TestOCICNISecondNetworkFails(t *testing.T) {
	n := newPodNode(t)
	if n == nil {
		return
	}
	n.network("a", link)
	n.network("b", failing)

	_, err := n.ocicni(t.TempDir()).SetUpPodWithContext(t.Context(), n.sandbox("a", "b"))
	require.Error(t, err)
	assert.Equal(t, []string{"link-c0-eth0"}, n.made(), "the first one stays attached")
}

func TestOCICNIConfigurationGone(t *testing.T) {
	n := newPodNode(t)
	if n == nil {
		return
	}
	n.network("a", link)
	cache := t.TempDir()
	_, err := n.ocicni(cache).SetUpPodWithContext(t.Context(), n.sandbox("a"))
	require.NoError(t, err)
	assert.Equal(t, []string{"link-c0-eth0"}, n.made())

	require.NoError(t, os.Remove(filepath.Join(n.confs, "a.conflist")))
	require.NoError(t, n.ocicni(cache).TearDownPodWithContext(t.Context(), n.sandbox()))
	assert.Empty(t, n.made(), "detached, from the records")
}

func TestOCICNIBadFile(t *testing.T) {
	n := newPodNode(t)
	if n == nil {
		return
	}
	n.file("a.conflist", "{")
	n.network("b", link)

	_, err := n.ocicni(t.TempDir()).SetUpPodWithContext(t.Context(), n.sandbox())
	require.NoError(t, err)
	assert.Equal(t, []string{"link-c0-eth0"}, n.made(), "the other network is the default one")
}

func TestOCICNIResultAstray(t *testing.T) {
	n := newPodNode(t)
	if n == nil {
		return
	}
	n.network("a", `{"type":"astray"}`)

	results, err := n.ocicni(t.TempDir()).SetUpPodWithContext(t.Context(), n.sandbox("a"))
	require.NoError(t, err)
	require.Len(t, results, 1)
	result, err := types100.GetResult(results[0].Result)
	require.NoError(t, err)
	assert.Empty(t, result.Interfaces)
	assert.Zero(t, *result.IPs[0].Interface, "it is passed on")
}

func TestOCICNIDelFails(t *testing.T) {
	n := newPodNode(t)
	if n == nil {
		return
	}
	n.network("a", stuck)
	n.network("b", link)
	theirs := n.ocicni(t.TempDir())
	_, err := theirs.SetUpPodWithContext(t.Context(), n.sandbox("a", "b"))
	require.NoError(t, err)
	require.Error(t, theirs.TearDownPodWithContext(t.Context(), n.sandbox()))
	assert.Equal(t, []string{"link-c0-eth1"}, n.made(), "the second one stays attached")
}

func TestOCICNIGC(t *testing.T) {
	n := newPodNode(t)
	if n == nil {
		return
	}
	n.network("a", link)
	cache := t.TempDir()
	theirs := n.ocicni(cache)
	attach := func() {
		t.Helper()
		_, err := theirs.SetUpPodWithContext(t.Context(), n.sandbox("a"))
		require.NoError(t, err)
		assert.Equal(t, []string{"link-c0-eth0"}, n.made())
	}
	attach()
	require.NoError(t, theirs.GC(t.Context(), nil))
	assert.Empty(t, n.made(), "the network is configured")

	attach()
	require.NoError(t, os.Remove(filepath.Join(n.confs, "a.conflist")))
	require.NoError(t, n.ocicni(cache).GC(t.Context(), nil))
	assert.Equal(t, []string{"link-c0-eth0"}, n.made(), "it is not, and nobody asks")
}
