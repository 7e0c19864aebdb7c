package libcni

import (
	"context"
	"errors"
	"fmt"

	"github.com/cnikit/cnikit/internal/inherit"
	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
)

// AddNetworkList attaches a container to the network: it runs ADD on each plugin
// in order, each with the result of the one before, and stores the last result
// in a record (SPEC.md, section 3, "Adding an attachment").
//
// The result has the list's version. Before the first plugin runs, arguments
// have been checked, the executable of every "type" of the list found, and the
// record's directory tried. The plugins that those run themselves, of "ipam" for
// one, are not looked for: an error of the plugin names one that is missing (%+v).
//
// Errors: [*RequestError] for an argument, with [ErrAlreadyAttached] where
// [Options.RefuseSecondAdd] asks for it; [*invoke.PluginError] for a plugin, with
// [invoke.ErrPluginNotFound] if there is no executable and the plugin's own
// [*types.Error] if it reported one; [*RecordError] if the cache directory cannot be
// used, before any plugin runs, or if the attachment was made but could not be
// recorded, and then the result is returned as well. An ADD whose plugins failed
// leaves an intent behind, from which DEL and GC clean up.
func (c *CNIConfig) AddNetworkList(ctx context.Context, list *NetworkConfigList, rt *RuntimeConf) (types.Result, error) {
	n, err := networkOfList(list)
	if err != nil {
		return nil, list.describe(n.in("ADD", rt, err))
	}
	result, err := c.add(ctx, n, rt)
	return result, list.describe(err)
}

// describe gives an error about the arguments of ADD the words that upstream's
// has, where the list has a plugin to describe. The version is no plugin's fault, nor
// is an attachment that is there already.
func (l *NetworkConfigList) describe(err error) error {
	if err == nil {
		return nil
	}
	var r *RequestError
	if errors.As(err, &r) && r.Field != "cniVersion" && r.Field != "attachment" && l != nil && len(l.Plugins) > 0 && l.Plugins[0] != nil && l.Plugins[0].Network != nil {
		r.description = verbAdd.describe(l.Plugins[0].Network)
	}
	return err
}

// AddNetwork is [CNIConfig.AddNetworkList] for a single plugin, with the name
// and the version of its own configuration.
func (c *CNIConfig) AddNetwork(ctx context.Context, net *PluginConfig, rt *RuntimeConf) (types.Result, error) {
	n, err := networkOfPlugin(net)
	if err != nil {
		return nil, n.in("ADD", rt, err)
	}
	return c.add(ctx, n, rt)
}

func (c *CNIConfig) add(ctx context.Context, n *network, rt *RuntimeConf) (types.Result, error) {
	if err := n.ready(rt); err != nil {
		return nil, n.in("ADD", rt, err)
	}
	ch, err := c.chain(verbAdd, n, rt)
	if err != nil {
		return nil, err
	}
	intent, err := c.begin(n, rt, objectOf(ch.args))
	if err != nil {
		return nil, n.in("ADD", rt, err)
	}
	ctx = inherit.With(ctx, intent.file) // for the plugins, and those of a rollback
	reply, err := ch.run(ctx, nil)
	if err != nil {
		return nil, c.undo(ctx, n, rt, reply, intent, err)
	}
	result, err := invoke.DecodeResult(reply)
	if err != nil {
		return nil, c.undo(ctx, n, rt, reply, intent, err)
	}
	if err := intent.commit(reply); err != nil {
		return result, &described{fmt.Sprintf("failed to set network %q cached result", n.name), err}
	}
	return result, nil
}

// begin states the intent to attach, on disk.
func (c *CNIConfig) begin(n *network, rt *RuntimeConf, capabilityArgs []byte) (*intent, error) {
	s := c.store(rt)
	if c.opts.RefuseSecondAdd {
		record, err := s.read(n.key(rt))
		if err == nil && record != nil {
			err = ErrAlreadyAttached
		}
		if err != nil {
			return nil, &RequestError{Field: "attachment", Err: err}
		}
	}
	in, err := s.begin(&record{
		key: n.key(rt), netns: rt.NetNS, args: rt.Args, capabilityArgs: capabilityArgs, config: n.config(),
	})
	var refused *RequestError
	switch {
	case errors.As(err, &refused):
		return nil, err
	case err != nil:
		return nil, &described{fmt.Sprintf("failed to set network %q cached result", n.name), beforeAnyPlugin(err)}
	}
	return in, nil
}

// beforeAnyPlugin makes an error about the cache directory say that nothing has been
// attached.
func beforeAnyPlugin(err error) error {
	var r *RecordError
	if !errors.As(err, &r) {
		return err
	}
	early := *r
	early.unused = true
	return &early
}

// undo ends an ADD that failed: the intent stays for DEL and GC, or the ADD is
// rolled back at once.
func (c *CNIConfig) undo(ctx context.Context, n *network, rt *RuntimeConf, reply []byte, in *intent, cause error) error {
	if c.opts.Rollback {
		return c.rollback(ctx, n, rt, reply, in, cause)
	}
	cause = in.secondAdd(cause, rt.NetNS)
	in.abandon()
	return cause
}
