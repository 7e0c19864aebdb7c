package libcni

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/cnikit/cnikit/internal/joined"
	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/version"
)

// ValidateNetworkList asks each plugin for its version and returns the
// capabilities that the plugins' configurations declare, sorted. It fails if a
// plugin has no executable or does not support the list's version (SPEC.md,
// section 2, "VERSION").
//
// Errors: [*RequestError] for the list; else one error for each plugin that is not
// right, in the list's order, to be had by errors.As or Unwrap() []error. Each is a
// [*invoke.PluginError], with [invoke.ErrPluginNotFound] if there is no executable,
// a [*version.ErrorIncompatible] if it does not support the version.
func (c *CNIConfig) ValidateNetworkList(ctx context.Context, list *NetworkConfigList) ([]string, error) {
	n, err := networkOfList(list)
	if err != nil {
		return nil, n.in("VERSION", nil, err)
	}
	var errs []error
	for _, p := range n.plugins {
		if err := c.validatePlugin(ctx, n, p.Network.Type); err != nil {
			errs = append(errs, err)
		}
	}
	if errs != nil {
		return nil, &pluginErrors{joined.Error{Errs: errs}}
	}
	return n.capabilities(), nil
}

// ValidateNetwork is [CNIConfig.ValidateNetworkList] for a single plugin, whose
// error is returned by itself.
func (c *CNIConfig) ValidateNetwork(ctx context.Context, net *PluginConfig) ([]string, error) {
	n, err := soleNetwork(net)
	if err != nil {
		return nil, n.in("VERSION", nil, err)
	}
	if err := c.validatePlugin(ctx, n, net.Network.Type); err != nil {
		return nil, err
	}
	return n.capabilities(), nil
}

// GetVersionInfo asks the plugin of that type which versions of the
// specification it supports (SPEC.md, section 2, "VERSION").
//
// The error is a [*invoke.PluginError], with [invoke.ErrPluginNotFound] if there is
// no executable.
func (c *CNIConfig) GetVersionInfo(ctx context.Context, pluginType string) (version.PluginInfo, error) {
	return c.versionInfo(ctx, "", pluginType)
}

func (c *CNIConfig) versionInfo(ctx context.Context, network, pluginType string) (version.PluginInfo, error) {
	call := &invoke.Call{
		Plugin: pluginType, Command: "VERSION", Network: network,
		Environ: c.opts.Env.Environ(invoke.VersionArgs()), Observer: c.opts.Observer,
	}
	exec := c.executor()
	dirs, err := invoke.SearchDirs(c.Path)
	if err == nil {
		call.Path, err = exec.FindInPath(pluginType, dirs)
	}
	if err != nil {
		return nil, &invoke.PluginError{Plugin: pluginType, Command: "VERSION", Network: network, ExitCode: -1, Err: err}
	}
	return call.VersionInfo(ctx, exec)
}

func (c *CNIConfig) validatePlugin(ctx context.Context, n *network, pluginType string) error {
	info, err := c.versionInfo(ctx, n.name, pluginType)
	if err != nil {
		return err
	}
	want := n.version
	if want == "" {
		want = "0.1.0"
	}
	if slices.Contains(info.SupportedVersions(), want) {
		return nil
	}
	return &invoke.PluginError{
		Plugin: pluginType, Command: "VERSION", Network: n.name,
		Err: &unsupportedByPlugin{
			text: fmt.Sprintf("plugin %s does not support config version %q", pluginType, want),
			err:  &version.ErrorIncompatible{Config: want, Supported: info.SupportedVersions()},
		},
	}
}

// capabilities returns the names of all capabilities that are declared.
func (n *network) capabilities() []string {
	names := []string{}
	for _, p := range n.plugins {
		for name, declared := range p.Network.Capabilities {
			if declared && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// unsupportedByPlugin has upstream's words for a version that a plugin does not
// support.
type unsupportedByPlugin struct {
	text string
	err  *version.ErrorIncompatible
}

func (e *unsupportedByPlugin) Error() string { return e.text }

func (e *unsupportedByPlugin) Unwrap() error { return e.err }

// pluginErrors is one error or more about the plugins of a list, written as
// upstream writes them: "[e1 e2]".
type pluginErrors struct{ all joined.Error }

func (e *pluginErrors) Error() string { return fmt.Sprint(e.all.Errs) }

func (e *pluginErrors) Unwrap() []error { return e.all.Errs }

func (e *pluginErrors) LogValue() slog.Value { return e.all.LogValue() }

func (e *pluginErrors) Format(s fmt.State, verb rune) {
	switch {
	case verb == 'q':
		_, _ = fmt.Fprintf(s, "%q", e.Error())
	case verb == 'v' && s.Flag('+'):
		e.all.Format(s, verb)
	default:
		_, _ = io.WriteString(s, e.Error())
	}
}
