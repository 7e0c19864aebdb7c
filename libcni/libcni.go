package libcni

import (
	"context"
	"time"

	"github.com/cnikit/cnikit/internal/atomicfile"
	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// CacheDir is where records go when neither the [CNIConfig] nor the
// [RuntimeConf] names a directory. Assign to it before the first call, if at
// all: it is read by every call, without a lock.
var CacheDir = defaultCacheDir

const defaultCacheDir = "/var/lib/cni"

// CNICacheV1 is the kind of a record file.
const CNICacheV1 = "cniCacheV1"

// RuntimeConf names one attachment and holds what the runtime passes to its
// plugins besides the network configuration (SPEC.md, section 3, "Attachment
// Parameters"). No method changes one.
type RuntimeConf struct {
	// ContainerID, NetNS and IfName become CNI_CONTAINERID, CNI_NETNS and
	// CNI_IFNAME. NetNS may be empty for DEL; whether it is there is not checked.
	ContainerID string
	NetNS       string
	IfName      string
	// Args become CNI_ARGS, in this order.
	Args [][2]string
	// CapabilityArgs holds one value for each capability, in the JSON shape of
	// the CNI conventions. A plugin gets those that its configuration declares
	// under "capabilities" as members of "runtimeConfig" (CONVENTIONS.md,
	// "Dynamic Plugin specific fields").
	CapabilityArgs map[string]interface{}

	// CacheDir is used when the CNIConfig has no directory of its own. Methods that
	// are given no RuntimeConf, GC for one, do not look there.
	//
	// Deprecated: give the directory to [NewCNIConfigWithCacheDir] or [New].
	CacheDir string
}

// NetworkConfig is the former name of [PluginConfig].
//
// Deprecated: use PluginConfig.
type NetworkConfig = PluginConfig

// PluginConfig is the configuration of one plugin.
type PluginConfig struct {
	// Network is what this library reads of the configuration.
	Network *types.PluginConf
	// Bytes is the whole configuration, a JSON object. It is what the plugin
	// gets, completed with the network's name and version.
	Bytes []byte
}

// NetworkConfigList is a network: an ordered list of plugins. Values may be
// edited or built by hand; nothing is derived from one before it is used. In a
// list that is shared between goroutines nothing may be changed.
type NetworkConfigList struct {
	Name       string
	CNIVersion string
	// DisableCheck and DisableGC make CHECK and GC succeed without running
	// anything.
	DisableCheck bool
	DisableGC    bool
	// LoadOnlyInlinedPlugins says that plugins of the network's drop-in folder
	// are not part of it.
	LoadOnlyInlinedPlugins bool
	Plugins                []*PluginConfig
	// Bytes is the configuration as it was loaded. It may be empty.
	Bytes []byte
}

// NetworkAttachment is what the record of one attachment says, as
// [CNIConfig.GetCachedAttachments] returns it. [Attachment] says more.
type NetworkAttachment struct {
	ContainerID    string
	Network        string
	IfName         string
	Config         []byte
	NetNS          string
	CniArgs        [][2]string
	CapabilityArgs map[string]interface{}
}

// GCArgs says which attachments of a network are still in use. The zero value says
// that none is.
type GCArgs struct {
	// ValidAttachments name them by container and interface.
	ValidAttachments []types.GCAttachment
}

// CNI is the interface of a runtime's side of the specification; [CNIConfig] says what
// each method does. It has the methods it has upstream, no more and no fewer, because
// runtimes implement it in their tests; what is new is on CNIConfig only.
type CNI interface {
	AddNetworkList(ctx context.Context, net *NetworkConfigList, rt *RuntimeConf) (types.Result, error)
	CheckNetworkList(ctx context.Context, net *NetworkConfigList, rt *RuntimeConf) error
	DelNetworkList(ctx context.Context, net *NetworkConfigList, rt *RuntimeConf) error
	GetNetworkListCachedResult(net *NetworkConfigList, rt *RuntimeConf) (types.Result, error)
	GetNetworkListCachedConfig(net *NetworkConfigList, rt *RuntimeConf) ([]byte, *RuntimeConf, error)

	AddNetwork(ctx context.Context, net *PluginConfig, rt *RuntimeConf) (types.Result, error)
	CheckNetwork(ctx context.Context, net *PluginConfig, rt *RuntimeConf) error
	DelNetwork(ctx context.Context, net *PluginConfig, rt *RuntimeConf) error
	GetNetworkCachedResult(net *PluginConfig, rt *RuntimeConf) (types.Result, error)
	GetNetworkCachedConfig(net *PluginConfig, rt *RuntimeConf) ([]byte, *RuntimeConf, error)

	ValidateNetworkList(ctx context.Context, net *NetworkConfigList) ([]string, error)
	ValidateNetwork(ctx context.Context, net *PluginConfig) ([]string, error)

	GCNetworkList(ctx context.Context, net *NetworkConfigList, args *GCArgs) error
	GetStatusNetworkList(ctx context.Context, net *NetworkConfigList) error

	GetCachedAttachments(containerID string) ([]*NetworkAttachment, error)

	GetVersionInfo(ctx context.Context, pluginType string) (version.PluginInfo, error)
}

// CNIConfig runs plugins and keeps the records of what they attached. A literal
// with only Path set is ready for use; [New] gives the options.
//
// Its methods may be called from many goroutines at once. They serialise
// nothing: that one container has only one operation at a time, and that GC
// runs beside none, is the caller's part of the specification ("Lifecycle &
// Ordering").
type CNIConfig struct {
	// Path is the directories in which plugins are looked for, in order. It is
	// passed on as CNI_PATH. It must not be changed while calls are under way.
	Path []string

	exec     invoke.Exec
	cacheDir string
	opts     Options
	fault    atomicfile.Fault // of the store; tests only
}

var _ CNI = (*CNIConfig)(nil)

// Options are the choices of a [CNIConfig]. The zero value behaves as upstream's
// libcni does, but for what DIFFERENCES.md lists.
type Options struct {
	// Exec runs the plugins. Nil: they are processes, their standard error goes
	// to this process's, also when an Observer is told of it. To have it there
	// only, give &invoke.DefaultExec{RawExec: &invoke.RawExec{}}.
	Exec invoke.Exec
	// CacheDir holds the records. Empty: the RuntimeConf's, then [CacheDir].
	CacheDir string
	// NoSync leaves records to the operating system's own time: cheaper, and
	// safe against a crash of the process but not of the machine.
	NoSync bool
	// Rollback makes a failed ADD run DEL on the whole list, in reverse and on
	// after a plugin that fails, before it returns. Its errors are joined to the
	// ADD's. An attachment that has a record already is in use and is not touched:
	// then [ErrAlreadyAttached] is joined.
	Rollback bool
	// RollbackTimeout is the time that this DEL has, whatever is left of the
	// caller's context. 0, or less, is 30 seconds.
	RollbackTimeout time.Duration
	// ContinueOnDelError makes DEL run the remaining plugins after one failed or was
	// not found; DelAttachment, DelContainer and GC then run DEL for the attachment's
	// failed ADDs as well. All errors are returned, joined; the record stays. It is for
	// who is about to call ForgetAttachment: only what the failed ones made is given up.
	ContinueOnDelError bool
	// WaitForAdd is how long a DEL waits, at most, for an ADD of the same attachment
	// that is under way, or for a plugin that outlives its killed runtime; and it
	// never waits longer than half of the time that its context has left. 0 is ten
	// seconds, a negative value is no time.
	WaitForAdd time.Duration
	// RequireRecord makes CHECK of an attachment without a record fail with
	// [ErrNoRecord].
	RequireRecord bool
	// RefuseSecondAdd makes ADD of an attachment that has a record fail with
	// [ErrAlreadyAttached].
	RefuseSecondAdd bool
	// StripCapabilities removes "capabilities" from what a plugin gets, as the
	// specification asks; every plugin in use has seen it there.
	StripCapabilities bool
	// Env says which of this process's variables the plugins inherit.
	Env invoke.EnvPolicy
	// Observer is told of every plugin run.
	Observer *invoke.Observer
	// Warn is told what went wrong without failing the call: a damaged record
	// that DEL worked around, a record that could not be removed. It may be
	// called from several goroutines.
	Warn func(ctx context.Context, err error)
}

// New returns a CNIConfig that looks for plugins in the directories of path.
func New(path []string, opts Options) *CNIConfig {
	return &CNIConfig{Path: path, exec: opts.Exec, cacheDir: opts.CacheDir, opts: opts}
}

// NewCNIConfig returns a CNIConfig that looks for plugins in the directories of
// path and runs them by exec. A nil exec runs processes.
func NewCNIConfig(path []string, exec invoke.Exec) *CNIConfig {
	return New(path, Options{Exec: exec})
}

// NewCNIConfigWithCacheDir is [NewCNIConfig] with a directory for the records.
func NewCNIConfigWithCacheDir(path []string, cacheDir string, exec invoke.Exec) *CNIConfig {
	return New(path, Options{Exec: exec, CacheDir: cacheDir})
}
