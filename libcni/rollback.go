package libcni

import (
	"context"
	"time"
)

// rollbackTimeout is what a rollback has when the options do not say.
const rollbackTimeout = 30 * time.Second

// rollback undoes an ADD that failed by DEL of the whole network, last plugin
// first, the one that failed included (SPEC.md, section 3, "Adding an
// attachment"). It goes on after a plugin's error: there will be no better time.
// last is the last result that a plugin gave.
//
// It has a time of its own, since the caller's may just have run out. What it
// cannot undo stays as an intent. An attachment that is on record was made by an
// earlier ADD and is in use: DEL would take its address from it, so nothing is run.
func (c *CNIConfig) rollback(ctx context.Context, n *network, rt *RuntimeConf, last []byte, in *intent, cause error) error {
	r, err := in.store.read(in.key)
	if r != nil {
		err = ErrAlreadyAttached
	}
	if err != nil {
		in.abandon()
		return join(cause, &described{"not rolled back", err})
	}
	timeout := c.opts.RollbackTimeout
	if timeout <= 0 {
		timeout = rollbackTimeout
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	if !n.supportsPrevResult() {
		last = nil
	}
	thorough := *c
	thorough.opts.ContinueOnDelError = true
	if err := thorough.delFailedAdd(ctx, n, rt, last, nil); err != nil {
		in.abandon()
		return join(cause, &described{"rollback", err})
	}
	in.forget()
	return cause
}
