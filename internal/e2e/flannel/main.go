// Command flannel is a CNI plugin that does what flannel's own does: it completes the
// delegate of its configuration with what flanneld wrote about this node, and has another
// plugin do the work. Here it tells what a delegating plugin looks like with the package
// invoke, and serves the end-to-end tests.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cnikit/cnikit/invoke"
	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

// A config is the plugin's configuration.
type config struct {
	Name          string          `json:"name"`
	CNIVersion    string          `json:"cniVersion"`
	SubnetFile    string          `json:"subnetFile"` // /run/flannel/subnet.env where empty
	DataDir       string          `json:"dataDir"`    // /var/lib/cni/flannel where empty
	Delegate      map[string]any  `json:"delegate"`
	RuntimeConfig json.RawMessage `json:"runtimeConfig"`
	PrevResult    json.RawMessage `json:"prevResult"`

	Valid []types.GCAttachment `json:"cni.dev/valid-attachments"` // for GC
}

func main() {
	skel.PluginMainFuncs(skel.CNIFuncs{Add: add, Check: check, Del: del, Status: status, GC: gc}, version.All, "flannel for tests")
}

func add(args *skel.CmdArgs) error {
	c, err := load(args.StdinData)
	if err != nil {
		return err
	}
	plugin, delegate, err := c.delegate()
	if err != nil {
		return err
	}
	// DEL works from this file: by then the node may have another subnet.
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(c.saved(args.ContainerID), delegate, 0o600); err != nil {
		return err
	}
	result, err := invoke.DelegateAdd(context.Background(), plugin, delegate, nil)
	if err != nil {
		return err
	}
	return types.PrintResult(result, c.CNIVersion)
}

func check(args *skel.CmdArgs) error {
	c, err := load(args.StdinData)
	if err != nil {
		return err
	}
	plugin, delegate, err := c.restore(args.ContainerID)
	if err != nil {
		return err
	}
	return invoke.DelegateCheck(context.Background(), plugin, delegate, nil)
}

func del(args *skel.CmdArgs) error {
	c, err := load(args.StdinData)
	if err != nil {
		return err
	}
	plugin, delegate, err := c.restore(args.ContainerID)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted already, or never added
	}
	if err != nil {
		return err
	}
	if err := invoke.DelegateDel(context.Background(), plugin, delegate, nil); err != nil {
		return err
	}
	return os.Remove(c.saved(args.ContainerID))
}

// status says that the plugin is not available before flanneld has written about the node.
func status(args *skel.CmdArgs) error {
	c, err := load(args.StdinData)
	if err != nil {
		return err
	}
	plugin, delegate, err := c.delegate()
	if err != nil {
		return types.NewError(types.ErrPluginNotAvailable, "flannel is not ready on this node", err.Error())
	}
	return invoke.DelegateStatus(context.Background(), plugin, delegate, nil)
}

// gc removes what is saved of containers that have no valid attachment.
func gc(args *skel.CmdArgs) error {
	c, err := load(args.StdinData)
	if err != nil {
		return err
	}
	saved, err := os.ReadDir(c.DataDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var errs []error
	for _, file := range saved {
		valid := func(a types.GCAttachment) bool { return a.ContainerID == file.Name() }
		if !slices.ContainsFunc(c.Valid, valid) {
			errs = append(errs, os.Remove(c.saved(file.Name())))
		}
	}
	return errors.Join(errs...)
}

func load(stdin []byte) (*config, error) {
	c := &config{SubnetFile: "/run/flannel/subnet.env", DataDir: "/var/lib/cni/flannel"}
	if err := json.Unmarshal(stdin, c); err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return c, nil
}

func (c *config) saved(containerID string) string {
	return filepath.Join(c.DataDir, containerID)
}

// delegate returns the plugin to delegate to and its configuration on this node.
func (c *config) delegate() (plugin string, conf []byte, err error) {
	env, err := readEnv(c.SubnetFile)
	if err != nil {
		return "", nil, err
	}
	gateway, err := netip.ParsePrefix(env["FLANNEL_SUBNET"])
	if err != nil {
		return "", nil, fmt.Errorf("FLANNEL_SUBNET in %s: %w", c.SubnetFile, err)
	}
	mtu, err := strconv.Atoi(env["FLANNEL_MTU"])
	if err != nil {
		return "", nil, fmt.Errorf("FLANNEL_MTU in %s: %w", c.SubnetFile, err)
	}
	flanneldMasquerades := env["FLANNEL_IPMASQ"] == "true"
	d := map[string]any{
		"type":      "bridge",
		"mtu":       mtu,
		"ipMasq":    !flanneldMasquerades,
		"isGateway": true,
	}
	for key, value := range c.Delegate {
		d[key] = value
	}
	d["name"], d["cniVersion"] = c.Name, c.CNIVersion
	d["ipam"] = map[string]any{
		"type":   "host-local",
		"subnet": gateway.Masked().String(),
		"routes": []any{map[string]any{"dst": env["FLANNEL_NETWORK"]}},
	}
	if c.RuntimeConfig != nil {
		d["runtimeConfig"] = c.RuntimeConfig
	}
	plugin, _ = d["type"].(string)
	conf, err = json.Marshal(d)
	return plugin, conf, err
}

// restore returns what was delegated when the container was added, with the result of that.
func (c *config) restore(containerID string) (plugin string, conf []byte, err error) {
	text, err := os.ReadFile(c.saved(containerID))
	if err != nil {
		return "", nil, err
	}
	d := map[string]any{}
	if err := json.Unmarshal(text, &d); err != nil {
		return "", nil, fmt.Errorf("reading %s: %w", c.saved(containerID), err)
	}
	if c.PrevResult != nil {
		d["prevResult"] = c.PrevResult
	}
	plugin, _ = d["type"].(string)
	conf, err = json.Marshal(d)
	return plugin, conf, err
}

// readEnv reads a file of lines KEY=value.
func readEnv(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if key, value, found := strings.Cut(strings.TrimSpace(line), "="); found {
			env[key] = value
		}
	}
	return env, nil
}
