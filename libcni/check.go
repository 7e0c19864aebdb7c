package libcni

import (
	"context"
	"fmt"

	"github.com/cnikit/cnikit/version"
)

// CheckNetworkList asks each plugin in order whether the attachment is as ADD
// left it, giving each the recorded result (SPEC.md, section 3, "Checking an
// attachment"). It stops at the first one that says no. A list with DisableCheck
// succeeds.
//
// Only the result is the recorded one. The configuration is list's, and CNI_ARGS, the
// network namespace and the capability arguments are rt's, as with upstream's: they
// have to be those of ADD, which [CNIConfig.GetNetworkListCachedConfig] returns.
//
// Errors: as of [CNIConfig.AddNetworkList]; [ErrorCheckNotSupp] below version
// 0.4.0; [*RecordError] for a damaged record; [ErrNoRecord] where
// [Options.RequireRecord] asks for one, by default a missing record means a
// CHECK without prevResult.
func (c *CNIConfig) CheckNetworkList(ctx context.Context, list *NetworkConfigList, rt *RuntimeConf) error {
	n, err := networkOfList(list)
	if err == nil && list.DisableCheck {
		return nil
	}
	return n.in("CHECK", rt, c.check(ctx, n, rt, err))
}

// CheckNetwork is [CNIConfig.CheckNetworkList] for a single plugin.
func (c *CNIConfig) CheckNetwork(ctx context.Context, net *PluginConfig, rt *RuntimeConf) error {
	n, err := networkOfPlugin(net)
	return n.in("CHECK", rt, c.check(ctx, n, rt, err))
}

// check takes the error of making the network, so that its callers have one
// place to put verb and attachment into it.
func (c *CNIConfig) check(ctx context.Context, n *network, rt *RuntimeConf, err error) error {
	if err != nil {
		return err
	}
	if err := n.checkable(); err != nil {
		return err
	}
	if err := n.ready(rt); err != nil {
		return err
	}
	record, err := c.store(rt).read(n.key(rt))
	if err != nil {
		return &described{fmt.Sprintf("failed to get network %q cached result", n.name), terse(err)}
	}
	var prev []byte
	switch {
	case record != nil:
		if prev, err = record.prevResult(n.version); err != nil {
			return &described{fmt.Sprintf("failed to get network %q cached result", n.name), terse(err)}
		}
	case c.opts.RequireRecord:
		return &RequestError{Field: "attachment", Err: ErrNoRecord}
	}
	ch, err := c.chain(verbCheck, n, rt)
	if err != nil {
		return err
	}
	_, err = ch.run(ctx, prev)
	return err
}

// checkable says no to CHECK below the version that brought it. A malformed
// version is for runnable to refuse.
func (n *network) checkable() error {
	if ok, err := version.Supports(n.version, version.Check); err == nil && !ok {
		return &RequestError{Field: "cniVersion", Err: fmt.Errorf("configuration version %q %w", n.version, ErrorCheckNotSupp)}
	}
	return nil
}
