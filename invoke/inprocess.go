package invoke

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// inProcessDir is the directory that in-process plugins seem to be in. No
// directory of a plugin path can have this name: those are absolute.
const inProcessDir = "in-process:/"

// InProcess is an Exec that runs some plugins as functions of this program and
// leaves the others to another Exec. To what is above it a function is the same
// as a program: it is found by its type whatever the plugin path is, gets the
// parameters of the protocol, its result is JSON in the version of its
// configuration, and its failure a [*PluginError] with a *types.Error in it.
//
// InProcess is safe for concurrent use as far as the plugins are. Its fields must
// not be changed while it is used.
type InProcess struct {
	// Plugins are the plugins by the type that configurations call them by.
	Plugins map[string]*Plugin

	// Exec finds and runs all other plugins; nil runs processes.
	Exec Exec

	// Grace is how long a plugin whose context has ended is waited for before the
	// call returns without it. 0 is two seconds, a negative value is no time.
	Grace time.Duration
}

// Plugin is a CNI plugin that consists of functions. They are called by several
// goroutines at once, each in a goroutine of its own. The zero value is a plugin
// that does nothing and succeeds.
//
// A function that is given a context should return soon after its end: nobody can
// stop it. One that does not is left alone, and what it still does then happens
// beside whatever the caller does next.
//
// An error in which errors.As finds a *types.Error is that error for the caller;
// any other one becomes a *types.Error with code ErrInternal. A panic does too, and
// its stack is in PluginError.Stderr.
//
// A function that enters a network namespace must lock its goroutine to its thread
// before, and may unlock it only after the thread is back where it came from. When
// it cannot get back it returns without unlocking: its goroutine ends with it, and
// the runtime then throws the thread away. [Loopback] does so.
type Plugin struct {
	// Versions are the versions of the specification that the plugin supports; nil
	// stands for all that this library knows.
	Versions []string

	// Add attaches the container and returns the result, in any version. nil, as
	// result or for the function, stands for the previous plugin's result and, when
	// there is none, for an empty one.
	Add func(context.Context, *Request) (types.Result, error)

	// The other verbs have no result. nil functions do nothing and succeed.
	Check, Del, GC, Status func(context.Context, *Request) error
}

// Request is what a plugin is asked to do. It belongs to the plugin.
type Request struct {
	Command     string // verb, CNI_COMMAND
	ContainerID string
	Netns       string
	IfName      string
	Args        string   // CNI_ARGS as it was sent
	Path        string   // CNI_PATH
	Environ     []string // all of the environment

	// StdinData is the request as it was sent, Conf the part of it that the
	// specification defines. Conf.PrevResult is not set, see [Request.PrevResult].
	StdinData []byte
	Conf      types.PluginConf
}

// PrevResult returns the result of the plugins before this one, in the version of
// the configuration; nil without one. The error is that of [CheckResult].
func (r *Request) PrevResult() (types.Result, error) {
	prev, err := r.prevResult()
	if prev == nil || err != nil {
		return nil, err
	}
	return DecodeResult(prev)
}

// ExecPlugin calls the plugin if pluginPath is one that FindInPath returned for
// it, and otherwise the other Exec. See [Exec].
func (p *InProcess) ExecPlugin(ctx context.Context, pluginPath string, stdinData []byte, environ []string) ([]byte, error) {
	name, here := strings.CutPrefix(pluginPath, inProcessDir)
	plugin := p.Plugins[name]
	if !here || plugin == nil {
		return orDefault(p.Exec).ExecPlugin(ctx, pluginPath, stdinData, environ)
	}
	start := time.Now()
	reply, failure := p.call(ctx, name, plugin, stdinData, environ)
	if failure == nil {
		return reply, nil
	}
	failure.Elapsed = time.Since(start)
	failure.name(&Call{Plugin: name, Path: pluginPath, Stdin: stdinData, Environ: environ})
	return nil, failure
}

// FindInPath returns a path that only this Exec understands for the plugins that
// it has, whatever the directories are, and asks the other Exec for the others.
func (p *InProcess) FindInPath(plugin string, paths []string) (string, error) {
	if p.Plugins[plugin] != nil {
		return inProcessDir + plugin, nil
	}
	return orDefault(p.Exec).FindInPath(plugin, paths)
}

// Decode leaves VERSION replies to the other Exec.
func (p *InProcess) Decode(jsonBytes []byte) (version.PluginInfo, error) {
	return orDefault(p.Exec).Decode(jsonBytes)
}

var _ Exec = (*InProcess)(nil)

// newRequest reads the parameters of the protocol.
func newRequest(stdinData []byte, environ []string) *Request {
	if environ == nil {
		environ = os.Environ()
	}
	return &Request{
		Command:     lookupEnv(environ, "CNI_COMMAND"),
		ContainerID: lookupEnv(environ, "CNI_CONTAINERID"),
		Netns:       lookupEnv(environ, "CNI_NETNS"),
		IfName:      lookupEnv(environ, "CNI_IFNAME"),
		Args:        lookupEnv(environ, "CNI_ARGS"),
		Path:        lookupEnv(environ, "CNI_PATH"),
		Environ:     append([]string(nil), environ...),
		StdinData:   append([]byte(nil), stdinData...),
	}
}

// Delegate leaves a part of the work to another plugin, as the Delegate functions
// do for plugins that are programs: it finds the plugin in CNI_PATH by means of
// exec (nil: the one of programs) and runs it with the request's verb and
// environment and the configuration netconf. The result is nil for verbs other
// than ADD. A plugin that has to undo what it delegated changes the Command in a
// copy of the request.
//
// Errors: as of [DelegateAdd].
func (r *Request) Delegate(ctx context.Context, plugin string, netconf []byte, exec Exec) (types.Result, error) {
	exec = orDefault(exec)
	path, err := exec.FindInPath(plugin, filepath.SplitList(r.Path))
	if err != nil {
		return nil, err
	}
	env := given(mergeEnv(r.Environ, "CNI_COMMAND="+r.Command))
	if r.Command == "ADD" {
		return ExecPluginWithResult(ctx, path, netconf, env, exec)
	}
	return nil, ExecPluginWithoutResult(ctx, path, netconf, env, exec)
}

// given is an environment as it is.
type given []string

func (env given) AsEnv() []string { return env }
