package invoke

import (
	"context"
	"os"
	"path/filepath"

	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// Exec finds and runs plugins. [DefaultExec] does it with files and processes;
// tests and runtimes may bring their own, and hold it against invoketest.TestExec.
// An Exec is used by several goroutines at once.
type Exec interface {
	// ExecPlugin runs the plugin at pluginPath with stdinData on its standard
	// input and environ as its whole environment; a nil environ stands for the
	// environment of this process. It returns what the plugin wrote to standard
	// output, and an error when the plugin failed: for the plugin's own error one
	// in which errors.As finds a *types.Error. When ctx ends it returns soon, with
	// the context's error in its own; when ctx has ended it runs nothing. It must
	// not change its arguments.
	ExecPlugin(ctx context.Context, pluginPath string, stdinData []byte, environ []string) ([]byte, error)
	// FindInPath returns the path of the named plugin in the first of the
	// directories that has it; ExecPlugin is called with it. When none has it,
	// errors.Is finds [ErrPluginNotFound] in the error.
	FindInPath(plugin string, paths []string) (string, error)
	// Decode reads a plugin's reply to VERSION.
	Decode(jsonBytes []byte) (version.PluginInfo, error)
}

// DefaultExec is the Exec of plugins on disk: a [RawExec] that runs them and a
// decoder for their VERSION replies, whose zero value is ready. RawExec must be
// set:
//
//	&invoke.DefaultExec{RawExec: &invoke.RawExec{Stderr: os.Stderr}}
//
// It is safe for concurrent use as far as RawExec.Stderr is.
type DefaultExec struct {
	*RawExec
	version.PluginDecoder
}

var _ Exec = (*DefaultExec)(nil)

// orDefault returns exec, or for nil the Exec of plugins on disk with their
// standard error on ours.
func orDefault(exec Exec) Exec {
	if exec != nil {
		return exec
	}
	return &DefaultExec{RawExec: &RawExec{Stderr: os.Stderr}}
}

// ExecPluginWithResult runs the plugin at pluginPath with the configuration
// netconf and the environment args, and returns its result. The reply is held
// against the specification as [CheckResult] does, for the version that netconf
// asks for; the result returned has that version. A nil exec runs a process.
//
// The error is a [*PluginError].
func ExecPluginWithResult(ctx context.Context, pluginPath string, netconf []byte, args CNIArgs, exec Exec) (types.Result, error) {
	c := newCall(pluginPath, netconf, args)
	confVersion, err := new(version.ConfigDecoder).Decode(netconf)
	if err != nil {
		return nil, c.fail(err)
	}
	reply, err := c.Result(ctx, exec, confVersion)
	if err != nil {
		return nil, err
	}
	result, err := DecodeResult(reply)
	if err != nil {
		return nil, c.fail(err)
	}
	return result, nil
}

// ExecPluginWithoutResult is [ExecPluginWithResult] for the verbs that have no
// result: what the plugin prints is ignored, unless it is an error object. The error
// is a [*PluginError].
func ExecPluginWithoutResult(ctx context.Context, pluginPath string, netconf []byte, args CNIArgs, exec Exec) error {
	_, err := newCall(pluginPath, netconf, args).Run(ctx, exec)
	return err
}

// newCall is the call that the functions with upstream's signatures make. Verb,
// network and container are read from environment and configuration when an error
// has to name them.
func newCall(pluginPath string, netconf []byte, args CNIArgs) *Call {
	return &Call{
		Plugin:  filepath.Base(pluginPath),
		Path:    pluginPath,
		Stdin:   netconf,
		Environ: args.AsEnv(),
	}
}
