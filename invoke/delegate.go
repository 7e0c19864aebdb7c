package invoke

import (
	"context"
	"os"
	"path/filepath"

	"github.com/cnikit/cnikit/types"
)

// DelegateAdd runs the plugin with ADD for a plugin that leaves a part of its work to
// it (specification, section 4): it looks for it in this process's CNI_PATH, gives it
// this process's environment but for CNI_COMMAND, and returns its result as
// [ExecPluginWithResult] does. A nil exec runs a process, which stays in the caller's
// process group, so that a runtime that gives up on the caller reaches both.
//
// Errors: what exec's FindInPath returns, as it is, in which errors.Is finds
// [ErrPluginNotFound]; a [*PluginError] from the run.
func DelegateAdd(ctx context.Context, delegatePlugin string, netconf []byte, exec Exec) (types.Result, error) {
	exec, path, err := delegate(delegatePlugin, exec)
	if err != nil {
		return nil, err
	}
	return ExecPluginWithResult(ctx, path, netconf, &DelegateArgs{Command: "ADD"}, exec)
}

// DelegateCheck is [DelegateAdd] for CHECK, which has no result.
func DelegateCheck(ctx context.Context, delegatePlugin string, netconf []byte, exec Exec) error {
	return delegateVerb(ctx, "CHECK", delegatePlugin, netconf, exec)
}

// DelegateDel is [DelegateAdd] for DEL, which has no result.
func DelegateDel(ctx context.Context, delegatePlugin string, netconf []byte, exec Exec) error {
	return delegateVerb(ctx, "DEL", delegatePlugin, netconf, exec)
}

// DelegateStatus is [DelegateAdd] for STATUS, which has no result.
func DelegateStatus(ctx context.Context, delegatePlugin string, netconf []byte, exec Exec) error {
	return delegateVerb(ctx, "STATUS", delegatePlugin, netconf, exec)
}

// DelegateGC is [DelegateAdd] for GC, which has no result.
func DelegateGC(ctx context.Context, delegatePlugin string, netconf []byte, exec Exec) error {
	return delegateVerb(ctx, "GC", delegatePlugin, netconf, exec)
}

func delegateVerb(ctx context.Context, verb, delegatePlugin string, netconf []byte, exec Exec) error {
	exec, path, err := delegate(delegatePlugin, exec)
	if err != nil {
		return err
	}
	return ExecPluginWithoutResult(ctx, path, netconf, &DelegateArgs{Command: verb}, exec)
}

func delegate(plugin string, exec Exec) (Exec, string, error) {
	if exec == nil {
		exec = &DefaultExec{RawExec: &RawExec{Stderr: os.Stderr, ShareGroup: true}}
	}
	path, err := exec.FindInPath(plugin, filepath.SplitList(os.Getenv("CNI_PATH")))
	return exec, path, err
}
