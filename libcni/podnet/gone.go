package podnet

import (
	"context"
	"errors"
	"io/fs"
	"os"
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
//   - A plugin that is not found, and that no configured network uses, was
//     uninstalled. One that a network does use may be in the middle of an upgrade.
type gone struct {
	invoke.Exec
	// used reports whether a configured network uses the plugin.
	used func(plugin string) bool
}

// uninstalled is the directory that uninstalled plugins seem to be in. No plugin
// directory has such a name: those are absolute.
const uninstalled = "uninstalled:/"

func (g *gone) FindInPath(plugin string, paths []string) (string, error) {
	path, err := g.Exec.FindInPath(plugin, paths)
	if errors.Is(err, invoke.ErrPluginNotFound) && !g.used(plugin) {
		return uninstalled + plugin, nil
	}
	return path, err
}

func (g *gone) ExecPlugin(ctx context.Context, pluginPath string, stdinData []byte, environ []string) ([]byte, error) {
	del := slices.Contains(environ, "CNI_COMMAND=DEL")
	if plugin, ok := strings.CutPrefix(pluginPath, uninstalled); ok {
		if del {
			return nil, nil
		}
		return nil, &invoke.NotFoundError{Plugin: plugin}
	}
	if !del {
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

// withoutNetNS returns the environment without a network namespace, if the one in
// it is gone; else nil.
func withoutNetNS(environ []string) []string {
	const key = "CNI_NETNS="
	i := slices.IndexFunc(environ, func(v string) bool { return strings.HasPrefix(v, key) })
	if i < 0 || !netnsGone(environ[i][len(key):]) {
		return nil
	}
	environ = slices.Clone(environ)
	environ[i] = key
	return environ
}

// netnsGone reports whether there is certainly no network namespace at path.
func netnsGone(path string) bool {
	if path == "" {
		return false
	}
	info, err := os.Stat(path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	// Where a namespace was mounted, an empty file stays.
	return info.Mode().IsRegular() && info.Size() == 0 && notMounted(path)
}
