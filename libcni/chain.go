package libcni

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
)

// verb is what sets one operation on a network apart from another. The loop over
// the plugins is the same for all of them (SPEC.md, section 3, "Lifecycle &
// Ordering" and the parts on each operation).
type verb struct {
	command string
	// reverse runs the last plugin first.
	reverse bool
	// lookAhead finds every plugin's executable before the first one runs, so
	// that a missing one is no half-done attachment. Never for DEL and GC: there
	// it would keep the others from cleaning up.
	lookAhead bool
	// result says that a reply is a result and the next plugin's prevResult.
	result bool
	// carryOn says that a failed plugin does not keep the next from running.
	carryOn bool
	// filePrev passes on a prevResult that stands in the plugin's configuration
	// when there is no other: for these verbs upstream's suite demands it of lists
	// that were made from bytes. Those from files have lost it (R9).
	filePrev bool
	// describe is put before a plugin's error.
	describe func(*types.PluginConf) string
}

var (
	verbAdd    = verb{command: "ADD", lookAhead: true, result: true, describe: failed("add")}
	verbCheck  = verb{command: "CHECK", lookAhead: true}
	verbDel    = verb{command: "DEL", reverse: true, filePrev: true, describe: failed("delete")}
	verbGC     = verb{command: "GC", carryOn: true, filePrev: true, describe: func(p *types.PluginConf) string { return "failed to GC plugin " + p.Type }}
	verbStatus = verb{command: "STATUS", filePrev: true}
)

// failed describes a plugin of a list as upstream does.
func failed(what string) func(*types.PluginConf) string {
	return func(p *types.PluginConf) string {
		name := ""
		if p.Name != "" {
			name = fmt.Sprintf(" name=%q", p.Name)
		}
		return fmt.Sprintf("plugin type=%q%s failed (%s)", p.Type, name, what)
	}
}

// chain is one run of a verb over the plugins of a network.
type chain struct {
	verb
	network *network
	rt      *RuntimeConf // of the attachment; nil for verbs about none

	*requests
	exec     invoke.Exec
	dirs     []string
	environ  []string // the same for every plugin
	observer *invoke.Observer
	found    []string // paths by look-ahead
	// refused reports whether an error says that the plugin has nothing to do; nil: none
	// does.
	refused func(*PluginConfig, error) bool
	pace    *pace // of the call; nil: of this chain
}

// chain prepares a run. With look-ahead, a missing executable is its error.
func (c *CNIConfig) chain(v verb, n *network, rt *RuntimeConf) (*chain, error) {
	dirs, err := invoke.SearchDirs(c.Path)
	if err != nil {
		return nil, &RequestError{Command: v.command, Network: n.name, Field: "path", Err: err}
	}
	args := &invoke.Args{Command: v.command, Path: strings.Join(dirs, string(os.PathListSeparator))}
	var capabilityArgs map[string]interface{}
	if rt != nil {
		capabilityArgs = rt.CapabilityArgs
		args.ContainerID, args.NetNS, args.IfName, args.PluginArgs = rt.ContainerID, rt.NetNS, rt.IfName, rt.Args
	}
	requests, err := newRequests(n, capabilityArgs, v.result)
	if err != nil {
		return nil, n.in(v.command, rt, err)
	}
	requests.strip, requests.filePrev = c.opts.StripCapabilities, v.filePrev
	ch := &chain{
		verb: v, network: n, rt: rt, requests: requests, exec: c.executor(), dirs: dirs,
		environ: c.opts.Env.Environ(args), observer: c.opts.Observer,
	}
	if n.list == nil {
		ch.describe = nil // a plugin by itself: its error stands alone
	}
	if v.lookAhead {
		ch.found = make([]string, len(n.plugins))
		for i, p := range n.plugins {
			if ch.found[i], err = ch.find(p); err != nil {
				return nil, ch.wrap(p, ch.alsoMissing(i, err))
			}
		}
	}
	return ch, nil
}

// executor returns the Exec of the call. It writes no field: a literal
// CNIConfig is used by many goroutines too.
func (c *CNIConfig) executor() invoke.Exec {
	if c.exec != nil {
		return c.exec
	}
	return &invoke.DefaultExec{RawExec: &invoke.RawExec{Stderr: os.Stderr}}
}

// run runs the plugins and returns the last reply. prev is the prevResult of the
// first, and of all of them where replies are not results. After an error the
// reply is the last good one.
func (ch *chain) run(ctx context.Context, prev []byte) ([]byte, error) {
	var errs []error
	plugins := ch.network.plugins
	pace := cmp.Or(ch.pace, new(pace))
	for i := range plugins {
		if ch.reverse {
			i = len(plugins) - 1 - i
		}
		reply, err := pace.step(ctx, plugins[i].Network.Type, func() ([]byte, error) { return ch.step(ctx, i, prev) })
		if err != nil && ch.refused != nil && ch.refused(plugins[i], err) {
			continue
		}
		switch {
		case err != nil && !ch.carryOn:
			return prev, ch.wrap(plugins[i], err)
		case err != nil:
			errs = append(errs, ch.wrap(plugins[i], err))
		case ch.result:
			prev = reply
		}
	}
	return prev, join(errs...)
}

// step runs the plugin at index i.
func (ch *chain) step(ctx context.Context, i int, prev []byte) ([]byte, error) {
	call, err := ch.call(i, prev)
	if err != nil {
		return nil, err
	}
	if ch.found != nil {
		call.Path = ch.found[i]
	} else if call.Path, err = ch.find(ch.network.plugins[i]); err != nil {
		return nil, err
	}
	if ch.result {
		call.PrevResult = prev
		return call.Result(ctx, ch.exec, ch.network.version)
	}
	return call.Run(ctx, ch.exec)
}

// call is what the plugin at index i gets, but for the path of its executable.
func (ch *chain) call(i int, prev []byte) (*invoke.Call, error) {
	p := ch.network.plugins[i]
	call := ch.named(p)
	var err error
	if call.Stdin, err = ch.request(p, prev); err != nil {
		return nil, ch.failure(call, err)
	}
	return call, nil
}

func (ch *chain) named(p *PluginConfig) *invoke.Call {
	call := &invoke.Call{
		Plugin: p.Network.Type, Command: ch.command, Network: ch.network.name,
		Environ: ch.environ, Observer: ch.observer,
	}
	if ch.rt != nil {
		call.ContainerID, call.IfName = ch.rt.ContainerID, ch.rt.IfName
	}
	return call
}

func (ch *chain) find(p *PluginConfig) (string, error) {
	path, err := ch.exec.FindInPath(p.Network.Type, ch.dirs)
	if err != nil {
		return "", ch.failure(ch.named(p), err)
	}
	return path, nil
}

// alsoMissing adds to the error about a plugin that was not found those after it that
// are not there either, and those for addresses. The Exec's error is not touched.
func (ch *chain) alsoMissing(i int, err error) error {
	failure, ok := err.(*invoke.PluginError)
	if !ok {
		return err
	}
	missing, ok := failure.Err.(*invoke.NotFoundError)
	if !ok {
		return err
	}
	others := []string{missing.Plugin}
	for j, p := range ch.network.plugins {
		names := []string{p.Network.Type, p.Network.IPAM.Type}
		if j <= i {
			names = names[1:] // the first ones have been found
		}
		for _, name := range names {
			if name == "" || slices.Contains(others, name) {
				continue
			}
			if _, err := ch.exec.FindInPath(name, ch.dirs); errors.Is(err, invoke.ErrPluginNotFound) {
				others = append(others, name)
			}
		}
	}
	all := *missing
	all.Others = others[1:]
	failure.Err = &all
	return failure
}

// failure is an error about a plugin that was not run.
func (ch *chain) failure(call *invoke.Call, err error) error {
	return &invoke.PluginError{
		Plugin: call.Plugin, Path: call.Path, Command: call.Command, Network: call.Network,
		ContainerID: call.ContainerID, IfName: call.IfName, ExitCode: -1, Err: err,
	}
}

// wrap puts the description of a plugin before its error.
func (ch *chain) wrap(p *PluginConfig, err error) error {
	if ch.describe == nil {
		return err
	}
	description := ch.describe(p.Network)
	var plugin *invoke.PluginError
	if !errors.As(err, &plugin) {
		return fmt.Errorf("%s: %w", description, err)
	}
	return &chainError{description: description, plugin: plugin}
}

// chainError is a PluginError with a description before its text. Unwrap
// returns what the plugin said, as upstream's does, and not the PluginError,
// which errors.As finds all the same.
type chainError struct {
	description string
	plugin      *invoke.PluginError
}

func (e *chainError) Error() string { return e.description + ": " + e.plugin.Error() }

func (e *chainError) Unwrap() error { return e.plugin.Unwrap() }

func (e *chainError) Is(target error) bool { return e.plugin.Is(target) }

func (e *chainError) As(target any) bool {
	if p, ok := target.(**invoke.PluginError); ok {
		*p = e.plugin
		return true
	}
	return e.plugin.As(target)
}

func (e *chainError) Format(s fmt.State, verb rune) {
	formatDescribed(s, verb, e, e.description, e.plugin)
}

func (e *chainError) LogValue() slog.Value { return logDescribed(e, e.plugin) }
