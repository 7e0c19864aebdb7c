package invoke

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"github.com/cnikit/cnikit/types"
)

// run is what is known about one process: before it is started whom to run, and
// afterwards how it went.
type run struct {
	path    string
	environ []string

	stdout   bounded
	stderr   tail
	started  bool
	startErr error // it could not be started
	stopped  error // why it was stopped from here: the context, or too much output
	waitErr  error // *exec.ExitError of a process that failed
	left     bool  // it did not even end after SIGKILL
}

func (r *run) ok() bool {
	return r.startErr == nil && r.stopped == nil && r.waitErr == nil
}

// diagnose makes the error of a failed run. What a plugin says goes first; where
// it says nothing the words are containernetworking/cni's, followed by what is
// known about the process.
func (r *run) diagnose() *PluginError {
	e := &PluginError{ExitCode: -1, Stderr: r.stderr.String()}
	_, e.remedy = r.hint()
	said := r.said()
	e.Code, e.Msg, e.Details, e.Err = said.Code, said.Msg, said.Details, said
	var causes []error
	for _, cause := range []error{r.stopped, r.startErr, r.waitErr} {
		if cause != nil {
			causes = append(causes, cause)
		}
	}
	if len(causes) == 1 {
		e.Cause = causes[0]
	} else {
		e.Cause = errors.Join(causes...)
	}
	var exit *exec.ExitError
	switch {
	case errors.As(r.waitErr, &exit):
		e.exited(exit.ProcessState)
	case r.started && r.waitErr == nil && !r.left:
		e.ExitCode = 0
	}
	return e
}

// said returns the plugin's own error or the one that stands in its place.
func (r *run) said() *types.Error {
	if errors.Is(r.stopped, errTooMuchOutput) {
		return &types.Error{Msg: fmt.Sprintf("netplugin failed: more than %d bytes on standard output: %s", r.stdout.max, r.end())}
	}
	stdout, stderr := bytes.TrimSpace(r.stdout.data), r.stderr.String()
	said := &types.Error{}
	if len(stdout) > 0 {
		if err := json.Unmarshal(stdout, said); err != nil {
			msg := fmt.Sprintf("netplugin failed but error parsing its diagnostic message %s: %v: %s",
				quote(stdout, maxQuote/2, head), err, r.end())
			if stderr != "" {
				msg += "; standard error: " + quote([]byte(stderr), maxQuote/2, end)
			}
			return &types.Error{Msg: msg}
		}
	}
	if said.Msg != "" {
		said.Msg, said.Details = clip(said.Msg, head), clip(said.Details, head)
		return said
	}
	if stderr != "" {
		said.Msg = fmt.Sprintf("netplugin failed: %s: %s", quote([]byte(stderr), maxQuote/2, end), r.end())
	} else {
		said.Msg = "netplugin failed with no error message: " + r.end()
	}
	if len(stdout) > 0 {
		said.Msg += "; standard output: " + quote(stdout, maxQuote/2, head)
	}
	return said
}

// end says in a few words how the process ended.
func (r *run) end() string {
	how := ""
	switch {
	case r.startErr != nil:
		how = r.startErr.Error()
		if hint, _ := r.hint(); hint != "" {
			how += " (" + hint + ")"
		}
	case r.left:
		how = "it has been killed but has not ended"
	case r.waitErr != nil:
		how = r.waitErr.Error()
	}
	switch {
	case r.stopped == nil || errors.Is(r.stopped, errTooMuchOutput):
		return how
	case how == "":
		return r.stopped.Error()
	}
	return fmt.Sprintf("%v (%s)", r.stopped, how)
}

// hint says what the system's word for a failed start usually means, and what to do
// about it.
func (r *run) hint() (means, remedy string) {
	if r.startErr == nil {
		return "", ""
	}
	if strings.ContainsRune(r.path, 0) {
		return fmt.Sprintf("the plugin's path %q has a NUL byte", r.path), ""
	}
	for _, kv := range r.environ {
		if strings.ContainsRune(kv, 0) {
			return fmt.Sprintf("environment variable %q has a NUL byte", strings.ReplaceAll(envName(kv), "\x00", "")), ""
		}
	}
	info, err := os.Stat(r.path)
	switch {
	case err == nil && info.IsDir():
		return "it is a directory", ""
	case errors.Is(r.startErr, syscall.ENOEXEC):
		system := runtime.GOOS + "/" + runtime.GOARCH
		return "neither a program for " + system + " nor a script that begins with #!",
			"install a build for " + system + "; a script has to begin with #! and its interpreter"
	case errors.Is(r.startErr, fs.ErrNotExist) && err == nil:
		return "the file is there, the interpreter or loader that it names is not",
			"install that one, or a build of the plugin that needs none"
	case errors.Is(r.startErr, fs.ErrPermission) && err == nil && !executable(info):
		return "the file is not executable", "make it executable: chmod 755 " + r.path
	}
	return "", ""
}

// exited fills in how a process ended.
func (e *PluginError) exited(state *os.ProcessState) {
	if state == nil {
		return
	}
	e.ExitCode = state.ExitCode()
	e.Signal = signalOf(state)
}
