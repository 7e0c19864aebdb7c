package libcni

import (
	"context"
	"encoding/json"

	"github.com/cnikit/cnikit/internal/rawjson"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// GetStatusNetworkList asks each plugin in order whether it is ready for ADD and
// returns the first one's no (SPEC.md, section 2, "STATUS"). Below version 1.1.0
// there is nothing to ask, and it succeeds.
//
// Errors: as of [CNIConfig.AddNetworkList], never a RecordError. By the
// specification the plugin's own [*types.Error] has code
// [types.ErrPluginNotAvailable] or [types.ErrLimitedConnectivity]; others occur.
func (c *CNIConfig) GetStatusNetworkList(ctx context.Context, list *NetworkConfigList) error {
	n, err := networkOfList(list)
	if err != nil {
		return n.in("STATUS", nil, err)
	}
	if ok, err := version.Supports(n.version, version.Status); err == nil && !ok {
		return nil
	}
	if err := n.runnable(); err != nil {
		return n.in("STATUS", nil, err)
	}
	ch, err := c.chain(verbStatus, n, nil)
	if err != nil {
		return err
	}
	_, err = ch.run(ctx, nil)
	return err
}

// gcPlugins runs GC on every plugin and joins their errors.
func (c *CNIConfig) gcPlugins(ctx context.Context, n *network, valid []types.GCAttachment) error {
	ch, err := c.chain(verbGC, n, nil)
	if err != nil {
		return err
	}
	ch.extra = attachmentFields(valid)
	_, err = ch.run(ctx, nil)
	return err
}

// attachmentFields are GC's members of a request: the valid attachments under
// the specification's key and under the one that an earlier text of it had;
// always an array, never null (R26).
func attachmentFields(valid []types.GCAttachment) []rawjson.Field {
	list := []byte("[]")
	if len(valid) > 0 {
		list, _ = json.Marshal(valid) // two strings each: always has a JSON form
	}
	return []rawjson.Field{
		{Key: "cni.dev/attachments", Value: list},
		{Key: "cni.dev/valid-attachments", Value: list},
	}
}
