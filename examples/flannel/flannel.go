package main

import (
	"bufio"
	"bytes"
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
	"github.com/cnikit/cnikit/types"
)

// flannel is a plugin that does no work itself: it completes the delegate of its
// configuration with what flanneld wrote about this node, and has another plugin
// work with that.
type flannel struct {
	exec invoke.Exec // runs the other plugin
}

func (f flannel) plugin() *invoke.Plugin {
	return &invoke.Plugin{Add: f.add, Check: f.check, Del: f.del, GC: f.gc, Status: f.status}
}

// config is what flannel reads of its configuration, beside the fields that the
// specification defines.
type config struct {
	SubnetFile    string                     `json:"subnetFile"` // /run/flannel/subnet.env where empty
	DataDir       string                     `json:"dataDir"`    // /var/lib/cni/flannel where empty
	Delegate      map[string]json.RawMessage `json:"delegate"`
	RuntimeConfig json.RawMessage            `json:"runtimeConfig"`
	PrevResult    json.RawMessage            `json:"prevResult"`
	Valid         json.RawMessage            `json:"cni.dev/valid-attachments"`
}

func read(r *invoke.Request) (*config, error) {
	c := &config{SubnetFile: "/run/flannel/subnet.env", DataDir: "/var/lib/cni/flannel"}
	if err := json.Unmarshal(r.StdinData, c); err != nil {
		return nil, types.NewError(types.ErrDecodingFailure, "reading the configuration", err.Error())
	}
	return c, nil
}

func (f flannel) add(ctx context.Context, r *invoke.Request) (types.Result, error) {
	c, err := read(r)
	if err != nil {
		return nil, err
	}
	plugin, delegate, err := c.delegate(r)
	if err != nil {
		return nil, err
	}
	// DEL works from this file: by then the node may have another subnet.
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(c.saved(r.ContainerID), delegate, 0o600); err != nil {
		return nil, err
	}
	return r.Delegate(ctx, plugin, delegate, f.exec)
}

func (f flannel) check(ctx context.Context, r *invoke.Request) error {
	c, err := read(r)
	if err != nil {
		return err
	}
	plugin, delegate, err := c.restore(r.ContainerID)
	if err != nil {
		return err
	}
	_, err = r.Delegate(ctx, plugin, delegate, f.exec)
	return err
}

func (f flannel) del(ctx context.Context, r *invoke.Request) error {
	c, err := read(r)
	if err != nil {
		return err
	}
	plugin, delegate, err := c.restore(r.ContainerID)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted already, or never added
	}
	if err != nil {
		return err
	}
	if _, err := r.Delegate(ctx, plugin, delegate, f.exec); err != nil {
		return err
	}
	return os.Remove(c.saved(r.ContainerID))
}

// status says that the plugin is not available before flanneld has written about
// the node.
func (f flannel) status(ctx context.Context, r *invoke.Request) error {
	c, err := read(r)
	if err != nil {
		return err
	}
	plugin, delegate, err := c.delegate(r)
	if err != nil {
		return types.NewError(types.ErrPluginNotAvailable, "flannel is not ready on this node", err.Error())
	}
	_, err = r.Delegate(ctx, plugin, delegate, f.exec)
	return err
}

// gc removes what is saved of containers that have no valid attachment, and has
// the other plugin do the same with what it keeps.
func (f flannel) gc(ctx context.Context, r *invoke.Request) error {
	c, err := read(r)
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
		if !slices.ContainsFunc(r.Conf.ValidAttachments, valid) {
			errs = append(errs, os.Remove(c.saved(file.Name())))
		}
	}
	plugin, delegate, err := c.delegate(r)
	if err == nil {
		_, err = r.Delegate(ctx, plugin, delegate, f.exec)
	}
	return errors.Join(append(errs, err)...)
}

// saved is the file with what was delegated for a container.
func (c *config) saved(containerID string) string { return filepath.Join(c.DataDir, containerID) }

// delegate returns the plugin to delegate to and its configuration on this node.
func (c *config) delegate(r *invoke.Request) (plugin string, conf []byte, err error) {
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
	d := map[string]any{"type": "bridge", "mtu": mtu, "ipMasq": !flanneldMasquerades, "isGateway": true}
	for key, value := range c.Delegate { // the administrator's wishes
		d[key] = value
	}
	d["name"], d["cniVersion"] = r.Conf.Name, r.Conf.CNIVersion
	d["ipam"] = map[string]any{
		"type":   "host-local",
		"subnet": gateway.Masked().String(),
		"routes": []any{map[string]any{"dst": env["FLANNEL_NETWORK"]}},
	}
	if c.RuntimeConfig != nil {
		d["runtimeConfig"] = c.RuntimeConfig
	}
	if r.Command == "GC" {
		d["cni.dev/valid-attachments"] = c.Valid
	}
	if conf, err = json.Marshal(d); err != nil {
		return "", nil, err
	}
	return typeOf(conf), conf, nil
}

// restore returns what was delegated when the container was added, with the
// result of that.
func (c *config) restore(containerID string) (plugin string, conf []byte, err error) {
	conf, err = os.ReadFile(c.saved(containerID))
	if err != nil {
		return "", nil, err
	}
	d := map[string]json.RawMessage{}
	if err := json.Unmarshal(conf, &d); err != nil {
		return "", nil, fmt.Errorf("reading %s: %w", c.saved(containerID), err)
	}
	if c.PrevResult != nil {
		d["prevResult"] = c.PrevResult
	}
	if conf, err = json.Marshal(d); err != nil {
		return "", nil, err
	}
	return typeOf(conf), conf, nil
}

// typeOf returns the plugin that a configuration is for.
func typeOf(conf []byte) string {
	var c struct{ Type string }
	_ = json.Unmarshal(conf, &c) // without a type no plugin is found
	return c.Type
}

// readEnv reads a file of lines KEY=value.
func readEnv(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if key, value, found := strings.Cut(strings.TrimSpace(lines.Text()), "="); found {
			env[key] = value
		}
	}
	return env, nil
}
