package invoke

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// Call is one run of one plugin. Plugin, Network, ContainerID and IfName are there
// to be named in errors and to observers; the plugin itself learns them from
// Environ and Stdin. A run does not change its Call, which may be run again.
type Call struct {
	Plugin      string // name, the type of the plugin configuration
	Path        string // file to run, as an Exec's FindInPath gave it
	Command     string // verb
	Network     string
	ContainerID string
	IfName      string

	// Stdin is the plugin's request: its configuration as the verb wants it.
	Stdin []byte
	// Environ is the plugin's whole environment; nil stands for the one of this
	// process. It is never changed, the plugins of a chain share it.
	Environ []string
	// PrevResult is the result within Stdin, if it came out of Result for the same
	// version. A plugin that passes it on, as most chained ones do, has a result
	// that need not be checked again.
	PrevResult []byte

	// Observer is told about the run; nil is nobody.
	Observer *Observer
}

// String names the call: verb, plugin, container and interface. The request and the
// environment, which may hold secrets, are not part of it.
func (c Call) String() string {
	text := c.Command + " " + c.Plugin
	if c.ContainerID != "" {
		text += " container=" + c.ContainerID
	}
	if c.IfName != "" {
		text += " ifname=" + c.IfName
	}
	return text
}

// Run runs the plugin and returns what it wrote to standard output. A nil exec
// runs a process.
//
// Any failure is a [*PluginError] with the fields of the call, whatever the Exec
// returned: a plugin that says it failed and exits with status 0 has failed.
func (c *Call) Run(ctx context.Context, exec Exec) ([]byte, error) {
	return c.run(ctx, exec, nil)
}

// Result runs the plugin and returns its result as [CheckResult] does for
// cniVersion, the version of the configuration: JSON that can be recorded and be
// the next plugin's prevResult. The error is a [*PluginError].
func (c *Call) Result(ctx context.Context, exec Exec, cniVersion string) ([]byte, error) {
	return c.run(ctx, exec, func(reply []byte) ([]byte, error) {
		if c.PrevResult != nil && bytes.Equal(bytes.TrimSpace(reply), c.PrevResult) {
			return c.PrevResult, nil // 0.4 us instead of 3 (BenchmarkResult)
		}
		return CheckResult(reply, cniVersion)
	})
}

// run is the one place where plugins are run. check, where it is not nil, makes a
// result of the reply.
func (c *Call) run(ctx context.Context, exec Exec, check func([]byte) ([]byte, error)) ([]byte, error) {
	if o := observerOf(ctx, c.Observer); o != nil {
		return c.observe(ctx, o, func(ctx context.Context, c *Call) ([]byte, error) {
			return c.once(ctx, exec, check)
		})
	}
	return c.once(ctx, exec, check)
}

func (c *Call) once(ctx context.Context, exec Exec, check func([]byte) ([]byte, error)) ([]byte, error) {
	start := time.Now()
	exec = orDefault(exec)
	var stderr *keptStderr
	if runsProcesses(exec) {
		stderr = new(keptStderr)
		ctx = context.WithValue(ctx, keptKey{}, stderr)
	}
	reply, err := exec.ExecPlugin(ctx, c.Path, c.Stdin, c.Environ)
	if err != nil {
		failure := c.fail(err)
		failure.Elapsed = time.Since(start)
		return nil, failure
	}
	var cause error
	if said := errorObject(reply); said != nil {
		err, cause = said, errors.New("the plugin printed an error and exited with status 0")
	} else if check != nil {
		if reply, err = check(reply); err != nil {
			err = fmt.Errorf("plugin %q returned an invalid result: %w", c.Plugin, err)
		}
	}
	if err != nil {
		failure := c.fail(err)
		failure.ExitCode, failure.Cause, failure.Elapsed = 0, cause, time.Since(start)
		if stderr != nil {
			failure.Stderr, _ = stderr.text.Load().(string)
		}
		return nil, failure
	}
	return reply, nil
}
