package diff

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/stretchr/testify/require"
)

// step is what one call did.
type step struct {
	Op      string
	Value   any               // what it returned, as JSON
	Failed  bool              // whether it returned an error
	Err     string            // its text
	Code    string            // code, message and details of the types.Error in it
	Panic   string            // what it panicked with
	Runs    []run             // plugins that were run, in order
	Records map[string]string // content of the record files after it
}

// player plays a case on one library, call by call.
type player interface {
	do(t testing.TB, op string) step
	// share makes the player use another's records.
	share(cacheDir string)
	cache() string
}

type playing[L, P, R, G, A any] struct {
	lib      library[L, P, R, G, A]
	c        *testCase
	confDir  string // the case's files
	cacheDir string
	path     []string
	exec     *fake // nil: processes

	list   *L
	single *P
}

func play[L, P, R, G, A any](t testing.TB, lib library[L, P, R, G, A], c *testCase, confDir string) player {
	p := &playing[L, P, R, G, A]{lib: lib, c: c, confDir: confDir, cacheDir: t.TempDir(), path: []string{"/opt/cni/bin"}}
	c.extract(t, p.cacheDir, isRecord)
	if !c.process {
		p.exec = &fake{c: c}
		return p
	}
	p.path = []string{filepath.Join(confDir, "bin")}
	return p
}

func (p *playing[L, P, R, G, A]) share(cacheDir string) { p.cacheDir = cacheDir }
func (p *playing[L, P, R, G, A]) cache() string         { return p.cacheDir }

func (p *playing[L, P, R, G, A]) do(t testing.TB, op string) (s step) {
	s.Op = op
	defer func() {
		if v := recover(); v != nil {
			s.Panic = fmt.Sprint(v)
		}
		if p.exec != nil {
			s.Runs = p.exec.take()
		} else {
			s.Runs = takeLog(p.confDir)
		}
		s.Records = readRecords(t, p.cacheDir)
	}()
	if op != "load" && p.list == nil && p.single == nil {
		return s // it did not load
	}
	value, err := p.call(t, op)
	s.Value = value
	if err != nil {
		s.Failed = true
		s.Err = p.plain(err.Error())
		if e := (*types.Error)(nil); errors.As(err, &e) {
			s.Code = p.plain(fmt.Sprintf("%d %q %q", e.Code, e.Msg, e.Details))
		}
	}
	return s
}

// plain takes the names of temporary directories out of a text.
func (p *playing[L, P, R, G, A]) plain(s string) string {
	return strings.NewReplacer(p.cacheDir, "$CACHE", p.confDir, "$CONF").Replace(s)
}

func (p *playing[L, P, R, G, A]) call(t testing.TB, op string) (any, error) {
	ctx := t.Context()
	var exec executor
	if p.exec != nil {
		exec = p.exec
	} else {
		exec = nil
	}
	c := p.lib.client(p.path, p.cacheDir, exec)
	rt := p.c.rt
	if p.c.caps != "" {
		d := json.NewDecoder(strings.NewReader(p.c.caps))
		d.UseNumber()
		require.NoError(t, d.Decode(&rt.CapabilityArgs))
	}
	r := p.lib.runtime(&rt)
	list := p.list != nil
	switch op {
	case "load":
		return p.load()
	case "add":
		if list {
			return resultView(c.AddNetworkList(ctx, p.list, r))
		}
		return resultView(c.AddNetwork(ctx, p.single, r))
	case "check":
		if list {
			return nil, c.CheckNetworkList(ctx, p.list, r)
		}
		return nil, c.CheckNetwork(ctx, p.single, r)
	case "del":
		if list {
			return nil, c.DelNetworkList(ctx, p.list, r)
		}
		return nil, c.DelNetwork(ctx, p.single, r)
	case "result":
		if list {
			return resultView(c.GetNetworkListCachedResult(p.list, r))
		}
		return resultView(c.GetNetworkCachedResult(p.single, r))
	case "config":
		if list {
			return p.configView(c.GetNetworkListCachedConfig(p.list, r))
		}
		return p.configView(c.GetNetworkCachedConfig(p.single, r))
	case "validate":
		var caps []string
		var err error
		if list {
			caps, err = c.ValidateNetworkList(ctx, p.list)
		} else {
			caps, err = c.ValidateNetwork(ctx, p.single)
		}
		slices.Sort(caps) // upstream's order is random
		return caps, err
	case "status":
		if list {
			return nil, c.GetStatusNetworkList(ctx, p.list)
		}
	case "gc", "gc-valid":
		args := &gcArgs{ValidAttachments: []types.GCAttachment{}}
		if op == "gc-valid" {
			args.ValidAttachments = append(args.ValidAttachments, types.GCAttachment{ContainerID: rt.ContainerID, IfName: rt.IfName})
		}
		if list {
			return nil, c.GCNetworkList(ctx, p.list, p.lib.gc(args))
		}
	case "gc-nil":
		return nil, c.GCNetworkList(ctx, p.list, nil)
	case "add-nil":
		return resultView(c.AddNetworkList(ctx, nil, r))
	case "attachments", "attachments-all":
		id := rt.ContainerID
		if op == "attachments-all" {
			id = ""
		}
		found, err := c.GetCachedAttachments(id)
		var view []*attachment
		for _, a := range found {
			view = append(view, p.lib.attachment(a))
		}
		return view, err
	case "version":
		var infos []any
		for _, plugin := range p.plugins() {
			info, err := c.GetVersionInfo(ctx, p.lib.plugin(plugin).Network.Type)
			if err != nil {
				return infos, err
			}
			infos = append(infos, info.SupportedVersions())
		}
		return infos, nil
	case "upconvert":
		if !list {
			l, err := p.lib.listFromPlugin(p.single)
			return p.listView(l), err
		}
	case "inject":
		var views []any
		for _, plugin := range p.plugins() {
			injected, err := p.lib.inject(plugin, map[string]any{"name": "injected", "extra": map[string]any{"k": []any{1, "two"}}})
			if err != nil {
				return views, err
			}
			views = append(views, pluginView(p.lib.plugin(injected)))
		}
		return views, nil
	default:
		t.Fatalf("unknown step %q", op)
	}
	return nil, nil
}

func (p *playing[L, P, R, G, A]) plugins() []*P {
	if p.list != nil {
		return *p.lib.fields(p.list).plugins
	}
	return []*P{p.single}
}

func (p *playing[L, P, R, G, A]) load() (any, error) {
	what, where := p.c.load[0], filepath.Join(p.confDir, p.c.load[1])
	var err error
	switch what {
	case "list":
		p.list, err = p.lib.listFromFile(where)
	case "bytes":
		p.list, err = p.lib.listFromBytes([]byte(p.c.files[p.c.load[1]]))
	case "dir":
		p.list, err = p.lib.load(where, p.c.load[2])
	case "plugin":
		p.single, err = p.lib.pluginFromFile(where)
	case "pluginbytes":
		p.single, err = p.lib.pluginFromBytes([]byte(p.c.files[p.c.load[1]]))
	case "plugindir":
		p.single, err = p.lib.loadPlugin(where, p.c.load[2])
	default:
		panic("unknown load " + what)
	}
	if err != nil {
		p.list, p.single = nil, nil
		return nil, err
	}
	if p.list == nil {
		return pluginView(p.lib.plugin(p.single)), nil
	}
	view := p.listView(p.list)
	for _, e := range p.c.edits {
		p.edit(e)
	}
	return view, nil
}

// edit does to a loaded list what programs do.
func (p *playing[L, P, R, G, A]) edit(e []string) {
	f := p.lib.fields(p.list)
	index := func() int { i, _ := strconv.Atoi(e[1]); return i }
	switch e[0] {
	case "version":
		*f.version = strings.Join(e[1:], " ")
	case "name":
		*f.name = strings.Join(e[1:], " ")
	case "type":
		p.lib.plugin((*f.plugins)[index()]).Network.Type = e[2]
	case "drop":
		*f.plugins = slices.Delete(*f.plugins, index(), index()+1)
	case "nobytes":
		*f.bytes = nil
	case "nocheck":
		*f.disableCheck = true
	case "nogc":
		*f.disableGC = true
	default:
		panic("unknown edit " + e[0])
	}
}

func resultView(r types.Result, err error) (any, error) {
	if r == nil {
		return nil, err
	}
	return map[string]any{"type": fmt.Sprintf("%T", r), "version": r.Version(), "json": r}, err
}

func (p *playing[L, P, R, G, A]) configView(config []byte, r *R, err error) (any, error) {
	if config == nil && r == nil {
		return nil, err
	}
	rt := *p.lib.toRuntime(r)
	return map[string]any{"config": string(config), "rt": rt}, err
}

func (p *playing[L, P, R, G, A]) listView(l *L) any {
	if l == nil {
		return nil
	}
	f := p.lib.fields(l)
	var plugins []any
	for _, plugin := range *f.plugins {
		plugins = append(plugins, pluginView(p.lib.plugin(plugin)))
	}
	return map[string]any{
		"name": *f.name, "version": *f.version, "plugins": plugins, "bytes": string(*f.bytes),
		"disableCheck": *f.disableCheck, "disableGC": *f.disableGC, "inlineOnly": *f.inlineOnly,
	}
}

func pluginView(p *pluginConf) any {
	return map[string]any{
		"name": p.Network.Name, "version": p.Network.CNIVersion, "type": p.Network.Type,
		"capabilities": p.Network.Capabilities, "ipam": p.Network.IPAM, "dns": p.Network.DNS,
		"bytes": string(p.Bytes),
	}
}

func readRecords(t testing.TB, cacheDir string) map[string]string {
	records := map[string]string{}
	entries, err := os.ReadDir(filepath.Join(cacheDir, "results"))
	if err != nil {
		return records
	}
	for _, e := range entries {
		f, err := os.Open(filepath.Join(cacheDir, "results", e.Name()))
		require.NoError(t, err)
		data, err := io.ReadAll(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		records[e.Name()] = string(data)
	}
	return records
}
