package libcni

import (
	"fmt"

	"github.com/cnikit/cnikit/internal/rawjson"
	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// PlanRequest says which verb on what is to be planned.
type PlanRequest struct {
	// Command is the verb: ADD, CHECK, DEL, GC or STATUS.
	Command string
	List    *NetworkConfigList
	// Runtime names the attachment, for ADD, CHECK and DEL.
	Runtime *RuntimeConf
	// PrevResult is the recorded result, as JSON, for CHECK and DEL. For ADD it
	// stands for what the plugin before each but the first one will reply; empty,
	// the requests show no prevResult.
	PrevResult []byte
	// ValidAttachments are GC's.
	ValidAttachments []types.GCAttachment
}

// Plan returns what each plugin would get, in the order in which they would run:
// environment and standard input to the byte. Nothing is run, no file is read or
// written, and no executable is looked for: Path is empty. A verb that would
// succeed without running anything has no calls.
//
// Errors: [*RequestError], and what else the verb returns before it runs
// anything.
func (c *CNIConfig) Plan(r PlanRequest) ([]*invoke.Call, error) {
	n, err := networkOfList(r.List)
	if err != nil {
		return nil, n.in(r.Command, r.Runtime, err)
	}
	calls, err := c.plan(n, r)
	return calls, n.in(r.Command, r.Runtime, err)
}

func (c *CNIConfig) plan(n *network, r PlanRequest) ([]*invoke.Call, error) {
	var v verb
	var extra []rawjson.Field
	rt, prev := r.Runtime, r.PrevResult
	switch r.Command {
	case "ADD":
		v = verbAdd
	case "CHECK":
		if n.list.DisableCheck {
			return nil, nil
		}
		if err := n.checkable(); err != nil {
			return nil, err
		}
		v = verbCheck
	case "DEL":
		v = verbDel
		if ok, _ := version.Supports(n.version, version.DelPrevResult); !ok {
			prev = nil
		}
	case "GC", "STATUS":
		v, rt, prev = verbStatus, nil, nil
		if r.Command == "GC" {
			v, extra = verbGC, attachmentFields(r.ValidAttachments)
		}
		if ok, err := version.Supports(n.version, version.GC); err == nil && !ok || r.Command == "GC" && n.list.DisableGC {
			return nil, nil
		}
	default:
		return nil, &RequestError{Field: "command", Err: fmt.Errorf("no plan for verb %q", r.Command)}
	}
	if r.Command != "GC" && r.Command != "STATUS" {
		if err := n.attachment(rt); err != nil {
			return nil, err
		}
	}
	if err := n.runnable(); err != nil {
		return nil, err
	}
	v.lookAhead = false
	ch, err := c.chain(v, n, rt)
	if err != nil {
		return nil, err
	}
	ch.extra, ch.observer = extra, nil
	return ch.plan(prev)
}

// plan is run without running.
func (ch *chain) plan(prev []byte) ([]*invoke.Call, error) {
	calls := make([]*invoke.Call, len(ch.network.plugins))
	for i := range calls {
		at, given := i, prev
		if ch.reverse {
			at = len(calls) - 1 - i
		}
		if ch.result && i == 0 || len(prev) == 0 {
			given = nil
		}
		call, err := ch.call(at, given)
		if err != nil {
			return nil, ch.wrap(ch.network.plugins[at], err)
		}
		calls[i] = call
	}
	return calls, nil
}
