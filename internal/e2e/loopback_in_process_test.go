//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A loopbackCase is one run of the loopback plugin in a container that was made for it.
type loopbackCase struct {
	name    string
	verb    string
	version string // 1.1.0
	netns   func(t *testing.T, c *container) string
	args    string // further members of the configuration
	prepare func(t *testing.T, c *container)
	// correct is the reply in process where the real one's is wrong: it answers in the shape
	// of 1.0.0 whatever version it is asked for.
	correct string
}

func (k *loopbackCase) call(t *testing.T, c *container) *invoke.Call {
	t.Helper()
	netns := c.netns
	if k.netns != nil {
		netns = k.netns(t, c)
	}
	version := k.version
	if version == "" {
		version = "1.1.0"
	}
	args := &invoke.Args{Command: k.verb, ContainerID: c.name, NetNS: netns, IfName: "lo", Path: pluginsDir()}
	return &invoke.Call{
		Plugin: "loopback", Command: k.verb, Network: "lo", ContainerID: c.name, IfName: "lo",
		Stdin:   fmt.Appendf(nil, `{"cniVersion": %q, "name": "lo", "type": "loopback"%s}`, version, k.args),
		Environ: args.AsEnv(),
	}
}

const (
	addresses020 = `"ip4":{"ip":"127.0.0.1/8"},"ip6":{"ip":"::1/128"}}`
	addresses040 = `"ips":[{"address":"127.0.0.1/8","interface":0,"version":"4"},{"address":"::1/128","interface":0,"version":"6"}]}`
)

var loopbackCases = []loopbackCase{
	{name: "ADD", verb: "ADD"},
	{name: "ADD 0.1.0", verb: "ADD", version: "0.1.0", correct: addresses020},
	{name: "ADD 0.2.0", verb: "ADD", version: "0.2.0", correct: addresses020},
	{name: "ADD 0.3.0", verb: "ADD", version: "0.3.0", correct: addresses040},
	{name: "ADD 0.3.1", verb: "ADD", version: "0.3.1", correct: addresses040},
	{name: "ADD 0.4.0", verb: "ADD", version: "0.4.0", correct: addresses040},
	{name: "ADD 1.0.0", verb: "ADD", version: "1.0.0"},
	{name: "ADD of a version to come", verb: "ADD", version: "7.0.0"},
	{name: "ADD of no version", verb: "ADD", version: "one"},
	{name: "ADD where it is up", verb: "ADD", prepare: loUp},
	{name: "ADD without IPv6", verb: "ADD", prepare: noIPv6},
	{name: "ADD with more loopback addresses", verb: "ADD", prepare: inContainer("address add 127.0.1.1/8 dev lo", "address add 127.0.2.1/32 dev lo")},
	{name: "ADD with another address", verb: "ADD", prepare: inContainer("address add 10.0.0.1/32 dev lo")},
	{name: "ADD with another IPv6 address", verb: "ADD", prepare: inContainer("address add fd00::1/128 dev lo")},
	{name: "ADD after a plugin", verb: "ADD", args: `, "prevResult": {
		"cniVersion": "1.1.0",
		"interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/x"}],
		"ips": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1", "interface": 0}],
		"routes": [{"dst": "0.0.0.0/0"}],
		"dns": {"nameservers": ["10.1.2.53"]}
	}`},
	{name: "ADD after nonsense", verb: "ADD", args: `, "prevResult": {"cniVersion": "1.1.0", "ips": 1}`},
	{name: "ADD without a namespace", verb: "ADD", netns: noNetNS},
	{name: "ADD in none", verb: "ADD", netns: missing},
	{name: "ADD in a file", verb: "ADD", netns: plainFile},
	{name: "ADD in a directory", verb: "ADD", netns: directory},
	{name: "ADD in a namespace of another kind", verb: "ADD", netns: mountNamespace},
	{name: "ADD in the host's own", verb: "ADD", netns: ownNamespace},

	{name: "CHECK", verb: "CHECK", prepare: loUp},
	{name: "CHECK where it is down", verb: "CHECK"},
	{name: "CHECK 0.4.0", verb: "CHECK", version: "0.4.0", prepare: loUp},
	{name: "CHECK 0.3.1", verb: "CHECK", version: "0.3.1", prepare: loUp},
	{name: "CHECK without a namespace", verb: "CHECK", netns: noNetNS},
	{name: "CHECK in none", verb: "CHECK", netns: missing},
	{name: "CHECK in a file", verb: "CHECK", netns: plainFile},

	{name: "DEL", verb: "DEL", prepare: loUp},
	{name: "DEL where it is down", verb: "DEL"},
	{name: "DEL 0.1.0", verb: "DEL", version: "0.1.0", prepare: loUp},
	{name: "DEL without a namespace", verb: "DEL", netns: noNetNS},
	{name: "DEL in none", verb: "DEL", netns: missing},
	{name: "DEL in a file", verb: "DEL", netns: plainFile},
	{name: "DEL in a namespace of another kind", verb: "DEL", netns: mountNamespace},
	{name: "DEL in the host's own", verb: "DEL", netns: ownNamespace},

	{name: "GC", verb: "GC"},
	{name: "GC 1.0.0", verb: "GC", version: "1.0.0"},
	{name: "STATUS", verb: "STATUS"},
	{name: "STATUS 0.4.0", verb: "STATUS", version: "0.4.0"},
	{name: "UPDATE", verb: "UPDATE"},
}

// TestLoopbackInProcess: cnikit's loopback, which needs no program, beside the real one: the
// same results, byte for byte as JSON goes, the same interface afterwards, and the same is
// refused.
func TestLoopbackInProcess(t *testing.T) {
	alone(t, rootless, func(t *testing.T) {
		inProcess := &invoke.InProcess{Plugins: map[string]*invoke.Plugin{"loopback": invoke.Loopback()}}
		for _, k := range loopbackCases {
			t.Run(k.name, func(t *testing.T) {
				want := k.play(t, &invoke.DefaultExec{RawExec: &invoke.RawExec{}})
				got := k.play(t, inProcess)
				assert.Equal(t, want.err == nil, got.err == nil, "the real one: %v\nin process: %v", want.err, got.err)
				if code := want.code(); code != types.ErrInternal {
					assert.Equal(t, code, got.code(), "the real one: %v\nin process: %v", want.err, got.err)
				}
				if k.correct != "" {
					assert.NotContains(t, want.reply, k.correct, "the plugin has learnt it")
					assert.Contains(t, got.reply, k.correct)
				} else {
					assert.Equal(t, want.reply, got.reply, "the result")
				}
				assert.Equal(t, want.lo, got.lo, "the container's interface")
				assert.Equal(t, "UNKNOWN", got.hostLo, "the host's interface")
			})
		}
	})
}

// loopbackEnd is how a run ended, with nothing in it of where it was.
type loopbackEnd struct {
	reply  string
	err    error
	lo     string
	hostLo string
}

// code is what the plugin called its error, 0 without one. What could not be read (a result
// and an error after it) has no name.
func (e *loopbackEnd) code() uint {
	said := (*types.Error)(nil)
	switch {
	case e.err == nil:
		return 0
	case errors.As(e.err, &said) && said.Code != 0:
		return said.Code
	}
	return types.ErrInternal
}

func (k *loopbackCase) play(t *testing.T, exec invoke.Exec) loopbackEnd {
	t.Helper()
	c := newContainer(t, "guest")
	defer c.remove(t)
	if k.prepare != nil {
		k.prepare(t, c)
	}
	call := k.call(t, c)
	var err error
	call.Path, err = exec.FindInPath("loopback", []string{pluginsDir()})
	require.NoError(t, err)
	var end loopbackEnd
	reply, err := call.Run(context.WithoutCancel(t.Context()), exec)
	end.err = err
	if reply = bytes.TrimSpace(reply); len(reply) > 0 {
		var anything any
		require.NoError(t, json.Unmarshal(reply, &anything), "%s", reply)
		sorted, err := json.Marshal(anything)
		require.NoError(t, err)
		end.reply = string(sorted)
	}
	end.lo = c.ip(t, "-br address show dev lo")
	end.hostLo = strings.Fields(host(t, "ip -br address show dev lo"))[1]
	host(t, "ip link set lo up") // for the next one, whatever this one did
	return end
}

func loUp(t *testing.T, c *container) { c.ip(t, "link set lo up") }

func noIPv6(t *testing.T, c *container) {
	c.inside(t, func() error {
		return os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0o600)
	})
}

func inContainer(lines ...string) func(t *testing.T, c *container) {
	return func(t *testing.T, c *container) {
		for _, line := range lines {
			c.ip(t, line)
		}
	}
}

func noNetNS(*testing.T, *container) string        { return "" }
func missing(_ *testing.T, c *container) string    { return c.netns + "-missing" }
func mountNamespace(*testing.T, *container) string { return "/proc/self/ns/mnt" }
func ownNamespace(*testing.T, *container) string   { return fmt.Sprintf("/proc/%d/ns/net", os.Getpid()) }
func directory(t *testing.T, _ *container) string  { return t.TempDir() }
func plainFile(t *testing.T, _ *container) string {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	return file
}
