//go:build linux

package e2e

import (
	"context"

	"github.com/cnikit/cnikit/libcni"
	reference "github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
)

// An attachment is what a story asks a library for: one interface of one container, with
// CNI_ARGS and capability arguments.
type attachment struct {
	ContainerID  string
	NetNS        string
	IfName       string
	Args         [][2]string
	Capabilities map[string]any
}

// A library is one implementation of libcni, as far as the stories need it. Both keep
// their records in the default directory, so that one can take over from the other.
type library interface {
	String() string
	Add(ctx context.Context, conflist string, a attachment) (types.Result, error)
	Check(ctx context.Context, conflist string, a attachment) error
	Del(ctx context.Context, conflist string, a attachment) error
	GC(ctx context.Context, conflist string, valid ...attachment) error
	Status(ctx context.Context, conflist string) error
	Validate(ctx context.Context, conflist string) ([]string, error)
	// CheckUnsupported is the library's sentinel for a list too old for CHECK.
	CheckUnsupported() error
}

// verbs are the methods that both libraries' CNIConfig has; only the types of their
// arguments differ.
type verbs[List, Runtime, GCArgs any] interface {
	AddNetworkList(context.Context, *List, *Runtime) (types.Result, error)
	CheckNetworkList(context.Context, *List, *Runtime) error
	DelNetworkList(context.Context, *List, *Runtime) error
	GCNetworkList(context.Context, *List, *GCArgs) error
	GetStatusNetworkList(context.Context, *List) error
	ValidateNetworkList(context.Context, *List) ([]string, error)
}

// An engine makes a library of any implementation of the verbs.
type engine[List, Runtime, GCArgs any] struct {
	name        string
	cni         verbs[List, Runtime, GCArgs]
	load        func([]byte) (*List, error)
	runtime     func(attachment) *Runtime
	gcArgs      func([]types.GCAttachment) *GCArgs
	unsupported error
}

// upstream returns the reference implementation, with plugins found in dir.
func upstream(dir string) library {
	return &engine[reference.NetworkConfigList, reference.RuntimeConf, reference.GCArgs]{
		name: "upstream",
		cni:  reference.NewCNIConfig([]string{dir}, nil),
		load: reference.NetworkConfFromBytes,
		runtime: func(a attachment) *reference.RuntimeConf {
			return &reference.RuntimeConf{
				ContainerID: a.ContainerID, NetNS: a.NetNS, IfName: a.IfName, Args: a.Args, CapabilityArgs: a.Capabilities,
			}
		},
		gcArgs: func(valid []types.GCAttachment) *reference.GCArgs {
			return &reference.GCArgs{ValidAttachments: valid}
		},
		unsupported: reference.ErrorCheckNotSupp,
	}
}

// cnikit returns our implementation, with plugins found in dir.
func cnikit(dir string) library {
	return &engine[libcni.NetworkConfigList, libcni.RuntimeConf, libcni.GCArgs]{
		name: "cnikit",
		cni:  libcni.NewCNIConfig([]string{dir}, nil),
		load: libcni.NetworkConfFromBytes,
		runtime: func(a attachment) *libcni.RuntimeConf {
			return &libcni.RuntimeConf{
				ContainerID: a.ContainerID, NetNS: a.NetNS, IfName: a.IfName, Args: a.Args, CapabilityArgs: a.Capabilities,
			}
		},
		gcArgs: func(valid []types.GCAttachment) *libcni.GCArgs {
			return &libcni.GCArgs{ValidAttachments: valid}
		},
		unsupported: libcni.ErrorCheckNotSupp,
	}
}

func (e *engine[L, R, G]) String() string { return e.name }

func (e *engine[L, R, G]) CheckUnsupported() error { return e.unsupported }

func (e *engine[L, R, G]) Add(ctx context.Context, conflist string, a attachment) (types.Result, error) {
	list, err := e.load([]byte(conflist))
	if err != nil {
		return nil, err
	}
	return e.cni.AddNetworkList(ctx, list, e.runtime(a))
}

func (e *engine[L, R, G]) Check(ctx context.Context, conflist string, a attachment) error {
	list, err := e.load([]byte(conflist))
	if err != nil {
		return err
	}
	return e.cni.CheckNetworkList(ctx, list, e.runtime(a))
}

func (e *engine[L, R, G]) Del(ctx context.Context, conflist string, a attachment) error {
	list, err := e.load([]byte(conflist))
	if err != nil {
		return err
	}
	return e.cni.DelNetworkList(ctx, list, e.runtime(a))
}

func (e *engine[L, R, G]) GC(ctx context.Context, conflist string, valid ...attachment) error {
	list, err := e.load([]byte(conflist))
	if err != nil {
		return err
	}
	keep := []types.GCAttachment{}
	for _, a := range valid {
		keep = append(keep, types.GCAttachment{ContainerID: a.ContainerID, IfName: a.IfName})
	}
	return e.cni.GCNetworkList(ctx, list, e.gcArgs(keep))
}

func (e *engine[L, R, G]) Status(ctx context.Context, conflist string) error {
	list, err := e.load([]byte(conflist))
	if err != nil {
		return err
	}
	return e.cni.GetStatusNetworkList(ctx, list)
}

func (e *engine[L, R, G]) Validate(ctx context.Context, conflist string) ([]string, error) {
	list, err := e.load([]byte(conflist))
	if err != nil {
		return nil, err
	}
	return e.cni.ValidateNetworkList(ctx, list)
}
