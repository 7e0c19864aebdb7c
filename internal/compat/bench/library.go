package bench

import (
	"context"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	reference "github.com/containernetworking/cni/libcni"
	referenceinvoke "github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

// An attachment is what a library is asked for: one interface of one container.
type attachment struct {
	ContainerID, NetNS, IfName string
	Args                       [][2]string
	Capabilities               map[string]any
}

// An executor is an Exec of either library: their methods are the same.
type executor interface {
	ExecPlugin(ctx context.Context, pluginPath string, stdinData []byte, environ []string) ([]byte, error)
	FindInPath(plugin string, paths []string) (string, error)
	Decode(jsonBytes []byte) (version.PluginInfo, error)
}

// A library is one of the two, as far as it is measured.
type library interface {
	String() string
	// Parse and Load return the list.
	Parse(conflist []byte) (any, error)
	Load(dir, network string) (any, error)
	// Runtime returns a runtime with records in cacheDir. A nil exec runs
	// processes, limit of them at a time where the library can tell that.
	Runtime(cacheDir string, path []string, exec executor, limit int) runtime
	// RawExec runs processes and drops what they say on standard error.
	RawExec() executor
}

// A runtime is a CNIConfig. Lists are those of the same library.
type runtime interface {
	Add(list any, a *attachment) (types.Result, error)
	Check(list any, a *attachment) error
	Del(list any, a *attachment) error
	GC(list any, valid []types.GCAttachment) error
	Cached(containerID string) (n int, attachments any, err error)
}

// libraries are both, upstream first.
var libraries = [2]library{
	&engine[reference.NetworkConfigList, reference.RuntimeConf, reference.GCArgs, reference.NetworkAttachment]{
		name:  "upstream",
		parse: reference.NetworkConfFromBytes,
		load:  reference.LoadNetworkConf,
		cni: func(cacheDir string, path []string, exec executor, _ int) verbs[reference.NetworkConfigList, reference.RuntimeConf, reference.GCArgs, reference.NetworkAttachment] {
			if exec == nil {
				return reference.NewCNIConfigWithCacheDir(path, cacheDir, nil)
			}
			return reference.NewCNIConfigWithCacheDir(path, cacheDir, exec)
		},
		runtime: func(a *attachment) *reference.RuntimeConf {
			return &reference.RuntimeConf{
				ContainerID: a.ContainerID, NetNS: a.NetNS, IfName: a.IfName, Args: a.Args, CapabilityArgs: a.Capabilities,
			}
		},
		gcArgs: func(valid []types.GCAttachment) *reference.GCArgs {
			return &reference.GCArgs{ValidAttachments: valid}
		},
		exec: &referenceinvoke.DefaultExec{RawExec: &referenceinvoke.RawExec{}},
	},
	&engine[libcni.NetworkConfigList, libcni.RuntimeConf, libcni.GCArgs, libcni.NetworkAttachment]{
		name:  "cnikit",
		parse: libcni.NetworkConfFromBytes,
		load:  libcni.LoadNetworkConf,
		cni: func(cacheDir string, path []string, exec executor, limit int) verbs[libcni.NetworkConfigList, libcni.RuntimeConf, libcni.GCArgs, libcni.NetworkAttachment] {
			opts := libcni.Options{CacheDir: cacheDir}
			if exec != nil {
				opts.Exec = exec
			}
			if limit > 0 {
				opts.Exec = invoke.Limit(opts.Exec, limit)
			}
			return libcni.New(path, opts)
		},
		runtime: func(a *attachment) *libcni.RuntimeConf {
			return &libcni.RuntimeConf{
				ContainerID: a.ContainerID, NetNS: a.NetNS, IfName: a.IfName, Args: a.Args, CapabilityArgs: a.Capabilities,
			}
		},
		gcArgs: func(valid []types.GCAttachment) *libcni.GCArgs {
			return &libcni.GCArgs{ValidAttachments: valid}
		},
		exec: &invoke.DefaultExec{RawExec: &invoke.RawExec{}},
	},
}

// verbs are the methods of both libraries' CNIConfig.
type verbs[List, Runtime, GCArgs, Attachment any] interface {
	AddNetworkList(context.Context, *List, *Runtime) (types.Result, error)
	CheckNetworkList(context.Context, *List, *Runtime) error
	DelNetworkList(context.Context, *List, *Runtime) error
	GCNetworkList(context.Context, *List, *GCArgs) error
	GetCachedAttachments(containerID string) ([]*Attachment, error)
}

// An engine makes a library of either one's functions.
type engine[L, R, G, A any] struct {
	name    string
	parse   func([]byte) (*L, error)
	load    func(dir, network string) (*L, error)
	cni     func(cacheDir string, path []string, exec executor, limit int) verbs[L, R, G, A]
	runtime func(*attachment) *R
	gcArgs  func([]types.GCAttachment) *G
	exec    executor
}

func (e *engine[L, R, G, A]) String() string { return e.name }

func (e *engine[L, R, G, A]) Parse(conflist []byte) (any, error) { return e.parse(conflist) }

func (e *engine[L, R, G, A]) Load(dir, network string) (any, error) { return e.load(dir, network) }

func (e *engine[L, R, G, A]) RawExec() executor { return e.exec }

func (e *engine[L, R, G, A]) Runtime(cacheDir string, path []string, exec executor, limit int) runtime {
	return &engineRuntime[L, R, G, A]{e, e.cni(cacheDir, path, exec, limit)}
}

type engineRuntime[L, R, G, A any] struct {
	*engine[L, R, G, A]
	verbs verbs[L, R, G, A]
}

func (r *engineRuntime[L, R, G, A]) Add(list any, a *attachment) (types.Result, error) {
	return r.verbs.AddNetworkList(context.Background(), list.(*L), r.runtime(a))
}

func (r *engineRuntime[L, R, G, A]) Check(list any, a *attachment) error {
	return r.verbs.CheckNetworkList(context.Background(), list.(*L), r.runtime(a))
}

func (r *engineRuntime[L, R, G, A]) Del(list any, a *attachment) error {
	return r.verbs.DelNetworkList(context.Background(), list.(*L), r.runtime(a))
}

func (r *engineRuntime[L, R, G, A]) GC(list any, valid []types.GCAttachment) error {
	return r.verbs.GCNetworkList(context.Background(), list.(*L), r.gcArgs(valid))
}

func (r *engineRuntime[L, R, G, A]) Cached(containerID string) (int, any, error) {
	attachments, err := r.verbs.GetCachedAttachments(containerID)
	return len(attachments), attachments, err
}
