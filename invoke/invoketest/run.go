package invoketest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
)

// AnyTimes is a Run.Times that makes the run a stub: it may happen any number of times,
// also never, and at any place in the order.
const AnyTimes = -1

// Run is a run of a plugin that a test expects, and what the plugin does then. Of
// the fields that say what is expected the zero value expects nothing. A Run that
// says nothing about the reply succeeds, for ADD with the previous plugin's result,
// or an empty one where there is none.
type Run struct {
	// Who is run for what.
	Command     string // verb
	Plugin      string // type
	ContainerID string
	IfName      string

	// Stdin is JSON that the request must contain: members that it does not name
	// may be there, those that it names must be equal or, if they are objects,
	// contain what is named in turn. Arrays must have the same length. A null says
	// that the member must not be there.
	Stdin string
	// Env says what the environment must have: "NAME=value" this value, "NAME"
	// any, "!NAME" none.
	Env []string

	// Reply is what the plugin writes to standard output.
	Reply string
	// Err makes the plugin fail: with an error object if it is a *types.Error; any
	// other error is returned as it is, as if no process could be run.
	Err error
	// ExitCode, when it is not 0, makes the plugin fail with this status and
	// without an error object, unless Err is one.
	ExitCode int
	// Stderr is what a plugin that fails wrote to standard error.
	Stderr string
	// Delay passes before the plugin ends, or less if the context ends.
	Delay time.Duration
	// Hang lets the plugin run until the context ends.
	Hang bool
	// Do, when it is set, is the plugin, whatever the other fields of the reply
	// say. It may be called by several goroutines at once.
	Do func(context.Context, *invoke.Call) ([]byte, error)

	// Times is how often the run happens, one after the other. 0 is once; see
	// AnyTimes.
	Times int
}

// is reports whether a call is the run that is expected, as far as names go.
func (r *Run) is(call *invoke.Call) bool {
	same := func(want, got string) bool { return want == "" || want == got }
	return same(r.Command, call.Command) && same(r.Plugin, call.Plugin) &&
		same(r.ContainerID, call.ContainerID) && same(r.IfName, call.IfName)
}

// diff says in what a call is not as expected.
func (r *Run) diff(call *invoke.Call) []string {
	var lines []string
	if r.Stdin != "" {
		lines = diffJSON([]byte(r.Stdin), call.Stdin)
	}
	for _, want := range r.Env {
		name, value, exact := strings.Cut(strings.TrimPrefix(want, "!"), "=")
		got, ok := lookupEnv(call.Environ, name)
		switch {
		case strings.HasPrefix(want, "!"):
			if ok {
				lines = append(lines, fmt.Sprintf("env %s: got %q, want none", name, got))
			}
		case !ok && exact:
			lines = append(lines, fmt.Sprintf("env %s: got none, want %q", name, value))
		case !ok:
			lines = append(lines, fmt.Sprintf("env %s: got none, want one", name))
		case exact && got != value:
			lines = append(lines, fmt.Sprintf("env %s: got %q, want %q", name, got, value))
		}
	}
	return lines
}

// reply is the plugin.
func (r *Run) reply(ctx context.Context, call *invoke.Call) ([]byte, error) {
	if r.Do != nil {
		return r.Do(ctx, call)
	}
	if err := r.wait(ctx); err != nil {
		return nil, r.failure(-1, &types.Error{Msg: "netplugin failed with no error message: " + err.Error()}, err)
	}
	var said *types.Error
	switch {
	case errors.As(r.Err, &said):
		return nil, r.failure(max(r.ExitCode, 1), said, nil)
	case r.Err != nil:
		return nil, r.Err
	case r.ExitCode != 0 && r.Stderr != "":
		return nil, r.failure(r.ExitCode, &types.Error{Msg: fmt.Sprintf("netplugin failed: %q: exit status %d", r.Stderr, r.ExitCode)}, nil)
	case r.ExitCode != 0:
		return nil, r.failure(r.ExitCode, &types.Error{Msg: fmt.Sprintf("netplugin failed with no error message: exit status %d", r.ExitCode)}, nil)
	case r.Reply == "" && call.Command == "ADD":
		return passOn(call.Stdin)
	}
	return []byte(r.Reply), nil
}

// wait lets time pass; the error is the context's.
func (r *Run) wait(ctx context.Context) error {
	switch {
	case r.Hang:
		<-ctx.Done()
		return ctx.Err()
	case r.Delay > 0:
		timer := time.NewTimer(r.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// failure is the error that an Exec that runs processes makes.
func (r *Run) failure(exit int, said *types.Error, cause error) error {
	return &invoke.PluginError{
		Code: said.Code, Msg: said.Msg, Details: said.Details, Err: said,
		ExitCode: exit, Stderr: r.Stderr, Cause: cause,
	}
}

// passOn replies as a plugin without work of its own: with the previous result.
func passOn(stdin []byte) ([]byte, error) {
	var request struct {
		CNIVersion string          `json:"cniVersion"`
		PrevResult json.RawMessage `json:"prevResult"`
	}
	if err := json.Unmarshal(stdin, &request); err != nil {
		return nil, types.NewError(types.ErrDecodingFailure, err.Error(), "")
	}
	if len(request.PrevResult) > 0 && string(request.PrevResult) != "null" {
		return request.PrevResult, nil
	}
	return invoke.CheckResult([]byte("{}"), request.CNIVersion)
}

// String names the run in one line.
func (r *Run) String() string {
	line := describe(r.Command, r.Plugin, r.ContainerID, r.IfName)
	switch {
	case r.Times > 1:
		line += fmt.Sprintf(" (%d times)", r.Times)
	case r.Times == AnyTimes:
		line += " (any number of times)"
	}
	return line
}

func describe(command, plugin, container, ifname string) string {
	line := orAny(command) + " " + orAny(plugin)
	if container != "" {
		line += " container=" + container
	}
	if ifname != "" {
		line += " ifname=" + ifname
	}
	return line
}

func orAny(name string) string {
	if name == "" {
		return "*"
	}
	return name
}

// lookupEnv returns the last value of a name.
func lookupEnv(environ []string, name string) (value string, ok bool) {
	for _, kv := range environ {
		if key, v, found := strings.Cut(kv, "="); found && key == name {
			value, ok = v, true
		}
	}
	return value, ok
}
