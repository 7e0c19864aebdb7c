package podnet_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/types"
)

func TestAttachDefaultNetwork(t *testing.T) {
	n := newNode(t, "a", "b")
	got, err := n.Attach(t.Context(), pod("con1"))
	require.NoError(t, err)
	assert.Equal(t, []string{"a/eth0"}, names(got))
	assert.Equal(t, "10.0.0.2", got[0].Primary(types.IPv4First)[0].String())
	assert.Equal(t, []string{"ADD a con1 eth0 first", "ADD a con1 eth0 second"}, n.take())

	require.NoError(t, n.Close())
	n.opts.DefaultNetwork = "b"
	n.open()
	got, err = n.Attach(t.Context(), pod("con2"))
	require.NoError(t, err)
	assert.Equal(t, []string{"b/eth0"}, names(got))
}

// A network that does nothing but bring up lo is nobody's default.
func TestDefaultIsNotLoopback(t *testing.T) {
	n := newNode(t)
	n.configure(50, "b", "")
	writeFile(t, filepath.Join(n.opts.ConfDir, "00-lo.conf"), `{"cniVersion":"0.4.0","name":"mylo","type":"loopback"}`)
	config, err := n.Reload(t.Context())
	require.NoError(t, err)
	require.Len(t, config.Networks, 2)
	got, err := n.Attach(t.Context(), pod("con1"))
	require.NoError(t, err)
	assert.Equal(t, []string{"b/eth0"}, names(got))
	require.NoError(t, os.Remove(config.Networks[1].File))
	config, err = n.Reload(t.Context())
	require.NoError(t, err)
	_, err = config.Default("")
	var none libcni.NoConfigsFoundError
	require.ErrorAs(t, err, &none)
	lo, err := config.Default("mylo")
	require.NoError(t, err, "by its name it is")
	assert.Equal(t, "mylo", lo.Name)
}

func TestAttachAssignsInterfaceNames(t *testing.T) {
	for _, test := range []struct {
		name     string
		has      []string // attached before
		networks []string
		want     []string
		err      error
	}{
		{name: "in order", networks: []string{"a", "b", "c"}, want: []string{"a/eth0", "b/eth1", "c/eth2"}},
		{name: "given names first", networks: []string{"a", "b/eth0", "c"}, want: []string{"a/eth1", "b/eth0", "c/eth2"}},
		{name: "other names", networks: []string{"a/net1", "b"}, want: []string{"a/net1", "b/eth0"}},
		{name: "to a running container", has: []string{"a"}, networks: []string{"b"}, want: []string{"b/eth1"}},
		{name: "a gap is filled", has: []string{"a/eth1"}, networks: []string{"b", "c"}, want: []string{"b/eth0", "c/eth2"}},
		{name: "one network twice", networks: []string{"a", "a"}, want: []string{"a/eth0", "a/eth1"}},
		{name: "one network again, by interface", has: []string{"a"}, networks: []string{"a/eth7"}, want: []string{"a/eth7"}},
		{name: "repeated", has: []string{"a"}, networks: []string{"a"}, err: libcni.ErrAlreadyAttached},
		{name: "repeated by interface", has: []string{"a"}, networks: []string{"a/eth0"}, err: libcni.ErrAlreadyAttached},
		{name: "clash with an earlier one", has: []string{"a"}, networks: []string{"b/eth0"}, err: podnet.ErrInterfaceInUse},
		{name: "clash in one call", networks: []string{"a/net1", "b/net1"}, err: podnet.ErrInterfaceInUse},
		{name: "clash in one call and network", networks: []string{"a/net1", "a/net1"}, err: podnet.ErrInterfaceInUse},
		{name: "no such network", networks: []string{"a", "x"}, err: libcni.NotFoundError{}},
		{name: "bad name", networks: []string{"a/net:1"}, err: &types.Error{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := newNode(t, "a", "b", "c")
			if test.has != nil {
				_, err := n.Attach(t.Context(), pod("con1", test.has...))
				require.NoError(t, err)
			}
			n.take()
			got, err := n.Attach(t.Context(), pod("con1", test.networks...))
			if test.err == nil {
				require.NoError(t, err)
				assert.Equal(t, test.want, names(got))
				return
			}
			var at *podnet.Error
			require.ErrorAs(t, err, &at)
			assert.Equal(t, "con1", at.ContainerID)
			switch want := test.err.(type) {
			case libcni.NotFoundError:
				assert.ErrorAs(t, err, &want)
			case *types.Error:
				assert.ErrorAs(t, err, &want)
			default:
				assert.ErrorIs(t, err, test.err)
			}
			assert.Empty(t, n.take(), "nothing ran")
		})
	}
}

func TestAttachArguments(t *testing.T) {
	n := newNode(t, "a", "b")
	p := pod("con1", "a", "b")
	p.Name, p.Namespace, p.UID = "web", "shop", "u-1"
	p.Args = types.Args{{"IgnoreUnknown", "true"}, {"MORE", "x"}}
	p.Capabilities.PortMappings = []types.PortMapping{{HostPort: 80, ContainerPort: 8080, Protocol: "tcp"}}
	p.Networks[1].Capabilities.PortMappings = []types.PortMapping{{HostPort: 81, ContainerPort: 8080, Protocol: "tcp"}}
	p.Networks[1].Capabilities.MAC = []byte{2, 0, 0, 0, 0, 1}
	_, err := n.Attach(t.Context(), p)
	require.NoError(t, err)

	require.Len(t, n.requests, 4)
	for _, r := range n.requests {
		assert.Equal(t, "IgnoreUnknown=true;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=con1;K8S_POD_UID=u-1;MORE=x", r.args)
		assert.Equal(t, "/proc/self/ns/net", r.netns)
	}
	mapping := func(port float64) []any {
		return []any{map[string]any{"hostPort": port, "containerPort": 8080.0, "protocol": "tcp"}}
	}
	assert.Equal(t, nil, n.requests[0].conf["runtimeConfig"], "first declares none")
	assert.Equal(t, map[string]any{"portMappings": mapping(80)}, n.requests[1].conf["runtimeConfig"])
	assert.Equal(t, map[string]any{"portMappings": mapping(81), "mac": "02:00:00:00:00:01"}, n.requests[3].conf["runtimeConfig"])

	n.take()
	require.NoError(t, n.Detach(t.Context(), "con1"))
	assert.Equal(t, map[string]any{"portMappings": mapping(81), "mac": "02:00:00:00:00:01"}, n.requests[0].conf["runtimeConfig"], "DEL gets what ADD got (R22)")
}

func TestAttachRefuses(t *testing.T) {
	n := newNode(t, "a")
	for name, change := range map[string]func(*podnet.Pod){
		"no ID":          func(p *podnet.Pod) { p.ID = "" },
		"a path as ID":   func(p *podnet.Pod) { p.ID = "../x" },
		"no netns":       func(p *podnet.Pod) { p.NetNS = "" },
		"bad args":       func(p *podnet.Pod) { p.Args = types.Args{{"A", "x;y"}} },
		"bad pod name":   func(p *podnet.Pod) { p.Name = "x;y" },
		"bad capability": func(p *podnet.Pod) { p.Capabilities.PortMappings = []types.PortMapping{{}} },
	} {
		t.Run(name, func(t *testing.T) {
			p := pod("con1", "a")
			change(&p)
			_, err := n.Attach(t.Context(), p)
			var at *podnet.Error
			require.ErrorAs(t, err, &at)
			assert.Empty(t, n.take())
		})
	}
}

// R30: a failed ADD is followed by DEL, the failed network's too, and the networks
// before it go as well.
func TestAttachRollsBack_R30(t *testing.T) {
	n := newNode(t, "a", "b", "c", "d")
	ctx, cancel := context.WithCancel(t.Context())
	n.before = func(_ context.Context, r request) error {
		if r.verb == "ADD" && r.network == "c" && r.plugin == "second" {
			cancel() // the caller has given up as well: undoing goes on
			return types.NewError(types.ErrTryAgainLater, "banana", "")
		}
		return nil
	}
	_, err := n.Attach(ctx, pod("con1", "b", "a", "c", "d")) // an order that no sorting makes
	var failed *invoke.PluginError
	require.ErrorAs(t, err, &failed)
	assert.True(t, failed.Retryable())
	var at *podnet.Error
	require.ErrorAs(t, err, &at)
	assert.Equal(t, "c", at.Network)
	assert.Equal(t, []string{
		"ADD b con1 eth0 first", "ADD b con1 eth0 second", "ADD a con1 eth1 first", "ADD a con1 eth1 second",
		"ADD c con1 eth2 first", "ADD c con1 eth2 second",
		"DEL c con1 eth2 second", "DEL c con1 eth2 first", "DEL a con1 eth1 second", "DEL a con1 eth1 first",
		"DEL b con1 eth0 second", "DEL b con1 eth0 first",
	}, n.take())
	assert.Empty(t, n.state())
	n.nothingLeft()
}

// What was attached before the failing call is not touched.
func TestAttachRollsBackItsOwnOnly(t *testing.T) {
	n := newNode(t, "a", "b", "c")
	_, err := n.Attach(t.Context(), pod("con1", "a"))
	require.NoError(t, err)
	n.before = func(_ context.Context, r request) error {
		if r.verb == "ADD" && r.network == "c" {
			return errors.New("no")
		}
		return nil
	}
	_, err = n.Attach(t.Context(), pod("con1", "b", "c"))
	require.Error(t, err)
	assert.Equal(t, []string{"a/eth0"}, n.attached("con1"))
	assert.Equal(t, []string{"a con1 eth0 first", "a con1 eth0 second"}, n.state())
	n.before = nil
	require.NoError(t, n.Check(t.Context(), "con1"))
}

// R34: a missing executable is found out before anything of its network runs.
func TestAttachMissingPlugin_R34(t *testing.T) {
	n := newNode(t, "a")
	n.uninstall(true, "second")
	_, err := n.Attach(t.Context(), pod("con1"))
	require.ErrorIs(t, err, invoke.ErrPluginNotFound)
	assert.Empty(t, n.take())
	n.nothingLeft()
}

// A result that contradicts itself is no attachment.
func TestAttachBadResult(t *testing.T) {
	n := newNode(t, "a")
	require.NoError(t, n.Close())
	n.opts.Exec = replies{n.world, `{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.2/24","interface":7}]}`}
	n.open()
	_, err := n.Attach(t.Context(), pod("con1"))
	require.ErrorContains(t, err, "ips[0].interface is 7")
	var plugin *invoke.PluginError
	require.ErrorAs(t, err, &plugin)
	assert.Equal(t, []string{"second", "/plugins/second", "ADD", "a", "con1", "eth0"},
		[]string{plugin.Plugin, plugin.Path, plugin.Command, plugin.Network, plugin.ContainerID, plugin.IfName})
	assert.Empty(t, n.state())
	n.nothingLeft()
}

// replies is a world whose ADDs all give one result.
type replies struct {
	*world
	result string
}

func (r replies) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	reply, err := r.world.ExecPlugin(ctx, path, stdin, environ)
	if reply != nil {
		reply = []byte(r.result)
	}
	return reply, err
}

// nothingLeft fails the test if anything is on disk about any container.
func (n *node) nothingLeft() {
	n.Helper()
	for _, dir := range []string{"results", "pending", "podnet"} {
		entries, err := os.ReadDir(filepath.Join(n.opts.CacheDir, dir))
		if !errors.Is(err, os.ErrNotExist) {
			require.NoError(n, err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".tmp-") {
				continue // of a dead process's ADD; libcni's GC takes the old ones away
			}
			n.Errorf("left over: %s/%s", dir, e.Name())
		}
	}
}
