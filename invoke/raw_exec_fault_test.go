//go:build unix

package invoke_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
)

func TestStdoutFlood(t *testing.T) {
	path := script(t, `exec head -c 268435456 /dev/zero`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := new(invoke.RawExec).ExecPlugin(context.Background(), path, nil, nil)
	runtime.ReadMemStats(&after)
	assert.ErrorContains(t, err, "netplugin failed: more than 16777216 bytes on standard output")
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(128<<20))

	out, err := (&invoke.RawExec{MaxStdout: 5}).ExecPlugin(context.Background(), script(t, `printf 12345`), nil, nil)
	require.NoError(t, err, "the bound itself is allowed")
	assert.Equal(t, "12345", string(out))
	_, err = (&invoke.RawExec{MaxStdout: 4}).ExecPlugin(context.Background(), script(t, `printf 12345`), nil, nil)
	assert.ErrorContains(t, err, "more than 4 bytes")
}

func TestStderrFlood(t *testing.T) {
	path := script(t, `head -c 268435455 /dev/zero >&2; printf x >&2; exit 1`)
	total, last := 0, byte(0)
	count := writerFunc(func(p []byte) (int, error) {
		total += len(p)
		last = p[len(p)-1]
		return len(p), nil
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := (&invoke.RawExec{Stderr: count}).ExecPlugin(context.Background(), path, nil, nil)
	runtime.ReadMemStats(&after)
	assert.Equal(t, 268435456, total, "all of it is forwarded")
	assert.Equal(t, byte('x'), last)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20))
	var failed *invoke.PluginError
	require.ErrorAs(t, err, &failed)
	assert.Less(t, len(failed.Stderr), 100<<10)
	assert.True(t, strings.HasSuffix(failed.Stderr, "x"))
	assert.Less(t, len(err.Error()), 5<<10, "errors quote little")
	assert.ErrorContains(t, err, "exit status 1")
}

func TestStderrIsForwardedLive(t *testing.T) {
	t.Parallel()
	gate := fifo(t)
	seen := make(chan string, 10)
	e := &invoke.RawExec{Stderr: writerFunc(func(p []byte) (int, error) {
		seen <- string(p)
		return len(p), nil
	})}
	done := make(chan error, 1)
	go func() {
		_, err := e.ExecPlugin(context.Background(), script(t, `echo first >&2; read x < `+gate+`; printf second >&2; exit 1`), nil, nil)
		done <- err
	}()
	assert.Equal(t, "first\n", <-seen, "while the plugin still runs")
	require.NoError(t, os.WriteFile(gate, []byte("x\n"), 0))
	assert.Equal(t, "second", <-seen)
	assert.EqualError(t, <-done, `netplugin failed: "first\nsecond": exit status 1`)
}

func TestReopenedOutputsLoseNothing(t *testing.T) {
	if _, err := os.Stat("/dev/stdout"); err != nil {
		t.Skip("no /dev/stdout")
	}
	t.Parallel()
	var stderr bytes.Buffer
	out, err := (&invoke.RawExec{Stderr: &stderr}).ExecPlugin(context.Background(),
		script(t, `echo 1; echo 2 > /dev/stdout; echo 3; echo a >&2; echo b > /dev/stderr; echo c >&2`), nil, nil)
	require.NoError(t, err)
	assert.Equal(t, "1\n2\n3\n", string(out))
	assert.Equal(t, "a\nb\nc\n", stderr.String())
}

func TestStdin(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 256<<10) // 4 MiB
	tests := []struct {
		name, script, want string
	}{
		{"read", `wc -c | tr -d ' '`, "4194304\n"},
		{"not read", `echo ok`, "ok\n"},
		{"closed", `exec <&-; echo ok`, "ok\n"},
		{"held by a background child", `sleep 300 >/dev/null 2>&1 & echo $!`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, err := new(invoke.RawExec).ExecPlugin(context.Background(), script(t, tt.script), big, nil)
			require.NoError(t, err)
			if tt.want != "" {
				assert.Equal(t, tt.want, string(out))
				return
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
			require.NoError(t, err)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		})
	}
	t.Run("not read by a plugin that fails", func(t *testing.T) {
		_, err := new(invoke.RawExec).ExecPlugin(context.Background(), script(t, `exit 1`), big, nil)
		assert.EqualError(t, err, "netplugin failed with no error message: exit status 1", "and nothing about a broken pipe")
	})
}

// Neither what a plugin wrote nor that it has closed its outputs says how it will end.
func TestPluginThatClosesItsOutputs(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]int{"0": 0, "3": 3} {
		gate := fifo(t)
		path := script(t, `echo 1; exec >&- 2>&-; read x < `+gate+`; exit `+status)
		done := make(chan error, 1)
		go func() {
			out, err := new(invoke.RawExec).ExecPlugin(context.Background(), path, nil, nil)
			if err == nil && string(out) != "1\n" {
				err = errors.New(string(out))
			}
			done <- err
		}()
		require.NoError(t, os.WriteFile(gate, []byte("x\n"), 0))
		err := <-done
		if want == 0 {
			require.NoError(t, err)
			continue
		}
		var failed *invoke.PluginError
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, want, failed.ExitCode)
	}
}

// busy copies a script and keeps the copy open for writing.
func busy(t *testing.T) (path string, release func()) {
	t.Helper()
	text, err := os.ReadFile(script(t, `echo ok`))
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "busy")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	require.NoError(t, err)
	_, err = f.Write(text)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return path, func() { _ = f.Close() }
}

func TestTextFileBusyForThreeSeconds(t *testing.T) {
	t.Parallel()
	path, release := busy(t)
	time.AfterFunc(3*time.Second, release)
	out, err := new(invoke.RawExec).ExecPlugin(context.Background(), path, nil, nil)
	require.NoError(t, err)
	assert.Equal(t, "ok\n", string(out))
}

func TestTextFileBusyForEver(t *testing.T) {
	t.Parallel()
	path, _ := busy(t)
	tries := 0
	e := &invoke.RawExec{Prepare: func(*exec.Cmd) { tries++ }}
	_, err := e.ExecPlugin(context.Background(), path, nil, nil)
	assert.ErrorContains(t, err, path)
	assert.ErrorContains(t, err, "text file busy")
	assert.ErrorIs(t, err, syscall.ETXTBSY)
	assert.Greater(t, tries, 10)
}

func TestTextFileBusyListensToContext(t *testing.T) {
	t.Parallel()
	path, _ := busy(t)
	ctx, cancel := context.WithCancel(context.Background())
	e := &invoke.RawExec{Prepare: func(*exec.Cmd) { cancel() }}
	_, err := e.ExecPlugin(ctx, path, nil, nil)
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorIs(t, err, syscall.ETXTBSY)
	assert.ErrorContains(t, err, "text file busy")
}

func TestPluginsThatCannotBeStarted(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), mode))
		return path
	}
	link := filepath.Join(dir, "dangling")
	require.NoError(t, os.Symlink(filepath.Join(dir, "nowhere"), link))
	tests := []struct {
		name, path, want string
		environ          []string
	}{
		{"missing", filepath.Join(dir, "missing"), "no such file", nil},
		{"dangling link", link, "no such file", nil},
		{"directory", dir, "it is a directory", nil},
		{"not executable", file("plain", "#!/bin/sh\n", 0o644), "the file is not executable", nil},
		{"bad ELF", file("elf", "\x7fELF nonsense", 0o755), "neither a program for " + runtime.GOOS, nil},
		{"no shebang", file("text", "echo hello\n", 0o755), "nor a script that begins with #!", nil},
		{"empty file", file("empty", "", 0o755), "nor a script that begins with #!", nil},
		{"missing interpreter", file("interp", "#!/no/such/shell\n", 0o755), "the interpreter or loader that it names is not", nil},
		{"NUL in path", dir + "/a\x00b", `a\x00b" has a NUL byte`, nil},
		{"NUL in environment", file("ok", "#!/bin/sh\n", 0o755), `environment variable "CNI_ARGS" has a NUL byte`, []string{"CNI_ARGS=a\x00secret"}},
		{"bare name", "sh", `plugin path "sh" names no directory`, nil},
	}
	system := runtime.GOOS + "/" + runtime.GOARCH
	toDo := map[string]string{
		"not executable": "make it executable: chmod 755 " + filepath.Join(dir, "plain"),
		"bad ELF":        "install a build for " + system, "no shebang": "install a build for " + system, "empty file": "install a build for " + system,
		"missing interpreter": "install that one, or a build of the plugin that needs none",
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := new(invoke.RawExec).ExecPlugin(context.Background(), tt.path, nil, tt.environ)
			require.ErrorContains(t, err, "netplugin failed with no error message: ")
			assert.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), "secret")
			var failed *invoke.PluginError
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, tt.path, failed.Path)
			assert.Equal(t, -1, failed.ExitCode)
			if toDo := toDo[tt.name]; toDo != "" {
				assert.Contains(t, fmt.Sprintf("%+v", err), "\n    to do:     "+toDo)
			} else {
				assert.NotContains(t, fmt.Sprintf("%+v", err), "to do")
			}
		})
	}
}

func TestNilEnvironmentIsInherited(t *testing.T) {
	t.Setenv("CNIKIT_TEST_INHERITED", "yes")
	path := script(t, `echo "$CNIKIT_TEST_INHERITED"`)
	out, err := new(invoke.RawExec).ExecPlugin(context.Background(), path, nil, nil)
	require.NoError(t, err)
	assert.Equal(t, "yes\n", string(out))
	out, err = new(invoke.RawExec).ExecPlugin(context.Background(), path, nil, []string{})
	require.NoError(t, err)
	assert.Equal(t, "\n", string(out), "an empty environment is empty")
}

func TestPrepare(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	attr := &syscall.SysProcAttr{} // of all plugins
	e := &invoke.RawExec{Prepare: func(c *exec.Cmd) {
		c.Dir = dir
		c.Env = []string{"A=b"}
		c.Stdout = io.Discard // ours wins
		c.SysProcAttr = attr
	}}
	out, err := e.ExecPlugin(context.Background(), script(t, `/bin/pwd; echo $A`), nil, nil)
	require.NoError(t, err)
	assert.Equal(t, dir+"\nb\n", string(out))
	assert.Equal(t, &syscall.SysProcAttr{}, attr, "it is not ours to change")
	attr.Setsid = true
	_, err = e.ExecPlugin(context.Background(), script(t, `:`), nil, nil)
	require.NoError(t, err, "who leads a session cannot be given a group")
}

func TestProcessGroup(t *testing.T) {
	t.Parallel()
	path := script(t, `ps -o pgid= -p $$ | tr -d ' '; echo $$`)
	if _, err := exec.LookPath("ps"); err != nil {
		path = script(t, `cut -d' ' -f5 /proc/$$/stat; echo $$`)
	}
	group := func(e *invoke.RawExec) (pgid, pid string) {
		out, err := e.ExecPlugin(context.Background(), path, nil, nil)
		require.NoError(t, err)
		words := strings.Fields(string(out))
		require.Len(t, words, 2)
		return words[0], words[1]
	}
	pgid, pid := group(&invoke.RawExec{})
	assert.Equal(t, pid, pgid, "a group of its own")
	pgid, _ = group(&invoke.RawExec{ShareGroup: true})
	assert.Equal(t, strconv.Itoa(syscall.Getpgrp()), pgid)

	r := runUntilReady(t, &invoke.RawExec{ShareGroup: true}, script(t, `echo ready >&2; exec sleep 300`))
	assert.Equal(t, syscall.SIGTERM, r.failed.Signal)
}

// A plugin that exits with 0 may have said on standard error why its reply is none.
func TestStderrOfAPluginWhoseReplyIsNone(t *testing.T) {
	for name, reply := range map[string]string{
		"garbage":         `garbage`,
		"an error object": `{"code": 7, "msg": "no"}`,
	} {
		t.Run(name, func(t *testing.T) {
			call := newCall()
			call.Path = script(t, "echo 'why it is so' >&2; echo '"+reply+"'")
			exec := invoke.Limit(&invoke.DefaultExec{RawExec: &invoke.RawExec{}}, 1)
			_, err := call.Result(t.Context(), exec, "1.0.0")
			var failed *invoke.PluginError
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, "why it is so\n", failed.Stderr)
			assert.Zero(t, failed.ExitCode)
			assert.Contains(t, fmt.Sprintf("%+v", err), "\n    stderr:    why it is so")
			assert.NotContains(t, err.Error(), "why it is so", "the text is the reply's fault")
		})
	}
}
