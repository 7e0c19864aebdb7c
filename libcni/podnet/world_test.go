package podnet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// world is an Exec in place of all plugins of a node. It remembers what they made,
// and notes what a runtime must never do.
type world struct {
	version.PluginDecoder

	mu       sync.Mutex
	made     map[made]string // network namespace
	runs     []string        // "ADD a con1 eth0 first"
	requests []request
	active   map[int]activity
	serial   int
	faults   []string
	dead     bool              // the process of the manager: it runs nothing any more
	died     func(op any) bool // nil, or whether the process of this operation is dead
	missing  map[string]bool   // plugins without an executable
	speaks   []string          // versions; nil: all

	// before, if set, is asked before each run; its error is the plugin's. After a
	// run that changed something, after is asked.
	before, after func(context.Context, request) error
}

// made is the state of one plugin for one attachment.
type made struct{ network, id, ifname, plugin string }

// request is what a plugin was asked.
type request struct {
	verb, network, plugin   string
	id, ifname, netns, args string
	conf                    map[string]any
}

func (r request) String() string {
	return strings.Join(strings.Fields(strings.Join([]string{r.verb, r.network, r.id, r.ifname, r.plugin}, " ")), " ")
}

// activity is a plugin that runs.
type activity struct {
	request
	op any // of the context, see asOp
}

type opKey struct{}

// asOp returns a context whose plugin runs belong to one operation on the manager.
func asOp(ctx context.Context, op string) context.Context {
	return context.WithValue(ctx, opKey{}, op)
}

func newWorld() *world {
	return &world{made: map[made]string{}, active: map[int]activity{}, missing: map[string]bool{}}
}

func (w *world) FindInPath(plugin string, paths []string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.missing[plugin] {
		return "", &invoke.NotFoundError{Plugin: plugin, Dirs: paths}
	}
	return "/plugins/" + plugin, nil
}

func (w *world) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	env := func(name string) string {
		for _, v := range environ {
			if value, ok := strings.CutPrefix(v, "CNI_"+name+"="); ok {
				return value
			}
		}
		return ""
	}
	r := request{
		verb: env("COMMAND"), plugin: filepath.Base(path),
		id: env("CONTAINERID"), ifname: env("IFNAME"), netns: env("NETNS"), args: env("ARGS"),
	}
	if err := json.Unmarshal(stdin, &r.conf); err != nil {
		return nil, err
	}
	r.network, _ = r.conf["name"].(string)
	if r.verb == "VERSION" {
		return json.Marshal(map[string]any{"cniVersion": "1.1.0", "supportedVersions": w.speaks})
	}
	leave := w.enter(ctx, r)
	defer leave()
	if asked, _ := r.conf["cniVersion"].(string); w.speaks != nil && !slices.Contains(w.speaks, asked) {
		return nil, types.NewError(types.ErrIncompatibleCNIVersion, "incompatible CNI versions", asked)
	}
	if w.before != nil {
		if err := w.before(ctx, r); err != nil {
			return nil, err
		}
	}
	runtime.Gosched() // let others in, if somebody lets them
	reply, err := w.do(r)
	if err == nil && w.after != nil {
		err = w.after(ctx, r)
	}
	return reply, err
}

func (w *world) do(r request) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := made{r.network, r.id, r.ifname, r.plugin}
	switch r.verb {
	case "ADD":
		if _, ok := w.made[key]; ok {
			w.fault("second ADD without DEL: %s", r)
			return nil, types.NewError(types.ErrInternal, "exists already", "")
		}
		w.made[key] = r.netns
		cniVersion, _ := r.conf["cniVersion"].(string)
		return fmt.Appendf(nil, `{"cniVersion":%q,"interfaces":[{"name":%q,"sandbox":%q}],"ips":[{"address":"10.0.0.2/24","interface":0}]}`,
			cniVersion, r.ifname, r.netns), nil
	case "DEL":
		delete(w.made, key)
	case "CHECK":
		if _, ok := w.made[key]; !ok {
			return nil, types.NewError(types.ErrInternal, "is not there", "")
		}
	case "GC":
		valid := map[[2]string]bool{}
		for _, a := range r.conf["cni.dev/valid-attachments"].([]any) {
			a := a.(map[string]any)
			valid[[2]string{a["containerID"].(string), a["ifname"].(string)}] = true
		}
		for k := range w.made {
			if k.network == r.network && k.plugin == r.plugin && !valid[[2]string{k.id, k.ifname}] {
				delete(w.made, k)
			}
		}
	}
	return nil, nil
}

// enter notes that a plugin runs, and who runs beside it and must not.
func (w *world) enter(ctx context.Context, r request) (leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead || w.died != nil && w.died(ctx.Value(opKey{})) {
		runtime.Goexit()
	}
	w.runs = append(w.runs, r.String())
	w.requests = append(w.requests, r)
	me := activity{r, ctx.Value(opKey{})}
	for _, other := range w.active {
		switch {
		case me.verb == "STATUS" || other.verb == "STATUS" || me.op == other.op && me.op != nil && me.id != other.id:
		case me.id == other.id && me.id != "":
			w.fault("two plugins at once for one container: %s of %v, %s of %v", me.request, me.op, other.request, other.op)
		case me.verb == "GC" && other.verb == "GC" && me.op == other.op:
		case alone(me) || alone(other):
			w.fault("GC beside another operation: %s of %v, %s of %v", me.request, me.op, other.request, other.op)
		}
	}
	w.serial++
	serial := w.serial
	w.active[serial] = me
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.active, serial)
	}
}

// die ends the process of the manager. Its goroutines end where they next run a
// plugin.
func (w *world) die() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead = true
}

func (w *world) isDead() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dead
}

// revive lets the next process begin. It reports whether the last one has died.
func (w *world) revive() (died bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	died, w.dead = w.dead, false
	return died
}

func alone(a activity) bool {
	op, _ := a.op.(string)
	return a.verb == "GC" || strings.HasPrefix(op, "gc")
}

func (w *world) fault(format string, args ...any) {
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// take returns the runs since the last time.
func (w *world) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	runs := w.runs
	w.runs, w.requests = nil, nil
	return runs
}

// state returns what is made, sorted.
func (w *world) state() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := []string{}
	for k := range w.made {
		s = append(s, fmt.Sprintf("%s %s %s %s", k.network, k.id, k.ifname, k.plugin))
	}
	slices.Sort(s)
	return s
}

// node is a manager and what is around it.
type node struct {
	*testing.T
	*world
	*podnet.Manager
	dir  string
	opts podnet.Options
}

// newNode opens a manager with these networks: each is a name, and a version where
// it is not 1.1.0, as "old@0.3.1". A network has two plugins, first and second.
func newNode(t *testing.T, networks ...string) *node {
	n := &node{T: t, world: newWorld(), dir: t.TempDir()}
	n.opts = podnet.Options{
		ConfDir: filepath.Join(n.dir, "net.d"), PluginDirs: []string{"/plugins"}, CacheDir: filepath.Join(n.dir, "cache"),
		NoLoopback: true, NoSync: true, Exec: n.world,
	}
	for i, name := range networks {
		n.configure(i, name, "")
	}
	n.open()
	t.Cleanup(func() {
		_ = n.Close()
		for _, fault := range n.faults {
			t.Error(fault)
		}
	})
	return n
}

func (n *node) open() {
	n.Helper()
	m, err := podnet.Open(n.Context(), n.opts)
	require.NoError(n, err)
	n.Manager = m
}

func (n *node) configure(i int, name, extra string) {
	n.Helper()
	name, cniVersion, _ := strings.Cut(name, "@")
	if cniVersion == "" {
		cniVersion = "1.1.0"
	}
	conf := fmt.Sprintf(`{"cniVersion":%q,"name":%q%s,"plugins":[{"type":"first"},{"type":"second","capabilities":{"portMappings":true,"mac":true}}]}`,
		cniVersion, name, extra)
	writeFile(n, filepath.Join(n.opts.ConfDir, fmt.Sprintf("%02d-%s.conflist", i, name)), conf)
}

// names returns attachments as "network/interface".
func names(attachments []*podnet.Attachment) []string {
	s := []string{}
	for _, a := range attachments {
		s = append(s, a.Network+"/"+a.IfName)
	}
	return s
}

func (n *node) attached(id string) []string {
	n.Helper()
	a, err := n.Attachments(id)
	require.NoError(n, err)
	return names(a)
}

func pod(id string, networks ...string) podnet.Pod {
	p := podnet.Pod{ID: id, NetNS: "/proc/self/ns/net"}
	for _, name := range networks {
		name, ifname, _ := strings.Cut(name, "/")
		p.Networks = append(p.Networks, podnet.Network{Name: name, IfName: ifname})
	}
	return p
}

func writeFile(t testing.TB, path, data string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(data), 0o644))
}

// logBuffer takes a manager's log, without the times.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// lines returns what was logged since the last time, sorted.
func (b *logBuffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines := strings.FieldsFunc(b.text.String(), func(r rune) bool { return r == '\n' })
	b.text.Reset()
	slices.Sort(lines)
	return lines
}

// logTo makes the next manager log to a buffer.
func (n *node) logTo() *logBuffer {
	b := &logBuffer{}
	n.opts.Logger = slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	return b
}
