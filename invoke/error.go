package invoke

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cnikit/cnikit/internal/rawjson"
	"github.com/cnikit/cnikit/types"
)

// PluginError says why one run of one plugin failed (specification, section 5,
// "Error"). Its text is what the plugin said, or what containernetworking/cni says in
// the plugin's place. Everything else is in the fields, in %+v (several lines, for
// people) and in LogValue (for log/slog); the last two also say whether the network
// namespace (ADD and CHECK) or the "ipam" plugin was not there, and what to do, where
// that is known. Neither the request nor CNI_ARGS is ever part of any of them.
//
// errors.As finds the plugin's own *types.Error, errors.As and errors.Is also what
// ended the process: *exec.ExitError, context.DeadlineExceeded, an fs.PathError.
//
// An [Exec] may return one, with what it knows of the process: [Call.Run] copies it
// and fills in whom the call was for.
type PluginError struct {
	Plugin      string // name of the plugin
	Path        string // file that was run
	Command     string // verb
	Network     string
	ContainerID string
	IfName      string

	Code    uint   // the plugin's error code; 0 when it gave none
	Msg     string // what the plugin said, or what is said in its place
	Details string

	ExitCode int           // exit status; -1 when the process did not exit by itself
	Signal   os.Signal     // signal that ended the process, or nil
	Stderr   string        // the last part of the plugin's standard error
	Elapsed  time.Duration // of the whole run, waiting in [Limit] included

	// Err is the *types.Error behind the text, or the error of an Exec that runs
	// no processes as it came.
	Err error
	// Cause is what ended the process, where that is known: the state it exited
	// with, the context's error, or both, joined. Package libcni says there of a plugin
	// for which no time was left which one before it took the longest.
	Cause error

	seen, remedy string // what was missing when the plugin failed
}

// Error returns the text of Err.
func (e *PluginError) Error() string {
	if e.Err == nil {
		return e.Msg
	}
	return e.Err.Error()
}

// Unwrap returns Err.
func (e *PluginError) Unwrap() error { return e.Err }

// Is lets errors.Is look into Cause.
func (e *PluginError) Is(target error) bool { return e.Cause != nil && errors.Is(e.Cause, target) }

// As lets errors.As look into Cause.
func (e *PluginError) As(target any) bool { return e.Cause != nil && errors.As(e.Cause, target) }

// Retryable reports whether the plugin asked to be called again later (code 11 of
// the specification).
func (e *PluginError) Retryable() bool { return e.Code == types.ErrTryAgainLater }

// Format writes the text, and for %+v one line for each field that is set.
func (e *PluginError) Format(f fmt.State, verb rune) {
	switch {
	case verb == 'q':
		fmt.Fprintf(f, "%q", e.Error())
	case verb == 'v' && f.Flag('+'):
		_, _ = io.WriteString(f, e.report())
	default:
		_, _ = io.WriteString(f, e.Error())
	}
}

// report is the error for a person who has a broken node in front of him.
func (e *PluginError) report() string {
	var b strings.Builder
	b.WriteString(e.Error())
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "\n    %-10s %s", name+":", value)
		}
	}
	line("network", e.Network)
	line("plugin", e.Plugin)
	line("path", e.Path)
	line("verb", e.Command)
	line("container", e.ContainerID)
	line("interface", e.IfName)
	if e.Code != 0 {
		line("code", fmt.Sprint(e.Code))
	}
	line("exit", e.exit())
	if elapsed := e.Elapsed.Round(time.Millisecond); elapsed > 0 {
		line("elapsed", elapsed.String())
	}
	// Not an error that has been said, in another type.
	if e.Cause != nil && !e.causeIsExit() && e.Cause.Error() != e.Msg {
		line("cause", strings.ReplaceAll(e.Cause.Error(), "\n", "; "))
	}
	line("seen", e.seen)
	line("to do", e.toDo())
	if text := strings.TrimRight(e.Stderr, "\n"); text != "" {
		line("stderr", strings.ReplaceAll(text, "\n", "\n               "))
	}
	return b.String()
}

// causeIsExit reports whether Cause says no more than exit does.
func (e *PluginError) causeIsExit() bool {
	_, ok := e.Cause.(*exec.ExitError)
	return ok && e.exit() != ""
}

// toDo is for who runs the machine; empty where it is not known.
func (e *PluginError) toDo() string {
	var missing *NotFoundError
	switch {
	case errors.As(e.Err, &missing):
		return missing.toDo(e.Command, e.Network)
	case e.Retryable():
		return "try again later: the plugin says that it cannot do it now"
	case e.remedy == "" && errors.Is(e, context.DeadlineExceeded):
		return moreTime
	case errors.Is(e, context.DeadlineExceeded):
		return e.remedy + "; or " + moreTime
	}
	if e.remedy == "" && e.Code == types.ErrIncompatibleCNIVersion && (e.Command == "ADD" || e.Command == "STATUS") {
		return `set a "cniVersion" that the plugin supports, letter for letter, in ` + configuration(e.Network) + ", or install one that supports this"
	}
	return e.remedy
}

const moreTime = "give it more time"

// exit describes the process's end in a few words.
func (e *PluginError) exit() string {
	switch {
	case e.Signal != nil:
		return "signal: " + e.Signal.String()
	case e.ExitCode >= 0:
		return fmt.Sprintf("status %d", e.ExitCode)
	}
	return ""
}

// LogValue returns the fields that are set as a group.
func (e *PluginError) LogValue() slog.Value {
	attrs := make([]slog.Attr, 0, 12)
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	add("msg", e.Error())
	add("network", e.Network)
	add("plugin", e.Plugin)
	add("path", e.Path)
	add("command", e.Command)
	add("containerID", e.ContainerID)
	add("ifname", e.IfName)
	if e.Code != 0 {
		attrs = append(attrs, slog.Uint64("code", uint64(e.Code)))
	}
	add("exit", e.exit())
	if e.Elapsed > 0 {
		attrs = append(attrs, slog.Duration("elapsed", e.Elapsed))
	}
	if e.Cause != nil && !e.causeIsExit() {
		add("cause", e.Cause.Error())
	}
	add("seen", e.seen)
	add("toDo", e.toDo())
	add("stderr", clip(e.Stderr, end))
	return slog.GroupValue(attrs...)
}

// fail makes the PluginError of a failed call: the facts are err's, the names the
// call's. An Exec may return the same error twice, so err itself is not touched.
func (c *Call) fail(err error) *PluginError {
	e := &PluginError{ExitCode: -1, Err: err, Msg: err.Error()}
	var (
		inner *PluginError
		said  *types.Error
		exit  *exec.ExitError
	)
	switch {
	case errors.As(err, &inner):
		*e = *inner
		if error(inner) != err {
			e.Err, e.Cause = err, nil // found through err
		}
	case errors.As(err, &said):
		e.Code, e.Msg, e.Details = said.Code, said.Msg, said.Details
	}
	if inner == nil && errors.As(err, &exit) {
		e.exited(exit.ProcessState)
	}
	e.name(c)
	if inner != nil && inner.ExitCode > 0 && e.seen == "" {
		e.seen, e.remedy = e.missing(c)
	}
	return e
}

// missing says what a plugin that failed must have missed: its network namespace, or
// the plugin for its addresses; and what to do. It looks at the machine as it is now,
// not at the plugin's words. For DEL a namespace that is gone is no fault.
func (e *PluginError) missing(c *Call) (seen, remedy string) {
	switch e.Command {
	case "ADD", "CHECK":
		if seen, remedy = e.missingNamespace(c.Environ); seen != "" {
			return seen, remedy
		}
	case "DEL", "GC":
	default:
		return "", ""
	}
	var missing *NotFoundError
	request, _ := rawjson.ParseObject(c.Stdin)
	ipam, _ := request.Get("ipam")
	inner, _ := rawjson.ParseObject(ipam.Value)
	name, _ := inner.Get("type")
	plugin, _ := rawjson.String(name.Value)
	dirs := filepath.SplitList(lookupEnv(c.Environ, "CNI_PATH"))
	if _, err := FindInPath(plugin, dirs); !errors.As(err, &missing) {
		return "", ""
	}
	seen = fmt.Sprintf(`no plugin %q, the "ipam" of this one, in %s`, plugin, strings.Join(missing.Dirs, " or "))
	if again(e.Command) {
		return seen, "install it there again: " + e.Command + sameAsAdd
	}
	return seen, `install it there, or correct the "type" in "ipam" in ` + configuration(e.Network)
}

func (e *PluginError) missingNamespace(environ []string) (seen, remedy string) {
	path := lookupEnv(environ, "CNI_NETNS")
	if environ != nil && path == "" && e.Code == types.ErrInvalidEnvironmentVariables {
		return "no network namespace was given (CNI_NETNS is empty)", e.Command + " needs the path of the container's"
	}
	if !filepath.IsAbs(path) {
		return "", ""
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return "", ""
	}
	remedy = "create it before ADD, or name the one that the container has"
	if e.Command == "CHECK" {
		remedy = "detach it (DEL), the attachment went with it; or name the one that the container has"
	}
	return fmt.Sprintf("network namespace %s does not exist", path), remedy
}

// again reports whether a verb needs what ADD had: to correct the configuration is no
// advice then.
func again(command string) bool { return command == "CHECK" || command == "DEL" || command == "GC" }

const sameAsAdd = " runs the plugins that ADD ran"

// configuration names the configuration of a network.
func configuration(network string) string {
	if network == "" {
		return "the network's configuration"
	}
	return fmt.Sprintf("the configuration of network %q", network)
}

// name fills in whom the call was for. What the call does not say is read from the
// environment and the request.
func (e *PluginError) name(c *Call) {
	set := func(field *string, value string, or func() string) {
		if value != "" {
			*field = value
		} else if *field == "" {
			*field = or()
		}
	}
	env := func(name string) func() string {
		return func() string { return lookupEnv(c.Environ, name) }
	}
	empty := func() string { return "" }
	set(&e.Plugin, c.Plugin, empty)
	set(&e.Path, c.Path, empty)
	set(&e.Command, c.Command, env("CNI_COMMAND"))
	set(&e.ContainerID, c.ContainerID, env("CNI_CONTAINERID"))
	set(&e.IfName, c.IfName, env("CNI_IFNAME"))
	set(&e.Network, c.Network, func() string {
		request, _ := rawjson.ParseObject(c.Stdin)
		name, _ := request.Get("name")
		text, _ := rawjson.String(name.Value)
		return text
	})
}
