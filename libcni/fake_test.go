package libcni

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// run is one plugin run as the fake saw it.
type run struct {
	plugin, command string
	stdin           string
	env             map[string]string // the CNI_ variables
}

// prev is the prevResult in the request, as bytes; empty: none.
func (r run) prev() string {
	var in struct {
		PrevResult json.RawMessage `json:"prevResult"`
	}
	_ = json.Unmarshal([]byte(r.stdin), &in)
	return string(in.PrevResult)
}

// fakeExec answers each run from replies: "plugin VERB" or "VERB" to a result
// (a string) or an error. What is not there succeeds, ADD with an empty result.
type fakeExec struct {
	version.PluginDecoder
	replies map[string]any
	missing []string

	mu   sync.Mutex
	runs []run
}

func (f *fakeExec) FindInPath(plugin string, paths []string) (string, error) {
	if slices.Contains(f.missing, plugin) {
		return "", &invoke.NotFoundError{Plugin: plugin, Dirs: paths}
	}
	return filepath.Join(paths[0], plugin), nil
}

func (f *fakeExec) ExecPlugin(_ context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	r := run{plugin: filepath.Base(path), stdin: string(stdin), env: map[string]string{}}
	for _, kv := range environ {
		if name, value, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "CNI_") {
			r.env[name] = value
		}
	}
	r.command = r.env["CNI_COMMAND"]
	f.mu.Lock()
	f.runs = append(f.runs, r)
	f.mu.Unlock()
	for _, key := range []string{r.plugin + " " + r.command, r.command} {
		switch reply := f.replies[key].(type) {
		case string:
			return []byte(reply), nil
		case error:
			return nil, reply
		case func(run) ([]byte, error):
			return reply(r)
		}
	}
	if r.command == "ADD" {
		return []byte(`{}`), nil
	}
	return nil, nil
}

// calls returns what was run, "plugin VERB" each, and forgets it.
func (f *fakeExec) calls() []string {
	var calls []string
	for _, r := range f.take() {
		calls = append(calls, r.plugin+" "+r.command)
	}
	return calls
}

func (f *fakeExec) take() []run {
	f.mu.Lock()
	defer f.mu.Unlock()
	runs := f.runs
	f.runs = nil
	return runs
}

// fixture is a network with a fake below it and a cache directory of its own.
type fixture struct {
	*CNIConfig
	fake *fakeExec
	rt   *RuntimeConf
}

func newFixture(t *testing.T, opts Options) *fixture {
	t.Helper()
	fake := &fakeExec{replies: map[string]any{}}
	opts.Exec = fake
	if opts.CacheDir == "" {
		opts.CacheDir = t.TempDir()
	}
	return &fixture{
		CNIConfig: New([]string{filepath.FromSlash("/opt/cni/bin")}, opts),
		fake:      fake,
		rt:        &RuntimeConf{ContainerID: "c1", NetNS: "/run/netns/c1", IfName: "eth0"},
	}
}

func mustList(t *testing.T, conf string) *NetworkConfigList {
	t.Helper()
	list, err := NetworkConfFromBytes([]byte(conf))
	require.NoError(t, err)
	return list
}

func mustPlugin(t *testing.T, conf string) *PluginConfig {
	t.Helper()
	plugin, err := NetworkPluginConfFromBytes([]byte(conf))
	require.NoError(t, err)
	return plugin
}

// list3 is a network of three plugins.
func list3(t *testing.T, members string) *NetworkConfigList {
	return mustList(t, `{"name":"net",`+members+`"plugins":[{"type":"one"},{"type":"two"},{"type":"three"}]}`)
}

var errBanana = types.NewError(types.ErrInternal, "plugin error: banana", "")

func pluginError(t *testing.T, err error) *invoke.PluginError {
	t.Helper()
	var e *invoke.PluginError
	require.True(t, errors.As(err, &e), "%v has no PluginError", err)
	return e
}
