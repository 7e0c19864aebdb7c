package libcni

import (
	"context"
	"errors"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// DelNetworkList detaches a container from the network: it runs DEL on each
// plugin in reverse order, each with the recorded result, and then removes the
// record (SPEC.md, section 3, "Deleting an attachment"). It may be repeated; without
// a record the plugins get no prevResult, and below version 0.4.0 they never do.
//
// Only the result is the recorded one. The configuration is list's, and CNI_ARGS, the
// network namespace and the capability arguments are rt's, as with upstream's: where rt
// lacks what ADD was given, such as port mappings, the plugins succeed and leave what
// they made for it, and the record goes. [CNIConfig.DelAttachment] and
// [CNIConfig.DelContainer] run with what was recorded;
// [CNIConfig.GetNetworkListCachedConfig] returns it.
//
// It stops at the first plugin that fails, or goes on with
// [Options.ContinueOnDelError]; either way the record stays, so that the DEL can
// be repeated. A damaged record does not keep an attachment alive: the plugins
// run without prevResult, the record goes, and [Options.Warn] is told.
//
// While an ADD of the attachment is under way, in any process, or a plugin of one
// whose runtime was killed, DEL waits ([Options].WaitForAdd). After that it runs
// beside it, leaves the intent, from which DEL and GC clean up later, and returns nil,
// as upstream's does, although the ADD may make something yet: only Options.Warn is
// told ([ErrAddRunning]). [CNIConfig.DelAttachment] and [CNIConfig.DelContainer]
// return it as an error.
//
// Errors: as of [CNIConfig.AddNetworkList], never a RecordError.
func (c *CNIConfig) DelNetworkList(ctx context.Context, list *NetworkConfigList, rt *RuntimeConf) error {
	n, err := networkOfList(list)
	return n.in("DEL", rt, c.del(ctx, n, rt, err))
}

// DelNetwork is [CNIConfig.DelNetworkList] for a single plugin.
func (c *CNIConfig) DelNetwork(ctx context.Context, net *PluginConfig, rt *RuntimeConf) error {
	n, err := networkOfPlugin(net)
	return n.in("DEL", rt, c.del(ctx, n, rt, err))
}

func (c *CNIConfig) del(ctx context.Context, n *network, rt *RuntimeConf, err error) error {
	if err != nil {
		return err
	}
	if err := n.ready(rt); err != nil {
		return err
	}
	s, k := c.store(rt), n.key(rt)
	intents := c.lockedIntents(ctx, s, k) // before the record is looked for: one may become the other
	defer intents.close()
	var prev []byte
	var told error
	if ok, _ := version.Supports(n.version, version.DelPrevResult); ok {
		record, err := s.read(k)
		if err == nil && record == nil {
			record = intents.finished(k)
		}
		if err == nil && record != nil {
			prev, err = record.prevResult(n.version)
		}
		if told = err; err != nil {
			c.warn(ctx, passedOver(err))
		}
	}
	if err := c.delPlugins(ctx, n, rt, prev, nil); err != nil {
		return err
	}
	err = s.removeRecord(k)
	if err != nil && told != nil && err.Error() == told.Error() {
		err = nil // the directory is what is wrong
	}
	if err := join(err, intents.remove()); err != nil {
		c.warn(ctx, err)
	}
	return nil
}

// delPlugins runs DEL on the plugins and touches no record.
func (c *CNIConfig) delPlugins(ctx context.Context, n *network, rt *RuntimeConf, prev []byte, p *pace) error {
	return c.delAll(ctx, n, rt, prev, p, nil)
}

// delFailedAdd is delPlugins after an ADD that never succeeded. A plugin that does not
// speak the network's version refused that ADD too: it has made nothing, and must not
// keep what is known of the ADD from ever going away. One that only passes on what a
// plugin it runs has said may have made something.
func (c *CNIConfig) delFailedAdd(ctx context.Context, n *network, rt *RuntimeConf, prev []byte, p *pace) error {
	return c.delAll(ctx, n, rt, prev, p, func(p *PluginConfig, err error) bool {
		var failed *invoke.PluginError
		if !errors.As(err, &failed) || failed.Code != types.ErrIncompatibleCNIVersion {
			return false
		}
		if !errors.As(c.validatePlugin(ctx, n, p.Network.Type), new(*version.ErrorIncompatible)) {
			return false
		}
		c.warn(ctx, &described{"it has refused ADD as well and has made nothing", err})
		return true
	})
}

func (c *CNIConfig) delAll(ctx context.Context, n *network, rt *RuntimeConf, prev []byte, p *pace, refused func(*PluginConfig, error) bool) error {
	v := verbDel
	v.carryOn = c.opts.ContinueOnDelError
	ch, err := c.chain(v, n, rt)
	if err != nil {
		return err
	}
	ch.refused, ch.pace = refused, p
	_, err = ch.run(ctx, prev)
	return err
}

// warn tells the caller's Options.Warn what went wrong without failing the call.
func (c *CNIConfig) warn(ctx context.Context, err error) {
	if c.opts.Warn != nil {
		c.opts.Warn(ctx, err)
	}
}
