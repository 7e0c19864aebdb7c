package invoke

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/cnikit/cnikit/types"
)

// A deadline can be a later one, whatever else there is to do.
func TestAdviceOnADeadline(t *testing.T) {
	over := errors.Join(context.DeadlineExceeded, errors.New("signal: terminated"))
	for name, c := range map[string]struct {
		err  *PluginError
		toDo string
	}{
		"nothing else":             {&PluginError{Cause: over}, "give it more time"},
		"from an Exec":             {&PluginError{Err: fmt.Errorf("in vain: %w", context.DeadlineExceeded)}, "give it more time"},
		"something was missing":    {&PluginError{Cause: over, remedy: "install it"}, "install it; or give it more time"},
		"the caller gave up":       {&PluginError{Cause: context.Canceled}, ""},
		"the plugin asks for less": {&PluginError{Cause: over, Code: types.ErrTryAgainLater}, "try again later: the plugin says that it cannot do it now"},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.toDo, c.err.toDo()) })
	}
}
