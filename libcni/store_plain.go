package libcni

// The first, plain store of records: upstream's files and JSON. What it lacks -
// intents, identity, atomic writes - comes with cache.go, record.go and
// pending.go, which replace this file.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

type key struct{ network, container, ifname string }

type record struct {
	key
	netns          string
	args           [][2]string
	capabilityArgs json.RawMessage
	config         []byte
	result         []byte
}

// RecordError says what is wrong with a record.
type RecordError struct {
	Path string
	Err  error
}

func (e *RecordError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *RecordError) Unwrap() error { return e.Err }

type recordFile struct {
	Kind           string          `json:"kind"`
	ContainerID    string          `json:"containerId"`
	Config         []byte          `json:"config"`
	IfName         string          `json:"ifName"`
	NetworkName    string          `json:"networkName"`
	NetNS          string          `json:"netns,omitempty"`
	CniArgs        [][2]string     `json:"cniArgs,omitempty"`
	CapabilityArgs json.RawMessage `json:"capabilityArgs,omitempty"`
	Result         json.RawMessage `json:"result,omitempty"`
}

type store struct{ dir string }

type intent struct {
	store  *store
	record *record
}

func (c *CNIConfig) store(rt *RuntimeConf) *store {
	switch {
	case c.cacheDir != "":
		return &store{c.cacheDir}
	case rt != nil && rt.CacheDir != "":
		return &store{rt.CacheDir}
	}
	return &store{CacheDir}
}

func (s *store) path(k key) string {
	return filepath.Join(s.dir, "results", k.network+"-"+k.container+"-"+k.ifname)
}

func (s *store) begin(r *record) (*intent, error) {
	return &intent{s, r}, os.MkdirAll(filepath.Join(s.dir, "results"), 0o700)
}

func (in *intent) abandon() {}

func (in *intent) commit(result []byte) error {
	r := in.record
	b, err := json.Marshal(recordFile{
		CNICacheV1, r.container, r.config, r.ifname, r.network, r.netns, r.args, r.capabilityArgs, result,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(in.store.path(r.key), b, 0o600)
}

func (s *store) read(k key) (*record, error) { return s.readFile(s.path(k)) }

func (s *store) readFile(path string) (*record, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var f recordFile
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err != nil || f.Kind != CNICacheV1 {
		// A bare result, as the first versions wrote it, or damage.
		if _, err := (&version.ConfigDecoder{}).Decode(b); err != nil {
			return nil, &RecordError{path, err}
		}
		return &record{result: b}, nil
	}
	return &record{key{f.NetworkName, f.ContainerID, f.IfName}, f.NetNS, f.CniArgs, f.CapabilityArgs, f.Config, f.Result}, nil
}

func (s *store) remove(k key) error { return os.RemoveAll(s.path(k)) }

func (r *record) prevResult(cniVersion string) ([]byte, error) {
	return invoke.ConvertResult(r.result, cniVersion)
}

func (c *CNIConfig) rollback(ctx context.Context, n *network, rt *RuntimeConf, last []byte, in *intent, cause error) error {
	return errors.Join(cause, c.delPlugins(context.WithoutCancel(ctx), n, rt, last))
}

// GetNetworkListCachedResult returns the recorded result of an attachment, in
// the list's version; nil if there is no record.
func (c *CNIConfig) GetNetworkListCachedResult(list *NetworkConfigList, rt *RuntimeConf) (types.Result, error) {
	n, err := networkOfList(list)
	return c.cachedResult(n, rt, err)
}

// GetNetworkCachedResult is [CNIConfig.GetNetworkListCachedResult] for a single
// plugin.
func (c *CNIConfig) GetNetworkCachedResult(net *PluginConfig, rt *RuntimeConf) (types.Result, error) {
	n, err := networkOfPlugin(net)
	return c.cachedResult(n, rt, err)
}

func (c *CNIConfig) cachedResult(n *network, rt *RuntimeConf, err error) (types.Result, error) {
	if err != nil {
		return nil, err
	}
	r, err := c.store(rt).read(n.key(rt))
	if err != nil || r == nil {
		return nil, err
	}
	b, err := r.prevResult(n.version)
	if err != nil {
		return nil, err
	}
	return invoke.DecodeResult(b)
}

// GetNetworkListCachedConfig returns the recorded configuration of an attachment
// and rt with the recorded arguments; nil if there is no record.
func (c *CNIConfig) GetNetworkListCachedConfig(list *NetworkConfigList, rt *RuntimeConf) ([]byte, *RuntimeConf, error) {
	n, err := networkOfList(list)
	return c.cachedConfig(n, rt, err)
}

// GetNetworkCachedConfig is [CNIConfig.GetNetworkListCachedConfig] for a single
// plugin.
func (c *CNIConfig) GetNetworkCachedConfig(net *PluginConfig, rt *RuntimeConf) ([]byte, *RuntimeConf, error) {
	n, err := networkOfPlugin(net)
	return c.cachedConfig(n, rt, err)
}

func (c *CNIConfig) cachedConfig(n *network, rt *RuntimeConf, err error) ([]byte, *RuntimeConf, error) {
	if err != nil {
		return nil, nil, err
	}
	r, err := c.store(rt).read(n.key(rt))
	if err != nil || r == nil {
		return nil, nil, err
	}
	recorded := *rt
	recorded.Args = r.args
	recorded.CapabilityArgs = nil
	if r.capabilityArgs != nil {
		err = json.Unmarshal(r.capabilityArgs, &recorded.CapabilityArgs)
	}
	return r.config, &recorded, err
}

// GetCachedAttachments returns what the records say, of one container or, if
// containerID is empty, of all.
func (c *CNIConfig) GetCachedAttachments(containerID string) ([]*NetworkAttachment, error) {
	dir := filepath.Join(c.store(nil).dir, "results")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	attachments := []*NetworkAttachment{}
	for _, e := range entries {
		r, err := c.store(nil).readFile(filepath.Join(dir, e.Name()))
		if err != nil || r == nil || r.network == "" || containerID != "" && r.container != containerID {
			continue
		}
		a := &NetworkAttachment{ContainerID: r.container, Network: r.network, IfName: r.ifname, Config: r.config, NetNS: r.netns, CniArgs: r.args}
		if r.capabilityArgs != nil {
			_ = json.Unmarshal(r.capabilityArgs, &a.CapabilityArgs)
		}
		attachments = append(attachments, a)
	}
	return attachments, err
}

// GCNetworkList runs DEL for each recorded attachment of the network that is not
// valid, from its own record, and then GC on the plugins (SPEC.md, section 3,
// "GC"). It goes on after an error and returns all of them, joined.
func (c *CNIConfig) GCNetworkList(ctx context.Context, list *NetworkConfigList, args *GCArgs) error {
	n, err := networkOfList(list)
	if err != nil {
		return n.in("GC", nil, err)
	}
	if list.DisableGC {
		return nil
	}
	if args == nil {
		return n.in("GC", nil, &RequestError{Field: "args", Err: errors.New("no list of valid attachments (nil)")})
	}
	attachments, err := c.GetCachedAttachments("")
	errs := []error{err}
	for _, a := range attachments {
		if a.Network != list.Name || slices.Contains(args.ValidAttachments, types.GCAttachment{ContainerID: a.ContainerID, IfName: a.IfName}) {
			continue
		}
		rt := &RuntimeConf{ContainerID: a.ContainerID, IfName: a.IfName, NetNS: a.NetNS, Args: a.CniArgs, CapabilityArgs: a.CapabilityArgs}
		recorded, err := networkOfConfig(a.Config)
		if err := c.del(ctx, recorded, rt, err); err != nil {
			errs = append(errs, fmt.Errorf("failed to delete stale attachment %s %s: %w", a.ContainerID, a.IfName, err))
		}
	}
	if ok, _ := version.Supports(n.version, version.GC); ok {
		errs = append(errs, c.gcPlugins(ctx, n, args.ValidAttachments))
	}
	return errors.Join(errs...)
}
