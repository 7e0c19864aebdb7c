package libcni

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cnikit/cnikit/invoke"
)

// pace is how long the plugins of a call have taken: the one that took longest. A call
// may run several chains, one after the other. The zero value is that of a call that has
// run none.
type pace struct {
	plugin string
	took   time.Duration
}

// step runs one plugin. When the call's time was over before, the plugin has not hung,
// whatever its error looks like: the error's Cause says so, and who took the time.
func (p *pace) step(ctx context.Context, plugin string, run func() ([]byte, error)) ([]byte, error) {
	over := ctx.Err()
	start := time.Now()
	reply, err := run()
	if over == nil {
		if took := time.Since(start); p.plugin == "" || took > p.took {
			p.plugin, p.took = plugin, took
		}
		return reply, err
	}
	var failed *invoke.PluginError
	if errors.As(err, &failed) && errors.Is(failed, over) {
		cause := failed.Cause
		if cause == nil {
			cause = failed.Err
		}
		failed.Cause = &lateError{*p, cause}
	}
	return reply, err
}

// lateError is why a plugin was not run: the context had ended.
type lateError struct {
	pace
	err error
}

func (e *lateError) Error() string {
	text := "no time was left for it"
	if errors.Is(e.err, context.Canceled) {
		text = "the call had been cancelled"
	}
	if e.plugin != "" {
		text += fmt.Sprintf(" after plugin %q, which took %s", e.plugin, e.took.Round(time.Millisecond))
	}
	return text + ": " + e.err.Error()
}

func (e *lateError) Unwrap() error { return e.err }
