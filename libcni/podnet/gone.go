package podnet

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
)

// gone is an Exec that knows what a DEL has to do no more:
//
//   - A network namespace that does not exist is not passed on. The specification
//     lets CNI_NETNS be empty for DEL, and plugins then clean up the rest.
//   - Code 3, an unknown container, says that there is nothing to clean up.
type gone struct {
	invoke.Exec
	m *Manager
}

// givenUp is a plugin that a DEL goes without.
type givenUp struct{ plugin, ipam, netns string }

// givenUpKey is the key of a context's *[]givenUp, to which DEL adds.
type givenUpKey struct{}

func (g *gone) ExecPlugin(ctx context.Context, pluginPath string, stdinData []byte, environ []string) ([]byte, error) {
	if !slices.Contains(environ, "CNI_COMMAND=DEL") {
		return g.Exec.ExecPlugin(ctx, pluginPath, stdinData, environ)
	}
	without := withoutNetNS(environ)
	if without != nil {
		environ = without
	}
	reply, err := g.Exec.ExecPlugin(ctx, pluginPath, stdinData, environ)
	if err != nil && without == nil && ctx.Err() == nil {
		// It may have gone while the plugin ran.
		if environ := withoutNetNS(environ); environ != nil {
			reply, err = g.Exec.ExecPlugin(ctx, pluginPath, stdinData, environ)
		}
	}
	var said *types.Error
	if errors.As(err, &said) && said.Code == types.ErrUnknownContainer {
		return nil, nil
	}
	return reply, err
}

// absent is gone for a DEL from what is on disk, whose plugins may have been
// uninstalled since ADD. Whether it can do without one is decided when it is run:
//
//   - One that a configured network uses may be in the middle of an upgrade.
//   - While the container's network namespace exists, so does what the plugin made in
//     it: nobody else will remove that, and nobody would be told.
//   - When the namespace is gone, so are its interfaces and routes. What is left may be
//     addresses and rules, which cannot be freed without the plugin, and the container
//     must not wait for it for ever: it is given up.
type absent struct{ gone }

// notInstalled begins the path of a plugin that is not there. No plugin directory has
// such a name: those are absolute.
const notInstalled = "not installed: "

func (a *absent) FindInPath(plugin string, paths []string) (string, error) {
	path, err := a.gone.FindInPath(plugin, paths)
	if errors.Is(err, invoke.ErrPluginNotFound) {
		return notInstalled + plugin, nil
	}
	return path, err
}

func (a *absent) ExecPlugin(ctx context.Context, pluginPath string, stdinData []byte, environ []string) ([]byte, error) {
	if plugin, ok := strings.CutPrefix(pluginPath, notInstalled); ok {
		path, err := a.gone.FindInPath(plugin, a.m.opts.PluginDirs)
		if err != nil {
			return nil, a.without(ctx, plugin, stdinData, environ, err)
		}
		pluginPath = path
	}
	return a.gone.ExecPlugin(ctx, pluginPath, stdinData, environ)
}

// without gives the plugin up, or returns why not.
func (a *absent) without(ctx context.Context, plugin string, stdinData []byte, environ []string, err error) error {
	netns := netnsIn(environ)
	used, perhaps := a.m.used(plugin)
	switch {
	case used:
		return &absentError{err, "; to do: install it again (DEL runs the plugins that ADD has run, whatever the network's file says by now), or give up with Forget"}
	case perhaps:
		return &absentError{err, "; to do: install it again, or correct the network configurations that cannot be read, one of which may use it, or give up with Forget"}
	case netns == "":
		return &absentError{err, ", and what it made may still be there: nothing tells the network namespace; to do: install it again, or give up with Forget"}
	case !netnsGone(netns):
		return &absentError{err, ", and what it made in network namespace " + netns + " is still there; to do: install it again, or remove the namespace, after which Detach succeeds without it, or give up with Forget"}
	}
	if all, ok := ctx.Value(givenUpKey{}).(*[]givenUp); ok {
		*all = append(*all, givenUp{plugin, ipamOf(stdinData), netns})
	}
	return nil
}

// ipamOf returns the type of the plugin that gives a plugin the addresses.
func ipamOf(stdinData []byte) string {
	var request struct {
		IPAM struct {
			Type string `json:"type"`
		} `json:"ipam"`
	}
	_ = json.Unmarshal(stdinData, &request)
	return request.IPAM.Type
}

// absentError is a [invoke.NotFoundError] of a DEL. That of another verb advises to
// correct the configuration, which here would change nothing.
type absentError struct {
	err  error
	toDo string
}

func (e *absentError) Error() string { return e.err.Error() + e.toDo }

func (e *absentError) Is(target error) bool { return target == invoke.ErrPluginNotFound }

// withoutNetNS returns the environment without a network namespace, if the one in
// it is gone; else nil.
func withoutNetNS(environ []string) []string {
	i := slices.IndexFunc(environ, isNetNS)
	if i < 0 || !netnsGone(environ[i][len(netnsKey):]) {
		return nil
	}
	environ = slices.Clone(environ)
	environ[i] = netnsKey
	return environ
}

const netnsKey = "CNI_NETNS="

func isNetNS(variable string) bool { return strings.HasPrefix(variable, netnsKey) }

func netnsIn(environ []string) string {
	if i := slices.IndexFunc(environ, isNetNS); i >= 0 {
		return environ[i][len(netnsKey):]
	}
	return ""
}

// netnsGone reports whether there is certainly no network namespace at path.
func netnsGone(path string) bool {
	if !filepath.IsAbs(path) {
		return false // a name of something else than a file, on systems other than Linux
	}
	info, err := os.Stat(path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	// Where a namespace was mounted, an empty file stays.
	return info.Mode().IsRegular() && info.Size() == 0 && notMounted(path)
}
