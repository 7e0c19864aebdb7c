package podnet_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cnikit/cnikit/invoke/invoketest"
	"github.com/cnikit/cnikit/libcni/podnet"
)

// How a program that uses podnet is tested when time matters: the plugin hangs for the
// minutes that it may have, and the test is over at once.
func TestProgramInABubble(t *testing.T) {
	dir := t.TempDir()
	conf := `{"cniVersion":"1.1.0","name":"backend","plugins":[{"type":"bridge"}]}`
	if err := os.WriteFile(filepath.Join(dir, "10-backend.conflist"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		plugins := invoketest.NewExec(t,
			invoketest.Run{Command: "ADD", Plugin: "bridge", Hang: true},
			invoketest.Run{Command: "DEL", Plugin: "bridge"},
		)
		manager, err := podnet.Open(t.Context(), podnet.Options{
			ConfDir: dir, CacheDir: filepath.Join(dir, "cache"), Exec: plugins,
			NoLoopback: true, NoWatch: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer manager.Close()

		start := time.Now()
		_, err = manager.Attach(t.Context(), podnet.Pod{ID: "con1", NetNS: "/run/netns/con1"})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 2*time.Minute {
			t.Errorf("Attach took %s: %v", time.Since(start), err)
		}
	})
}

// Without watching, a change is found all the same.
func TestNoWatch(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		manager, err := podnet.Open(t.Context(), podnet.Options{
			ConfDir: dir, CacheDir: filepath.Join(dir, "cache"), Exec: invoketest.NewExec(t), NoWatch: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer manager.Close()
		conf := `{"cniVersion":"1.1.0","name":"backend","plugins":[{"type":"bridge"}]}`
		if err := os.WriteFile(filepath.Join(dir, "10-backend.conflist"), []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2*time.Second + time.Millisecond)
		if networks := manager.Config().Networks; len(networks) != 1 {
			t.Errorf("networks after two seconds: %v", networks)
		}
	})
}
