package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// program is the plugin as a program: it runs the verb that the environment asks
// for, and returns the exit status.
func program(ctx context.Context, stdin io.Reader, stdout io.Writer) int {
	// Who stops this program stops what it runs as well.
	processes := &invoke.DefaultExec{
		RawExec:       &invoke.RawExec{Stderr: os.Stderr, ShareGroup: true},
		PluginDecoder: version.PluginDecoder{},
	}
	reply, err := answer(ctx, flannel{exec: processes}, stdin)
	status := 0
	if err != nil {
		said := types.NewError(types.ErrInternal, err.Error(), "")
		errors.As(err, &said)
		status = 1
		reply, err = json.Marshal(said)
	}
	if err == nil {
		_, err = stdout.Write(reply)
	}
	if err != nil {
		return 2
	}
	return status
}

// answer does what the specification asks of every plugin by means of InProcess:
// it checks the parameters and the version, answers VERSION, and turns the result
// into that of the version asked for.
func answer(ctx context.Context, f flannel, stdin io.Reader) ([]byte, error) {
	request, err := io.ReadAll(stdin)
	if err != nil {
		return nil, types.NewError(types.ErrIOFailure, "reading the request", err.Error())
	}
	self := &invoke.InProcess{Plugins: map[string]*invoke.Plugin{"flannel": f.plugin()}}
	path, err := self.FindInPath("flannel", nil)
	if err != nil {
		return nil, err
	}
	return self.ExecPlugin(ctx, path, request, nil)
}
