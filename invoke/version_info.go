package invoke

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// unknownVersionVerb is what plugins from before the VERSION verb answer to it.
const unknownVersionVerb = "unknown CNI_COMMAND: VERSION"

// VersionArgs returns the parameters of a VERSION call. Plugins older than the
// verb want the other variables to be there.
func VersionArgs() *Args {
	return &Args{Command: "VERSION", NetNS: "dummy", IfName: "dummy", Path: "dummy"}
}

// GetVersionInfo asks the plugin at pluginPath for the specification versions it
// supports (specification, section 2, "VERSION"). A plugin too old to know the
// question supports 0.1.0. A nil exec runs a process. The error is a [*PluginError].
func GetVersionInfo(ctx context.Context, pluginPath string, exec Exec) (version.PluginInfo, error) {
	c := &Call{
		Plugin:  filepath.Base(pluginPath),
		Path:    pluginPath,
		Environ: VersionArgs().AsEnv(),
	}
	return c.VersionInfo(ctx, exec)
}

// VersionInfo is [GetVersionInfo] with the call's environment, which should be one
// of [VersionArgs], and observer. Command and Stdin are set in a copy of the call.
// The error is a [*PluginError].
func (c *Call) VersionInfo(ctx context.Context, exec Exec) (version.PluginInfo, error) {
	exec = orDefault(exec)
	call := *c
	call.Command = "VERSION"
	call.Stdin = []byte(`{"cniVersion":` + strconv.Quote(version.Current()) + `}`)
	reply, err := call.Run(ctx, exec)
	if err != nil {
		var said *types.Error
		if err.Error() == unknownVersionVerb || errors.As(err, &said) && said.Msg == unknownVersionVerb {
			return version.PluginSupports("0.1.0"), nil
		}
		return nil, err
	}
	info, err := exec.Decode(reply)
	if err != nil {
		failure := call.fail(badVersionInfo(reply, err))
		failure.ExitCode = 0
		return nil, failure
	}
	return info, nil
}

// badVersionInfo adds to a decoder's error what the plugin printed.
func badVersionInfo(reply []byte, err error) error {
	if reply = bytes.TrimSpace(reply); len(reply) == 0 {
		return errors.New("decoding version info: nothing was printed on standard output")
	}
	return fmt.Errorf("%w: %s", err, quote(reply, maxQuote/2, head))
}
