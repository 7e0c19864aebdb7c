//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// alone plays with cnikit only, once, for what upstream has nothing like.
func alone(t *testing.T, p privilege, play func(t *testing.T)) {
	t.Helper()
	if os.Getenv(insideVar) == "" {
		t.Parallel()
	}
	sandbox(t, p, func(t *testing.T) string {
		play(t)
		return ""
	})
}

// A guest is a container that cnikit attached with typed arguments, and the view of the
// result.
type guest struct {
	*container
	cni      *libcni.CNIConfig
	list     *libcni.NetworkConfigList
	rt       *libcni.RuntimeConf
	view     *types.ResultView
	attached bool
}

// newGuest makes a container that has yet to be attached.
func newGuest(t *testing.T, conflist, name string, capabilities types.Capabilities, args types.Args) *guest {
	t.Helper()
	list, err := libcni.NetworkConfFromBytes([]byte(conflist))
	require.NoError(t, err)
	capabilityArgs, err := capabilities.CapabilityArgs()
	require.NoError(t, err)
	c := newContainer(t, name)
	return &guest{
		container: c,
		cni:       libcni.New([]string{pluginsDir()}, libcni.Options{}),
		list:      list,
		rt:        &libcni.RuntimeConf{ContainerID: name, NetNS: c.netns, IfName: "eth0", Args: args, CapabilityArgs: capabilityArgs},
	}
}

// attach makes a container, attaches it, asserts that the view of the result is what the
// kernel has, and CHECKs it. It is detached, at the latest, when the test ends.
func attach(t *testing.T, conflist, name string, capabilities types.Capabilities, args types.Args) *guest {
	t.Helper()
	g := newGuest(t, conflist, name, capabilities, args)
	require.Empty(t, g.list.UndeliveredCapabilities(g.rt.CapabilityArgs), "no plugin takes these")
	g.add(t)
	return g
}

func (g *guest) add(t *testing.T) {
	t.Helper()
	result, err := g.cni.AddNetworkList(t.Context(), g.list, g.rt)
	require.NoError(t, err, "ADD of %s", g.name)
	g.attached = true
	t.Cleanup(func() {
		if g.attached {
			g.detach(t)
		}
	})
	g.view, err = types.ViewResult(result)
	require.NoError(t, err)
	g.assertView(t)
	if g.list.Supports("CHECK") {
		require.NoError(t, g.cni.CheckNetworkList(t.Context(), g.list, g.rt), "CHECK of %s", g.name)
	}
}

// detach is for an attachment that failed, too.
func (g *guest) detach(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // which has ended in a cleanup
	g.attached = false
	require.NoError(t, g.cni.DelNetworkList(ctx, g.list, g.rt), "DEL of %s", g.name)
}

// address returns the address to show of a family.
func (g *guest) address(t *testing.T, v6 bool) netip.Addr {
	t.Helper()
	for _, a := range g.view.Primary(types.AsGiven) {
		if a.Is6() == v6 {
			return a
		}
	}
	require.Fail(t, "the view has no such address", "IPv6: %v", v6)
	return netip.Addr{}
}

// link is an interface as iproute2 tells it.
type link struct {
	Name      string `json:"ifname"`
	MAC       string `json:"address"`
	MTU       int    `json:"mtu"`
	Addresses []struct {
		Local  netip.Addr `json:"local"`
		Length int        `json:"prefixlen"`
		Scope  string     `json:"scope"`
	} `json:"addr_info"`
}

// prefixes are the interface's addresses but for those the kernel gives it by itself.
func (l *link) prefixes() []netip.Prefix {
	var all []netip.Prefix
	for _, a := range l.Addresses {
		if a.Scope != "link" {
			all = append(all, netip.PrefixFrom(a.Local, a.Length))
		}
	}
	return all
}

func linkOf(t *testing.T, text string) *link {
	t.Helper()
	var links []*link
	require.NoError(t, json.Unmarshal([]byte(text), &links))
	// Old versions of iproute2 print empty objects for what they filter out.
	links = slices.DeleteFunc(links, func(l *link) bool { return l.Name == "" })
	require.Len(t, links, 1)
	return links[0]
}

// assertView asserts that the view says what `ip` shows.
func (g *guest) assertView(t *testing.T) {
	t.Helper()
	inside := linkOf(t, g.ip(t, "-json address show dev "+g.rt.IfName))
	var stated []netip.Prefix
	for _, a := range g.view.Addresses {
		stated = append(stated, a.Prefix)
	}
	assert.ElementsMatch(t, inside.prefixes(), stated, "the addresses of %s", g.name)

	if g.list.CNIVersion == "0.1.0" || g.list.CNIVersion == "0.2.0" {
		assert.Empty(t, g.view.Interfaces, "the version has none")
	} else {
		mine := g.view.Container()
		require.Len(t, mine, 1, "interfaces in the container")
		assert.Equal(t, g.rt.IfName, mine[0].Name)
		assert.Equal(t, g.netns, mine[0].Sandbox)
		assert.Equal(t, inside.MAC, strings.ToLower(mine[0].MAC))
		assert.Equal(t, g.view.Addresses, mine[0].Addresses, "all addresses are the container's")
	}
	for _, i := range g.view.Host() {
		outside := linkOf(t, host(t, "ip -json address show dev "+i.Name))
		assert.Equal(t, outside.MAC, strings.ToLower(i.MAC), "on the host: %s", i.Name)
	}
	for _, i := range g.view.Interfaces {
		if i.MTU != 0 && i.Sandbox != "" {
			assert.Equal(t, inside.MTU, i.MTU)
		}
	}
	for _, r := range g.view.Routes {
		g.assertRoute(t, r)
	}
	g.assertPrimary(t)
}

func (g *guest) assertRoute(t *testing.T, r types.RouteView) {
	t.Helper()
	family := "-4"
	if r.Dst.Addr().Is6() {
		family = "-6"
	}
	var routes []struct {
		Gateway netip.Addr `json:"gateway"`
	}
	require.NoError(t, json.Unmarshal([]byte(g.ip(t, family+" -json route show exact "+r.Dst.String())), &routes))
	require.Len(t, routes, 1, "routes to %s", r.Dst)
	gateway := r.GW
	if !gateway.IsValid() { // the interface's, by default
		for _, a := range g.view.Addresses {
			if a.Prefix.Addr().Is4() == r.Dst.Addr().Is4() {
				gateway = a.Gateway
			}
		}
	}
	assert.Equal(t, gateway, routes[0].Gateway, "the way to %s", r.Dst)
}

// assertPrimary asserts that the primary address of each family is the one from which the
// container asks its gateway, and that the gateway is the host's.
func (g *guest) assertPrimary(t *testing.T) {
	t.Helper()
	v4First, v6First := g.view.Primary(types.IPv4First), g.view.Primary(types.IPv6First)
	assert.ElementsMatch(t, v4First, v6First)
	assert.ElementsMatch(t, v4First, g.view.Primary(types.AsGiven))
	require.NotEmpty(t, v4First)
	if len(v4First) == 2 {
		assert.True(t, v4First[0].Is4() && v4First[1].Is6())
		assert.True(t, v6First[0].Is6() && v6First[1].Is4())
	}
	for _, primary := range v4First {
		gateway := netip.Addr{}
		for _, a := range g.view.Addresses {
			if a.Prefix.Addr() == primary {
				gateway = a.Gateway
			}
		}
		if !gateway.IsValid() {
			continue
		}
		var ways []struct {
			Source netip.Addr `json:"prefsrc"`
			Dev    string     `json:"dev"`
		}
		require.NoError(t, json.Unmarshal([]byte(g.ip(t, "-json route get "+gateway.String())), &ways))
		require.Len(t, ways, 1)
		assert.Equal(t, primary, ways[0].Source, "the source of what %s sends to %s", g.name, gateway)
		assert.Equal(t, g.rt.IfName, ways[0].Dev)
		assert.Contains(t, host(t, "ip -br address show"), " "+gateway.String()+"/", "the gateway is the host")
	}
}
