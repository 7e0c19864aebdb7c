package diff

import (
	"context"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	ours "github.com/cnikit/cnikit/libcni"
)

// client is the methods that both libraries' CNIConfig has, each with its own
// types of a list, a plugin, a runtime configuration, GC arguments and an
// attachment.
type client[L, P, R, G, A any] interface {
	AddNetworkList(context.Context, *L, *R) (types.Result, error)
	CheckNetworkList(context.Context, *L, *R) error
	DelNetworkList(context.Context, *L, *R) error
	GetNetworkListCachedResult(*L, *R) (types.Result, error)
	GetNetworkListCachedConfig(*L, *R) ([]byte, *R, error)
	AddNetwork(context.Context, *P, *R) (types.Result, error)
	CheckNetwork(context.Context, *P, *R) error
	DelNetwork(context.Context, *P, *R) error
	GetNetworkCachedResult(*P, *R) (types.Result, error)
	GetNetworkCachedConfig(*P, *R) ([]byte, *R, error)
	ValidateNetworkList(context.Context, *L) ([]string, error)
	ValidateNetwork(context.Context, *P) ([]string, error)
	GCNetworkList(context.Context, *L, *G) error
	GetStatusNetworkList(context.Context, *L) error
	GetCachedAttachments(containerID string) ([]*A, error)
	GetVersionInfo(context.Context, string) (version.PluginInfo, error)
}

// executor is Exec, whose methods are the same in both libraries.
type executor interface {
	ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error)
	FindInPath(plugin string, paths []string) (string, error)
	Decode(reply []byte) (version.PluginInfo, error)
}

// The types whose fields both libraries have in common are converted to these.
type (
	runtimeConf = libcni.RuntimeConf
	pluginConf  = libcni.PluginConfig
	gcArgs      = libcni.GCArgs
	attachment  = libcni.NetworkAttachment
)

// fields are the fields of a list, to be read and edited.
type fields[P any] struct {
	name, version                       *string
	disableCheck, disableGC, inlineOnly *bool
	plugins                             *[]*P
	bytes                               *[]byte
}

// library is one of the two. Only these few lines know which.
type library[L, P, R, G, A any] struct {
	name   string
	client func(path []string, cacheDir string, exec executor) client[L, P, R, G, A]

	listFromBytes   func([]byte) (*L, error)
	listFromFile    func(string) (*L, error)
	load            func(dir, name string) (*L, error)
	pluginFromBytes func([]byte) (*P, error)
	pluginFromFile  func(string) (*P, error)
	loadPlugin      func(dir, name string) (*P, error)
	listFromPlugin  func(*P) (*L, error)
	inject          func(*P, map[string]any) (*P, error)

	fields     func(*L) fields[P]
	plugin     func(*P) *pluginConf
	runtime    func(*runtimeConf) *R
	toRuntime  func(*R) *runtimeConf
	gc         func(*gcArgs) *G
	attachment func(*A) *attachment
}

var upstream = library[libcni.NetworkConfigList, libcni.PluginConfig, libcni.RuntimeConf, libcni.GCArgs, libcni.NetworkAttachment]{
	name: "upstream",
	client: func(path []string, cacheDir string, exec executor) client[libcni.NetworkConfigList, libcni.PluginConfig, libcni.RuntimeConf, libcni.GCArgs, libcni.NetworkAttachment] {
		return libcni.NewCNIConfigWithCacheDir(path, cacheDir, exec)
	},
	listFromBytes: libcni.ConfListFromBytes, listFromFile: libcni.ConfListFromFile, load: libcni.LoadNetworkConf,
	pluginFromBytes: libcni.ConfFromBytes, pluginFromFile: libcni.ConfFromFile, loadPlugin: libcni.LoadConf,
	listFromPlugin: libcni.ConfListFromConf, inject: libcni.InjectConf,
	fields: func(l *libcni.NetworkConfigList) fields[libcni.PluginConfig] {
		return fields[libcni.PluginConfig]{&l.Name, &l.CNIVersion, &l.DisableCheck, &l.DisableGC, &l.LoadOnlyInlinedPlugins, &l.Plugins, &l.Bytes}
	},
	plugin:     func(p *libcni.PluginConfig) *pluginConf { return p },
	runtime:    func(r *runtimeConf) *libcni.RuntimeConf { return r },
	toRuntime:  func(r *libcni.RuntimeConf) *runtimeConf { return r },
	gc:         func(g *gcArgs) *libcni.GCArgs { return g },
	attachment: func(a *libcni.NetworkAttachment) *attachment { return a },
}

var cnikit = library[ours.NetworkConfigList, ours.PluginConfig, ours.RuntimeConf, ours.GCArgs, ours.NetworkAttachment]{
	name: "cnikit",
	client: func(path []string, cacheDir string, exec executor) client[ours.NetworkConfigList, ours.PluginConfig, ours.RuntimeConf, ours.GCArgs, ours.NetworkAttachment] {
		// The sync is all that a machine's crash would tell from none.
		return ours.New(path, ours.Options{CacheDir: cacheDir, Exec: exec, NoSync: true})
	},
	listFromBytes: ours.ConfListFromBytes, listFromFile: ours.ConfListFromFile, load: ours.LoadNetworkConf,
	pluginFromBytes: ours.ConfFromBytes, pluginFromFile: ours.ConfFromFile, loadPlugin: ours.LoadConf,
	listFromPlugin: ours.ConfListFromConf, inject: ours.InjectConf,
	fields: func(l *ours.NetworkConfigList) fields[ours.PluginConfig] {
		return fields[ours.PluginConfig]{&l.Name, &l.CNIVersion, &l.DisableCheck, &l.DisableGC, &l.LoadOnlyInlinedPlugins, &l.Plugins, &l.Bytes}
	},
	plugin:     func(p *ours.PluginConfig) *pluginConf { return (*pluginConf)(p) },
	runtime:    func(r *runtimeConf) *ours.RuntimeConf { return (*ours.RuntimeConf)(r) },
	toRuntime:  func(r *ours.RuntimeConf) *runtimeConf { return (*runtimeConf)(r) },
	gc:         func(g *gcArgs) *ours.GCArgs { return (*ours.GCArgs)(g) },
	attachment: func(a *ours.NetworkAttachment) *attachment { return (*attachment)(a) },
}
