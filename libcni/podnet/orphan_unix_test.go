//go:build unix

package podnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

const orphanDir = "PODNET_TEST_ORPHAN_DIR" // of a runtime that is to be killed

// The plugins keep a file for each attachment in state/. The slow one makes its when
// there is a file "go", and tells by a file "begun" that it waits.
const orphanPlugin = `#!/bin/sh
cd "${0%%/*}/.."
case $CNI_COMMAND in
ADD)
	%s
	: > state/$CNI_CONTAINERID-$CNI_IFNAME
	echo '{"cniVersion":"1.0.0"}'
	;;
DEL)
	echo $CNI_IFNAME >> dels
	rm -f state/$CNI_CONTAINERID-$CNI_IFNAME
	;;
esac
`

type orphanage struct{ dir string }

func (o orphanage) path(name string) string { return filepath.Join(o.dir, name) }

func (o orphanage) options() Options {
	return Options{
		ConfDir: o.path("net.d"), PluginDirs: []string{o.path("bin")}, CacheDir: o.path("cache"),
		NoLoopback: true, NoSync: true, NoWatch: true,
	}
}

func (o orphanage) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(o.path(name)), 0o700))
	require.NoError(t, os.WriteFile(o.path(name), []byte(text), 0o700))
}

func (o orphanage) there(name string) bool {
	_, err := os.Stat(o.path(name))
	return err == nil
}

func (o orphanage) names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(o.path(dir))
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (o orphanage) pod(network string) Pod {
	// Not a namespace, whose interfaces are its own.
	return Pod{ID: "con1", NetNS: o.dir, Networks: []Network{{Name: network}}}
}

// TestRuntimeWithAnOrphan is not a test of its own: it is the runtime.
func TestRuntimeWithAnOrphan(t *testing.T) {
	o := orphanage{os.Getenv(orphanDir)}
	if o.dir == "" {
		return
	}
	m, err := Open(t.Context(), o.options())
	require.NoError(t, err)
	_, _ = m.Attach(t.Context(), o.pod("slow"))
	select {} // until killed
}

// newOrphanage kills a runtime in the middle of an Attach, which its plugin survives.
func newOrphanage(t *testing.T) orphanage {
	t.Helper()
	o := orphanage{t.TempDir()}
	o.write(t, "state/keep", "")
	for name, work := range map[string]string{"quick": "", "slow": ": > begun; while [ ! -e go ]; do sleep 0.01; done"} {
		o.write(t, "bin/"+name, fmt.Sprintf(orphanPlugin, work))
		o.write(t, "net.d/"+name+".conflist", fmt.Sprintf(`{"name":%q,"cniVersion":"1.0.0","plugins":[{"type":%q}]}`, name, name))
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestRuntimeWithAnOrphan$")
	cmd.Env = append(os.Environ(), orphanDir+"="+o.dir)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { o.write(t, "go", "") })
	require.Eventually(t, func() bool { return o.there("begun") }, time.Minute, time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	var end *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &end)
	require.False(t, end.Exited(), "the runtime has ended by itself")
	return o
}

// letGo lets the plugin end, and waits for it.
func (o orphanage) letGo(t *testing.T, m *Manager) {
	t.Helper()
	o.write(t, "go", "")
	require.Eventually(t, func() bool {
		pending, err := m.cni.Pending(libcni.AttachmentKey{})
		return err == nil && !slices.ContainsFunc(pending, func(p *libcni.PendingAttachment) bool { return p.Running })
	}, time.Minute, time.Millisecond)
}

func (o orphanage) nothingLeft(t *testing.T) {
	t.Helper()
	assert.Equal(t, []string{"keep"}, o.names(t, "state"))
	assert.Empty(t, o.names(t, "cache/pending"))
	assert.Empty(t, o.names(t, "cache/podnet"))
}

// What a plugin makes that survives its runtime is cleaned up by the operation that
// waits for it.
func TestOrphanIsWaitedFor(t *testing.T) {
	for name, do := range map[string]func(ctx context.Context, o orphanage, opts Options) error{
		"Recover": func(ctx context.Context, o orphanage, opts Options) error {
			m, err := Open(ctx, opts)
			if err != nil {
				return err
			}
			_, err = m.Recover(ctx)
			return errors.Join(err, m.Close())
		},
		"Detach": func(ctx context.Context, o orphanage, opts Options) error {
			quick := opts
			quick.waitForAdd = time.Millisecond
			m, err := Open(ctx, quick)
			if err != nil {
				return err
			}
			m.opts = opts.withDefaults()
			m.cleaning = m.newCNI(nil)
			return errors.Join(m.Detach(ctx, "con1"), m.Close())
		},
		"Attach": func(ctx context.Context, o orphanage, opts Options) error {
			quick := opts
			quick.waitForAdd = time.Millisecond
			m, err := Open(ctx, quick)
			if err != nil {
				return err
			}
			m.opts = opts.withDefaults()
			if _, err = m.Attach(ctx, o.pod("slow")); err == nil {
				err = m.Detach(ctx, "con1")
			}
			return errors.Join(err, m.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrphanage(t)
			opts := o.options()
			opts.waitForAdd = time.Hour
			done := make(chan error, 1)
			go func() { done <- do(context.Background(), o, opts) }()
			select {
			case err := <-done:
				require.Fail(t, "did not wait", "%v", err)
			case <-time.After(100 * time.Millisecond):
			}
			o.write(t, "go", "")
			require.NoError(t, <-done)
			o.nothingLeft(t)
		})
	}
}

// Who is about to wait says so, what for and how long at most; Open does not wait.
func TestOrphanIsWaitedForAloud(t *testing.T) {
	o := newOrphanage(t)
	var logged bytes.Buffer
	opts := o.options()
	opts.waitForAdd = 2 * time.Millisecond
	opts.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	m, err := Open(t.Context(), opts)
	require.NoError(t, err)
	defer m.Close()
	const waiting = "podnet: waiting for an ADD"
	assert.NotContains(t, logged.String(), waiting)
	assert.Contains(t, logged.String(), "containerID=con1 network=slow ifname=eth0")
	assert.Contains(t, logged.String(), `toDo="`+endIt)
	for name, do := range map[string]func() error{
		"Recover": func() error { _, err := m.Recover(t.Context()); return err },
		"Attach":  func() error { _, err := m.Attach(t.Context(), o.pod("slow")); return err },
		"Detach":  func() error { return m.Detach(t.Context(), "con1") },
		"Forget":  func() error { _, err := m.Forget(t.Context(), "con1"); return err },
	} {
		logged.Reset()
		if err := do(); name != "Forget" {
			require.ErrorIs(t, err, libcni.ErrAddRunning, name)
		}
		assert.Equal(t, 1, strings.Count(logged.String(), waiting), "%s: %s", name, &logged)
		assert.Contains(t, logged.String(), "atMost=2ms", name)
	}
	o.letGo(t, m)
}

// Where a plugin hangs that has survived its runtime, its attachment is left alone
// until somebody detaches it, and the rest of the container is not.
func TestOrphanThatHangs(t *testing.T) {
	o := newOrphanage(t)
	opts := o.options()
	opts.waitForAdd = time.Millisecond
	m, err := Open(t.Context(), opts)
	require.NoError(t, err)
	defer m.Close()
	pending, err := m.cni.Pending(libcni.AttachmentKey{})
	require.NoError(t, err)
	require.Len(t, pending, 1)
	path := pending[0].Path

	found, err := m.Recover(t.Context())
	require.ErrorIs(t, err, libcni.ErrAddRunning)
	require.Len(t, found, 1)
	assert.Equal(t, "slow", found[0].Network)
	assert.Equal(t, path, found[0].Path)
	require.ErrorIs(t, found[0].Err, libcni.ErrAddRunning)

	_, err = m.Attach(t.Context(), o.pod("slow"))
	require.ErrorIs(t, err, libcni.ErrAddRunning)
	require.ErrorIs(t, err, ErrUnfinished)
	assert.ErrorContains(t, err, path+" open", "what to do")
	assert.False(t, o.there("dels"), "neither runs DEL beside it")
	attached, err := m.Attach(t.Context(), o.pod("quick"))
	require.NoError(t, err)
	require.Len(t, attached, 1)
	assert.Equal(t, "eth1", attached[0].IfName)

	stale, err := m.GC(t.Context(), GCArgs{Valid: []types.GCAttachment{{ContainerID: "con1", IfName: "eth1"}}})
	require.NoError(t, err)
	assert.Empty(t, stale)
	err = m.Detach(t.Context(), "con1", "slow")
	require.ErrorIs(t, err, libcni.ErrAddRunning)
	assert.Equal(t, []string{"con1-eth1", "keep"}, o.names(t, "state"))

	o.letGo(t, m)
	assert.Equal(t, []string{"con1-eth0", "con1-eth1", "keep"}, o.names(t, "state"), "made after the DEL")
	found, err = m.Recover(t.Context())
	require.NoError(t, err)
	require.Len(t, found, 1)
	assert.Equal(t, []string{"con1-eth1", "keep"}, o.names(t, "state"))
	require.NoError(t, m.Detach(t.Context(), "con1"))
	o.nothingLeft(t)
}

// GC is enough as well, once the plugin has ended.
func TestGCAfterAnOrphan(t *testing.T) {
	o := newOrphanage(t)
	opts := o.options()
	opts.waitForAdd = time.Millisecond
	m, err := Open(t.Context(), opts)
	require.NoError(t, err)
	defer m.Close()
	o.letGo(t, m)
	stale, err := m.GC(t.Context(), GCArgs{Valid: []types.GCAttachment{}})
	require.NoError(t, err)
	assert.Len(t, stale, 1)
	o.nothingLeft(t)
}
