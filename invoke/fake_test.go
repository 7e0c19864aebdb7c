package invoke_test

import (
	"context"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/version"
)

// fakeExec answers every call with the same reply or error, and keeps what it was
// called with.
type fakeExec struct {
	reply string
	err   error
	version.PluginDecoder

	path    string
	stdin   []byte
	environ []string
}

var _ invoke.Exec = (*fakeExec)(nil)

func (f *fakeExec) ExecPlugin(_ context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	f.path, f.stdin, f.environ = path, stdin, environ
	return []byte(f.reply), f.err
}

func (f *fakeExec) FindInPath(plugin string, paths []string) (string, error) {
	if len(paths) == 0 {
		return "", &invoke.NotFoundError{Plugin: plugin}
	}
	return paths[0] + "/" + plugin, nil
}
