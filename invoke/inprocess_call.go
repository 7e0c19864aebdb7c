package invoke

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/cnikit/cnikit/internal/rawjson"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// returned is how a plugin's function ended.
type returned struct {
	reply []byte
	err   error
	stack string // of a panic
}

// call runs a plugin in a goroutine of its own and waits for it.
func (p *InProcess) call(ctx context.Context, name string, plugin *Plugin, stdinData []byte, environ []string) ([]byte, *PluginError) {
	if ctx.Err() != nil {
		return nil, inProcessError(ctxError(ctx), nil, "")
	}
	request := newRequest(stdinData, environ)
	done := make(chan returned, 1) // nobody may be there to take it
	go func() {
		end := returned{err: fmt.Errorf("plugin %q ended its goroutine", name)}
		defer func() {
			if r := recover(); r != nil {
				end = returned{err: fmt.Errorf("plugin %q panicked: %v", name, r), stack: fmt.Sprintf("panic: %v\n\n%s", r, debug.Stack())}
			}
			done <- end
		}()
		end.reply, end.err = plugin.serve(ctx, request)
	}()

	select {
	case end := <-done:
		return end.outcome(ctx)
	case <-ctx.Done():
	}
	grace := p.Grace
	if grace == 0 {
		grace = defaultGrace
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case end := <-done:
		return end.outcome(ctx)
	case <-timer.C:
		cause := ctxError(ctx)
		return nil, inProcessError(fmt.Errorf("%w (plugin %q has not returned)", cause, name), nil, "")
	}
}

// outcome is the end as an Exec returns it. A plugin that succeeds after its
// context has ended has succeeded.
func (e returned) outcome(ctx context.Context) ([]byte, *PluginError) {
	if e.err == nil {
		return e.reply, nil
	}
	var cause error
	if ctx.Err() != nil && !errors.Is(e.err, ctx.Err()) {
		cause = ctxError(ctx)
	}
	return nil, inProcessError(e.err, cause, e.stack)
}

// inProcessError makes of a function's error what a process would have printed. The
// error itself can be found in it as well.
func inProcessError(err, cause error, stack string) *PluginError {
	var said *types.Error
	if !errors.As(err, &said) {
		said = &types.Error{Code: types.ErrInternal, Msg: err.Error()}
	}
	if error(said) == err {
		err = nil // a cause of its own would say the same again
	}
	if cause == nil {
		cause = err
	} else if err != nil {
		cause = errors.Join(err, cause)
	}
	return &PluginError{
		Code: said.Code, Msg: said.Msg, Details: said.Details, Err: said,
		ExitCode: -1, Stderr: stack, Cause: cause,
	}
}

// serve is a plugin's main function: what the specification asks of every plugin
// is done here.
func (p *Plugin) serve(ctx context.Context, r *Request) ([]byte, error) {
	supported := p.Versions
	if len(supported) == 0 {
		supported = version.All.SupportedVersions()
	}
	info := version.PluginSupports(supported...)
	if r.Command == "VERSION" {
		var buf bytes.Buffer
		err := info.Encode(&buf)
		return buf.Bytes(), err
	}
	if err := r.check(info); err != nil {
		return nil, err
	}
	verb := map[string]func(context.Context, *Request) error{
		"CHECK": p.Check, "DEL": p.Del, "GC": p.GC, "STATUS": p.Status,
	}[r.Command]
	switch {
	case r.Command == "ADD":
		return p.add(ctx, r)
	case verb == nil:
		return nil, nil
	}
	return nil, verb(ctx, r)
}

func (p *Plugin) add(ctx context.Context, r *Request) ([]byte, error) {
	var result types.Result
	if p.Add != nil {
		var err error
		if result, err = p.Add(ctx, r); err != nil {
			return nil, err
		}
	}
	cniVersion, _ := knownVersion(r.Conf.CNIVersion)
	if result == nil {
		if prev, err := r.prevResult(); prev != nil || err != nil {
			return prev, err
		}
		return CheckResult([]byte("{}"), cniVersion)
	}
	converted, err := result.GetAsVersion(cniVersion)
	if err != nil {
		return nil, fmt.Errorf("converting the result to version %s: %w", cniVersion, err)
	}
	return json.Marshal(converted)
}

// check reads the configuration and refuses what every plugin has to refuse.
func (r *Request) check(info version.PluginInfo) error {
	invalid := func(format string, args ...any) error {
		return types.NewError(types.ErrInvalidEnvironmentVariables, fmt.Sprintf(format, args...), "")
	}
	var missing []string
	var since version.Feature
	need := func(name, value string) {
		if value == "" {
			missing = append(missing, name)
		}
	}
	switch r.Command {
	case "ADD", "CHECK", "DEL":
		need("CNI_CONTAINERID", r.ContainerID)
		need("CNI_IFNAME", r.IfName)
		if r.Command != "DEL" {
			need("CNI_NETNS", r.Netns)
		}
		if r.Command == "CHECK" {
			since = version.Check
		}
	case "GC":
		since = version.GC
	case "STATUS":
		since = version.Status
	case "":
		need("CNI_COMMAND", "")
	default:
		return invalid("unknown CNI_COMMAND: %v", r.Command)
	}
	if len(missing) > 0 {
		return invalid("required env variables [%s] missing", strings.Join(missing, ","))
	}
	if err := json.Unmarshal(r.StdinData, &r.Conf); err != nil {
		return types.NewError(types.ErrDecodingFailure, "decoding the network config: "+err.Error(), "")
	}
	if err := types.ValidateNetworkName(r.Conf.Name); err != nil {
		return err
	}
	return r.checkVersion(info, since)
}

func (r *Request) checkVersion(info version.PluginInfo, since version.Feature) error {
	cniVersion, known := knownVersion(r.Conf.CNIVersion)
	if !known {
		cniVersion = r.Conf.CNIVersion
	}
	if err := new(version.Reconciler).Check(cniVersion, info); err != nil {
		return types.NewError(types.ErrIncompatibleCNIVersion, "incompatible CNI versions", err.Details())
	}
	if ok, err := version.Supports(cniVersion, since); since != 0 && (err != nil || !ok) {
		return types.NewError(types.ErrIncompatibleCNIVersion, fmt.Sprintf("config version %s does not allow %s", cniVersion, since), "")
	}
	return nil
}

// prevResult returns the previous result in the configuration's version, nil
// without one. Its bytes are passed on as they came.
func (r *Request) prevResult() ([]byte, error) {
	object, err := rawjson.ParseObject(r.StdinData)
	if err != nil {
		return nil, err
	}
	prev, ok := object.Get("prevResult")
	if !ok || string(prev.Value) == "null" {
		return nil, nil
	}
	return CheckResult(prev.Value, r.Conf.CNIVersion)
}
