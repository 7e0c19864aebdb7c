package main

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
	"time"

	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/invoke/invoketest"
	"github.com/cnikit/cnikit/types"
)

func TestMain(m *testing.M) {
	invoketest.Main(m, map[string]*invoke.Plugin{
		"old":    {Versions: []string{"0.3.1"}},
		"fails":  {Add: failingAdd},
		"broken": {Status: unready},
		"stuck":  {Add: adds, Del: stuck},
		"slow":   {Add: slow},
		"veth":   {Add: vethAdd, Del: vethDel},
		"ports":  {Add: portsAdd, Del: portsDel},
	})
}

func failingAdd(context.Context, *invoke.Request) (types.Result, error) {
	fmt.Fprintln(os.Stderr, "trying\ngiving up")
	return nil, types.NewError(types.ErrTryAgainLater, "busy", "come back")
}

func adds(_ context.Context, r *invoke.Request) (types.Result, error) {
	return &types100.Result{CNIVersion: "1.0.0", Interfaces: []*types100.Interface{{Name: r.IfName, Sandbox: r.Netns}}}, nil
}

// vethAdd makes an interface, which is a file, in the network namespace.
func vethAdd(ctx context.Context, r *invoke.Request) (types.Result, error) {
	f, err := os.OpenFile(filepath.Join(r.Netns, r.IfName), os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return adds(ctx, r)
}

// vethDel removes it, if it is told where, as the bridge plugin does.
func vethDel(_ context.Context, r *invoke.Request) error {
	if err := os.Remove(filepath.Join(r.Netns, r.IfName)); r.Netns != "" && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// ports are the files that stand for the port mappings of a request. As the bridge
// plugin does, it wants no CNI_ARGS that it does not know.
func ports(r *invoke.Request) (files []string, err error) {
	if r.Args != "" && !strings.Contains(r.Args, "IgnoreUnknown") {
		return nil, types.NewError(types.ErrInvalidNetworkConfig, "unknown args "+r.Args, "")
	}
	var conf struct {
		RuntimeConfig struct {
			PortMappings []struct{ HostPort int }
		}
	}
	err = json.Unmarshal(r.StdinData, &conf)
	for _, m := range conf.RuntimeConfig.PortMappings {
		files = append(files, filepath.Join(r.Netns, fmt.Sprint("port-", m.HostPort)))
	}
	return files, err
}

// portsAdd maps ports, and fails if one of them is 1.
func portsAdd(ctx context.Context, r *invoke.Request) (types.Result, error) {
	files, err := ports(r)
	for _, file := range files {
		err = errors.Join(err, os.WriteFile(file, nil, 0o600))
		if strings.HasSuffix(file, "-1") {
			err = types.NewError(types.ErrIOFailure, "port 1 is taken", "")
		}
	}
	if err != nil {
		return nil, err
	}
	return adds(ctx, r)
}

// portsDel removes those mappings that it is told of.
func portsDel(_ context.Context, r *invoke.Request) error {
	files, err := ports(r)
	for _, file := range files {
		if e := os.Remove(file); !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// slow is at work until the network namespace is gone.
func slow(_ context.Context, r *invoke.Request) (types.Result, error) {
	for {
		if _, err := os.Stat(r.Netns); err != nil {
			return nil, err
		}
		time.Sleep(time.Millisecond)
	}
}

func stuck(context.Context, *invoke.Request) error {
	return types.NewError(types.ErrIOFailure, "the switch does not answer", "")
}

func unready(context.Context, *invoke.Request) error {
	return types.NewError(types.ErrPluginNotAvailable, "not ready", "the daemon is not running")
}

// A machine is what the program finds in a test: networks, plugins, records and
// network namespaces, all in one directory.
type machine struct {
	t   *testing.T
	dir string
	env map[string]string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, dir: t.TempDir()}
	for _, name := range []string{"net.d", "state", "netns/one", "netns/two", "cache"} {
		require.NoError(t, os.MkdirAll(filepath.Join(m.dir, name), 0o755))
	}
	plugins := invoketest.Dir(t, "link", "address", "old", "fails", "broken", "stuck", "slow", "veth", "ports")
	self, err := os.Executable() // which the plugins are links to
	require.NoError(t, err)
	for _, path := range []string{m.dir, plugins, self} { // whatever the umask: doctor looks
		require.NoError(t, os.Chmod(path, 0o755))
	}
	m.env = map[string]string{
		"NETCONFPATH": filepath.Join(m.dir, "net.d"),
		"CNI_PATH":    plugins,
	}
	return m
}

// conf writes a file of the directory of networks.
func (m *machine) conf(name, text string) {
	m.t.Helper()
	text = strings.ReplaceAll(text, "$STATE", filepath.ToSlash(filepath.Join(m.dir, "state")))
	path := filepath.Join(m.dir, "net.d", name)
	require.NoError(m.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(m.t, os.WriteFile(path, []byte(text), 0o644))
}

// netns is the path of a network namespace.
func (m *machine) netns(name string) string { return filepath.Join(m.dir, "netns", name) }

// state lists what the plugins have made.
func (m *machine) state() []string {
	m.t.Helper()
	entries, err := os.ReadDir(filepath.Join(m.dir, "state"))
	require.NoError(m.t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// call runs the program.
func (m *machine) call(args ...string) (stdout, stderr string, status int) {
	m.t.Helper()
	return m.callUntil(m.t.Context(), args...)
}

// callUntil runs the program and interrupts it when the context ends.
func (m *machine) callUntil(ctx context.Context, args ...string) (stdout, stderr string, status int) {
	m.t.Helper()
	var out, messages bytes.Buffer
	t := &tool{lookup: lookup(m.env), stdout: &out, stderr: &messages, namespaces: []string{filepath.Join(m.dir, "netns")}}
	status = t.main(ctx, append([]string{"--cache=" + filepath.Join(m.dir, "cache")}, args...))
	return out.String(), messages.String(), status
}

// lookup is an environment.
func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, set := env[name]
		return value, set
	}
}

// good is a network with an address.
const good = `{"cniVersion": "1.1.0", "name": "good", "plugins": [
	{"type": "link", "stateDir": "$STATE"},
	{"type": "address", "stateDir": "$STATE", "subnet": "10.1.0.0/29", "capabilities": {"ips": true}}
]}`

// TestVerbs attaches and detaches as scripts do.
func TestVerbs(t *testing.T) {
	m := newMachine(t)
	m.conf("10-good.conflist", good)
	id := containerID(m.netns("one"))

	stdout, stderr, status := m.call("add", "good", m.netns("one"))
	require.Zero(t, status, stderr)
	assert.Empty(t, stderr)
	assert.False(t, strings.HasSuffix(stdout, "\n"), "upstream prints no newline")
	assert.Contains(t, stdout, `"address": "10.1.0.1/29"`)
	assert.Contains(t, m.state(), "link-"+id+"-eth0")

	for _, args := range [][]string{
		{"check", "good", m.netns("one")},
		{"status", "good"},
		{"status", "good", "whatever", "more", "is not looked at"},
		{"del", "good", m.netns("one")},
		{"del", "good", m.netns("one")},
	} {
		stdout, stderr, status = m.call(args...)
		assert.Zero(t, status, "%s: %s", args, stderr)
		assert.Empty(t, stdout+stderr, args)
	}
	assert.Empty(t, m.state())
}

// TestInterfaceName: the flag, in all the ways it may be written, goes before the
// variable.
func TestInterfaceName(t *testing.T) {
	for name, tc := range map[string]struct {
		env  string
		args []string
		want string
	}{
		"by default":        {"", []string{"add", "good", "ns"}, "eth0"},
		"the variable":      {"env1", []string{"add", "good", "ns"}, "env1"},
		"before":            {"env1", []string{"-i", "eth1", "add", "good", "ns"}, "eth1"},
		"behind":            {"env1", []string{"add", "good", "ns", "-i", "eth1"}, "eth1"},
		"between":           {"", []string{"add", "good", "-i=eth1", "ns"}, "eth1"},
		"in one word":       {"", []string{"add", "-ieth1", "good", "ns"}, "eth1"},
		"long":              {"", []string{"add", "good", "ns", "--ifname", "eth1"}, "eth1"},
		"long, one word":    {"", []string{"add", "good", "ns", "--ifname=eth1"}, "eth1"},
		"after the last --": {"", []string{"-i", "eth1", "--", "add", "good", "-i"}, "eth1"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.env["CNI_IFNAME"] = tc.env
			m.conf("10-good.conflist", good)
			_, stderr, status := m.call(tc.args...)
			require.Zero(t, status, stderr)
			require.Len(t, m.state(), 2)
			assert.True(t, strings.HasSuffix(m.state()[1], "-"+tc.want), m.state()[1])
		})
	}
}

// TestContainerID holds the ID against one that upstream's cnitool made.
func TestContainerID(t *testing.T) {
	assert.Equal(t, "cnitool-20b4ff582526573bbe7d", containerID("/run/netns/c1"))
}

// TestVariables: CNI_ARGS and CAP_ARGS reach the plugins as they are.
func TestVariables(t *testing.T) {
	m := newMachine(t)
	m.conf("10-good.conflist", good)
	m.env["CNI_ARGS"] = "IgnoreUnknown=1;K8S_POD_NAME=web=1"
	m.env["CAP_ARGS"] = `{"ips": ["10.1.0.9"], "mtu": 12345678901234567890}`
	stdout, stderr, status := m.call("--json", "explain", "add", "good", m.netns("one"))
	require.Zero(t, status, stderr)
	assert.Contains(t, stdout, `"CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAME=web=1"`)
	assert.Contains(t, strings.Join(strings.Fields(stdout), ""), `"runtimeConfig":{"ips":["10.1.0.9"]}`)

	for name, value := range map[string]string{"CNI_ARGS": "K8S_POD_NAME", "CAP_ARGS": `{"ips": `} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.conf("10-good.conflist", good)
			m.env[name] = value
			_, stderr, status := m.call("add", "good", m.netns("one"))
			assert.Equal(t, 1, status)
			assert.Contains(t, stderr, "Error: "+name)
			assert.Empty(t, m.state())
		})
	}
}

// TestUsage: help is no failure, however it is asked for.
func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"help"}, {"-h"}, {"--help"}} {
		stdout, stderr, status := newMachine(t).call(args...)
		assert.Zero(t, status, args)
		assert.Equal(t, usage, stdout, args)
		assert.Empty(t, stderr, args)
	}
}

// TestTimeout: a plugin that is told to hurry.
func TestTimeout(t *testing.T) {
	m := newMachine(t)
	m.conf("10-good.conflist", good)
	_, stderr, status := m.call("--timeout=1ns", "add", "good", m.netns("one"))
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, context.DeadlineExceeded.Error())
}

// TestEach takes joined errors apart, however deep.
func TestEach(t *testing.T) {
	a, b, c := errors.New("a"), errors.New("b"), errors.New("c")
	assert.Equal(t, []error{a, b, c}, each(errors.Join(a, errors.Join(b, c))))
	assert.Equal(t, []error{a}, each(a))
}

// TestWaits: del and clean say what they wait for, and the doctor how to find it.
func TestWaits(t *testing.T) {
	m := newMachine(t)
	m.conf("10-slow.conflist", `{"cniVersion": "1.0.0", "name": "slow", "plugins": [{"type": "slow"}]}`)
	added := make(chan int, 1)
	go func() {
		_, _, status := m.call("add", "slow", m.netns("one"), "--container", "web")
		added <- status
	}()
	require.Eventually(t, func() bool {
		stdout, _, _ := m.call("attachments")
		return strings.Contains(stdout, "running")
	}, time.Minute, time.Millisecond)
	stdout, _, _ := m.call("attachments")
	assert.Contains(t, stdout, "-> fuser -v "+filepath.Join(m.dir, "cache", "pending", "slow+web+eth0+"))
	stdout, _, _ = m.call("doctor")
	assert.Contains(t, stdout, "-> if that is too long: fuser -v "+filepath.Join(m.dir, "cache", "pending", "slow+web+eth0+"))
	for _, args := range [][]string{{"clean", "web"}, {"del", "--container", "web", "slow", m.netns("one")}} {
		_, stderr, _ := m.call(append([]string{"--timeout=2s"}, args...)...)
		assert.Contains(t, stderr, "Waiting, 10s at most, for an ADD of slow web eth0", args)
	}
	require.NoError(t, os.Remove(m.netns("one")))
	assert.Equal(t, 1, <-added)
}

// TestPatience: each plugin is bounded where all are asked, told to or not.
func TestPatience(t *testing.T) {
	assert.Equal(t, 5*time.Second, (&tool{}).patience())
	assert.Equal(t, time.Minute, (&tool{timeout: time.Minute}).patience())
	assert.Contains(t, usage, "after 5s")
}

// TestModeAsLS: modes are shown as the tool that one looks with shows them.
func TestModeAsLS(t *testing.T) {
	for want, mode := range map[string]os.FileMode{
		"drwxrwxrwt": os.ModeDir | os.ModeSticky | 0o777,
		"drwxrwx--T": os.ModeDir | os.ModeSticky | 0o770,
		"drwxrwsr-x": os.ModeDir | os.ModeSetgid | 0o775,
		"-rwsr-xr-x": os.ModeSetuid | 0o755,
		"-rwSr--r--": os.ModeSetuid | 0o644,
		"-rw-r--r--": 0o644,
	} {
		assert.Equal(t, want, lsMode(mode))
	}
}

// TestCommand: what is to be pasted does the same with the same networks, plugins and
// records, and says nothing of what is so anyway.
func TestCommand(t *testing.T) {
	for name, tc := range map[string]struct {
		env   map[string]string
		cache string
		args  []string
		want  string
	}{
		"nothing set":      {nil, "", []string{"del", "net", "/run/netns/web"}, "cnitool del net /run/netns/web"},
		"the usual places": {map[string]string{"NETCONFPATH": "/etc/cni/net.d", "CNI_PATH": "/opt/cni/bin"}, "", []string{"list"}, "cnitool list"},
		"other places": {map[string]string{"NETCONFPATH": "/my nets", "CNI_PATH": "/a:/b"}, "/c d", []string{"doctor"},
			"CNI_PATH=/a:/b NETCONFPATH='/my nets' cnitool --cache '/c d' doctor"},
		"words for a shell":           {nil, "", []string{"del", "it's", "", "$x"}, `cnitool del 'it'\''s' '' '$x'`},
		"a namespace nobody knows of": {nil, "", []string{"del", "net", netnsOr("")}, `cnitool del net "$NETNS"`},
	} {
		t.Run(name, func(t *testing.T) {
			tool := &tool{lookup: lookup(tc.env), cache: tc.cache}
			assert.Equal(t, tc.want, tool.command(tc.args[0], tc.args[1:]...))
		})
	}
}
