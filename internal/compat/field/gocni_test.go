package field

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	gocni "github.com/containerd/go-cni"
	upstream "github.com/containernetworking/cni/libcni"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/invoke/invoketest"
	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/types"
)

const (
	link    = `{"type":"link","stateDir":"STATE"}`
	failing = `{"type":"noop","stateDir":"STATE","fail":["ADD"]}`
	stuck   = `{"type":"noop","stateDir":"STATE","fail":["DEL"]}`
)

// TestMain lets this program be the plugins.
func TestMain(m *testing.M) {
	invoketest.Main(m, map[string]*invoke.Plugin{
		// An address on an interface that the result does not have.
		"astray": {Add: func(context.Context, *invoke.Request) (types.Result, error) {
			return types100.NewResult([]byte(`{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/24","interface":0}]}`))
		}},
	})
}

// node is a machine with configuration files, plugins and what they made.
type node struct {
	t                            *testing.T
	confs, plugins, state, netns string
}

func newNode(t *testing.T) *node {
	n := &node{t: t, confs: t.TempDir(), plugins: invoketest.Dir(t), state: t.TempDir(), netns: filepath.Join(t.TempDir(), "c1")}
	require.NoError(t, os.WriteFile(n.netns, nil, 0o600))
	upstream.CacheDir = t.TempDir() // go-cni has no option for it
	return n
}

// network writes the file of a network with one plugin. STATE in it stands for the
// directory in which the plugin notes what it made.
func (n *node) network(name, plugin string) {
	text := `{"cniVersion":"1.0.0","name":"` + name + `","plugins":[` + plugin + `]}`
	n.file(name+".conflist", text)
}

func (n *node) file(name, text string) {
	text = strings.ReplaceAll(text, "STATE", filepath.ToSlash(n.state))
	require.NoError(n.t, os.WriteFile(filepath.Join(n.confs, name), []byte(text), 0o600))
}

// made returns the interfaces that exist.
func (n *node) made() []string {
	entries, err := os.ReadDir(n.state)
	require.NoError(n.t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// gocni returns go-cni as containerd starts it; the error is that of loading.
func (n *node) gocni() (gocni.CNI, error) {
	c, err := gocni.New(gocni.WithPluginConfDir(n.confs), gocni.WithPluginDir([]string{n.plugins}), gocni.WithPluginMaxConfNum(2))
	require.NoError(n.t, err)
	return c, c.Load(gocni.WithAllConf)
}

func (n *node) podnet(cache string) *podnet.Manager {
	m, err := podnet.Open(n.t.Context(), podnet.Options{
		ConfDir: n.confs, PluginDirs: []string{n.plugins}, CacheDir: cache, NoLoopback: true,
	})
	require.NoError(n.t, err)
	n.t.Cleanup(func() { assert.NoError(n.t, m.Close()) })
	return m
}

func (n *node) pod(networks ...string) podnet.Pod {
	pod := podnet.Pod{ID: "c1", NetNS: n.netns}
	for _, name := range networks {
		pod.Networks = append(pod.Networks, podnet.Network{Name: name})
	}
	return pod
}

// TestFieldSecondNetworkFails: of two networks the second one cannot be attached.
func TestFieldSecondNetworkFails(t *testing.T) {
	n := newNode(t)
	n.network("a", link)
	n.network("b", failing)

	theirs, err := n.gocni()
	require.NoError(t, err)
	_, err = theirs.SetupSerially(t.Context(), "c0", n.netns)
	require.Error(t, err)
	assert.Equal(t, []string{"link-c0-eth0"}, n.made(), "the first one stays attached")
	require.NoError(t, os.RemoveAll(filepath.Join(n.state, "link-c0-eth0")))

	_, err = n.podnet(t.TempDir()).Attach(t.Context(), n.pod("a", "b"))
	require.Error(t, err)
	assert.Empty(t, n.made())
}

// TestFieldConfigurationGone: the files are gone when a container that was attached
// with them ends, and the runtime has been started again in between.
func TestFieldConfigurationGone(t *testing.T) {
	n := newNode(t)
	n.network("a", link)
	theirs, err := n.gocni()
	require.NoError(t, err)
	_, err = theirs.SetupSerially(t.Context(), "c0", n.netns)
	require.NoError(t, err)
	cache := t.TempDir()
	_, err = n.podnet(cache).Attach(t.Context(), n.pod("a"))
	require.NoError(t, err)
	assert.Equal(t, []string{"link-c0-eth0", "link-c1-eth0"}, n.made())

	require.NoError(t, os.Remove(filepath.Join(n.confs, "a.conflist")))
	theirs, _ = n.gocni()
	require.Error(t, theirs.Remove(t.Context(), "c0", n.netns))
	require.NoError(t, n.podnet(cache).Detach(t.Context(), "c1"))
	assert.Equal(t, []string{"link-c0-eth0"}, n.made(), "go-cni's is left")
}

// TestFieldBadFile: one of two files is no configuration.
func TestFieldBadFile(t *testing.T) {
	n := newNode(t)
	n.file("a.conflist", "{")
	n.network("b", link)

	theirs, err := n.gocni()
	require.Error(t, err)
	_, err = theirs.SetupSerially(t.Context(), "c0", n.netns)
	require.Error(t, err, "no container can be attached")

	m := n.podnet(t.TempDir())
	assert.Len(t, m.Config().Bad, 1)
	_, err = m.Attach(t.Context(), n.pod("b"))
	require.NoError(t, err)
	require.NoError(t, m.Detach(t.Context(), "c1"))
}

// TestFieldResultAstray: a plugin answers with an address on an interface that is
// not in its result.
func TestFieldResultAstray(t *testing.T) {
	n := newNode(t)
	n.network("a", `{"type":"astray"}`)

	theirs, err := n.gocni()
	require.NoError(t, err)
	assert.Panics(t, func() { _, _ = theirs.SetupSerially(t.Context(), "c0", n.netns) })

	m := n.podnet(t.TempDir())
	_, err = m.Attach(t.Context(), n.pod("a"))
	assert.ErrorContains(t, err, "interface")
	left, err := m.Attachments("")
	assert.NoError(t, err)
	assert.Empty(t, left)
}

// TestFieldDelFails: of two networks the one whose turn comes first cannot be detached.
func TestFieldDelFails(t *testing.T) {
	n := newNode(t)
	n.network("a", stuck)
	n.network("b", link)
	theirs, err := n.gocni()
	require.NoError(t, err)
	_, err = theirs.SetupSerially(t.Context(), "c0", n.netns)
	require.NoError(t, err)
	require.Error(t, theirs.Remove(t.Context(), "c0", n.netns))
	assert.Equal(t, []string{"link-c0-eth1"}, n.made(), "the second one stays attached")
	require.NoError(t, os.Remove(filepath.Join(n.state, "link-c0-eth1")))

	n.podnetGoesOn()
}

// podnetGoesOn has podnet detach a container from a network that cannot be detached
// and, after that, from one that can.
func (n *node) podnetGoesOn() {
	m := n.podnet(n.t.TempDir())
	_, err := m.Attach(n.t.Context(), n.pod("b", "a"))
	require.NoError(n.t, err)
	assert.Len(n.t, n.made(), 1)
	require.Error(n.t, m.Detach(n.t.Context(), "c1"))
	assert.Empty(n.t, n.made())
}

// TestFieldGC: what is left of containers that nobody knows any more, of a network
// that is not configured any more.
func TestFieldGC(t *testing.T) {
	_, has := reflect.TypeFor[gocni.CNI]().MethodByName("GC")
	assert.False(t, has)

	n := newNode(t)
	n.network("a", link)
	n.podnetCollects()
}

func (n *node) podnetCollects() {
	cache := n.t.TempDir()
	_, err := n.podnet(cache).Attach(n.t.Context(), n.pod("a"))
	require.NoError(n.t, err)
	require.NoError(n.t, os.Remove(filepath.Join(n.confs, "a.conflist")))
	_, err = n.podnet(cache).GC(n.t.Context(), podnet.GCArgs{Valid: []types.GCAttachment{}})
	require.NoError(n.t, err)
	assert.Empty(n.t, n.made())
}
