package invoke_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/internal/inherit"
	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
)

type lender struct{ file *os.File }

func (l lender) Lend() *os.File { return l.file }

func textFile(t *testing.T, text string) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	f, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// A plugin inherits what the context says, by whatever Exec it is run, and so does
// what the plugin starts; the descriptors that scripts use are left to them.
func TestPluginInheritsTheContextsFile(t *testing.T) {
	raw := &invoke.RawExec{}
	for _, tt := range []struct {
		name string
		exec invoke.Exec
	}{
		{"RawExec", &invoke.DefaultExec{RawExec: raw}},
		{"Limit", invoke.Limit(&invoke.DefaultExec{RawExec: raw}, 1)},
		{"InProcess", &invoke.InProcess{Exec: &invoke.DefaultExec{RawExec: raw}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := inherit.With(context.Background(), lender{textFile(t, "heirloom")})
			path := script(t, `exec 3>&1 1>&2 4>/dev/null 9>&3; sh -c 'cat /proc/self/fd/10' >&3; ls /proc/$$/fd >&9`)
			out, err := tt.exec.ExecPlugin(ctx, path, nil, nil)
			require.NoError(t, err)
			text, descriptors, _ := strings.Cut(string(out), "0\n")
			assert.Equal(t, "heirloom", text)
			assert.Contains(t, strings.Fields(descriptors), "10")
			assert.NotContains(t, strings.Fields(descriptors), "5", "nothing else")
		})
	}
}

// An in-process plugin passes it on to those it leaves work to.
func TestInProcessPluginsDelegateInherits(t *testing.T) {
	path := script(t, `printf '{"cniVersion":"1.0.0","dns":{"domain":"%s"}}' "$(cat /proc/self/fd/10)"`)
	e := &invoke.InProcess{Plugins: map[string]*invoke.Plugin{"meta": {
		Add: func(ctx context.Context, r *invoke.Request) (types.Result, error) {
			return r.Delegate(ctx, filepath.Base(path), r.StdinData, nil)
		},
	}}}
	ctx := inherit.With(context.Background(), lender{textFile(t, "heirloom")})
	meta, err := e.FindInPath("meta", nil)
	require.NoError(t, err)
	out, err := e.ExecPlugin(ctx, meta, []byte(`{"cniVersion":"1.0.0","name":"net","type":"meta"}`), []string{
		"CNI_COMMAND=ADD", "CNI_CONTAINERID=c", "CNI_NETNS=/n", "CNI_IFNAME=eth0", "PATH=/bin:/usr/bin", "CNI_PATH=" + filepath.Dir(path),
	})
	require.NoError(t, err)
	assert.Contains(t, string(out), `"domain":"heirloom"`)
}

// What Prepare adds stays where it is.
func TestInheritedFileAndThoseOfPrepare(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files int
		at    string
	}{{"few", 2, "10"}, {"many", 9, "12"}} {
		t.Run(tt.name, func(t *testing.T) {
			mine := textFile(t, "mine")
			raw := &invoke.RawExec{Prepare: func(cmd *exec.Cmd) {
				for range tt.files {
					cmd.ExtraFiles = append(cmd.ExtraFiles, mine)
				}
			}}
			ctx := inherit.With(context.Background(), lender{textFile(t, "heirloom")})
			out, err := raw.ExecPlugin(ctx, script(t, `cat /proc/self/fd/4 /proc/self/fd/`+tt.at), nil, nil)
			require.NoError(t, err)
			assert.Equal(t, "mineheirloom", string(out))
		})
	}
}

func TestNothingToInherit(t *testing.T) {
	ctx := inherit.With(context.Background(), lender{})
	out, err := new(invoke.RawExec).ExecPlugin(ctx, script(t, `ls /proc/$$/fd`), nil, nil)
	require.NoError(t, err)
	plain, err := new(invoke.RawExec).ExecPlugin(context.Background(), script(t, `ls /proc/$$/fd`), nil, nil)
	require.NoError(t, err)
	assert.Equal(t, string(plain), string(out))
}
