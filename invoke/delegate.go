package invoke

import (
	"context"
	"os"
	"path/filepath"

	"github.com/cnikit/cnikit/types"
)

// The functions of this file are for plugins that leave a part of their work to
// another plugin, as interface plugins do with address management (specification,
// section 4, "Plugin Delegation"). Each looks for the plugin in this process's
// CNI_PATH and runs it with this process's environment but for CNI_COMMAND.
//
// With a nil exec the plugin runs as a process that stays in the caller's process
// group, so that a runtime that gives up on the caller reaches both.

// DelegateAdd runs the plugin with ADD and returns its result, as
// [ExecPluginWithResult] does.
func DelegateAdd(ctx context.Context, delegatePlugin string, netconf []byte, exec Exec) (types.Result, error) {
	exec, path, err := delegate(delegatePlugin, exec)
	if err != nil {
		return nil, err
	}
	return ExecPluginWithResult(ctx, path, netconf, &DelegateArgs{Command: "ADD"}, exec)
}

// DelegateCheck runs the plugin with CHECK.
func DelegateCheck(ctx context.Context, delegatePlugin string, netconf []byte, exec Exec) error {
	return delegateVerb(ctx, "CHECK", delegatePlugin, netconf, exec)
}

// DelegateDel runs the plugin with DEL.
func DelegateDel(ctx context.Context, delegatePlugin string, netconf []byte, exec Exec) error {
	return delegateVerb(ctx, "DEL", delegatePlugin, netconf, exec)
}

// DelegateStatus runs the plugin with STATUS.
func DelegateStatus(ctx context.Context, delegatePlugin string, netconf []byte, exec Exec) error {
	return delegateVerb(ctx, "STATUS", delegatePlugin, netconf, exec)
}

// DelegateGC runs the plugin with GC.
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
