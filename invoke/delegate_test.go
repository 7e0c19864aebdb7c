//go:build unix

package invoke_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
)

// delegatee puts a plugin named ipam on this process's CNI_PATH. It appends its
// verb, interface and request to a file.
func delegatee(t *testing.T) (log string) {
	t.Helper()
	dir := t.TempDir()
	log = filepath.Join(dir, "log")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ipam"), []byte(`#!/bin/sh
echo "$CNI_COMMAND $CNI_IFNAME $(cat)" >> `+log+`
cut -d' ' -f5 /proc/$$/stat > `+dir+`/group 2>/dev/null
[ "$CNI_COMMAND" = ADD ] && echo '{"ips":[{"address":"10.1.2.3/24"}]}'
exit 0
`), 0o755))
	t.Setenv("CNI_PATH", filepath.Join(dir, "nothing")+string(os.PathListSeparator)+dir)
	t.Setenv("CNI_COMMAND", "NOPE")
	t.Setenv("CNI_IFNAME", "eth7")
	return log
}

func TestDelegate(t *testing.T) {
	log := delegatee(t)
	ctx, conf := context.Background(), []byte(`{"cniVersion":"1.1.0"}`)

	result, err := invoke.DelegateAdd(ctx, "ipam", conf, nil)
	require.NoError(t, err)
	assert.Equal(t, "1.1.0", result.Version())
	require.NoError(t, invoke.DelegateCheck(ctx, "ipam", conf, nil))
	require.NoError(t, invoke.DelegateDel(ctx, "ipam", conf, nil))
	require.NoError(t, invoke.DelegateStatus(ctx, "ipam", conf, nil))
	require.NoError(t, invoke.DelegateGC(ctx, "ipam", conf, nil))

	text, err := os.ReadFile(log)
	require.NoError(t, err)
	want := ""
	for _, verb := range []string{"ADD", "CHECK", "DEL", "STATUS", "GC"} {
		want += verb + " eth7 " + string(conf) + "\n"
	}
	assert.Equal(t, want, string(text))
	assert.Equal(t, "NOPE", os.Getenv("CNI_COMMAND"))
}

// A plugin that delegates and what it runs are one process group to the runtime.
func TestDelegateStaysInTheGroup(t *testing.T) {
	log := delegatee(t)
	require.NoError(t, invoke.DelegateDel(context.Background(), "ipam", nil, nil))
	group, err := os.ReadFile(filepath.Join(filepath.Dir(log), "group"))
	if err != nil || len(group) == 0 {
		t.Skip("no /proc")
	}
	assert.Equal(t, strconv.Itoa(syscall.Getpgrp()), strings.TrimSpace(string(group)))
}

func TestDelegateNotFound(t *testing.T) {
	delegatee(t)
	_, err := invoke.DelegateAdd(context.Background(), "missing", nil, nil)
	assert.ErrorIs(t, err, invoke.ErrPluginNotFound)
	assert.ErrorIs(t, invoke.DelegateDel(context.Background(), "missing", nil, nil), invoke.ErrPluginNotFound)
	t.Setenv("CNI_PATH", "")
	assert.EqualError(t, invoke.DelegateCheck(context.Background(), "ipam", nil, nil), "no paths provided")
}

func TestDelegateThroughAnExec(t *testing.T) {
	t.Setenv("CNI_PATH", "/opt/a")
	f := &fakeExec{reply: `{"ips":[]}`}
	_, err := invoke.DelegateAdd(context.Background(), "ipam", []byte(`{"cniVersion":"1.0.0"}`), f)
	require.NoError(t, err)
	assert.Equal(t, "/opt/a/ipam", f.path)
	assert.Contains(t, f.environ, "CNI_COMMAND=ADD")
}
