package libcni

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const neighbour = "CNIKIT_TEST_NEIGHBOUR" // directory and task of a second process

// TestNeighbour is not a test of its own: it is the second process.
func TestNeighbour(t *testing.T) {
	dir, task, ok := strings.Cut(os.Getenv(neighbour), "|")
	if !ok {
		return
	}
	w := openWorld(t, dir, true)
	switch task {
	case "hold":
		w.exec.fail = func(plugin string) error {
			if plugin == "two" {
				_, _ = os.Stdout.WriteString("at work\n")
				_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
			}
			return nil
		}
		_, err := w.cni.AddNetworkList(t.Context(), w.list, w.rt("held"))
		require.NoError(t, err)
	case "busy":
		_, _ = os.Stdout.WriteString("at work\n")
		for i := range 150 {
			id := fmt.Sprint("n", i%3)
			_, err := w.cni.AddNetworkList(t.Context(), w.list, w.rt(id))
			require.NoError(t, err)
			if i%2 == 1 {
				require.NoError(t, w.cni.DelNetworkList(t.Context(), w.list, w.rt(id)))
			}
		}
	}
}

// startNeighbour returns when the second process is at work.
func startNeighbour(t *testing.T, dir, task string) (release func(), wait func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestNeighbour$")
	cmd.Env = append(os.Environ(), neighbour+"="+dir+"|"+task)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "at work\n", line)
	return func() { _, _ = in.Write([]byte("\n")) }, func() {
		rest, _ := lines.ReadString(0)
		require.NoError(t, cmd.Wait(), rest)
	}
}

// The intent of a living process survives GC and DEL of another one, and so does
// what its plugins made.
func TestIntentOfAnotherProcessSurvives(t *testing.T) {
	dir := t.TempDir()
	w := openWorld(t, dir, true)
	release, wait := startNeighbour(t, dir, "hold")
	pending, err := w.cni.Pending(AttachmentKey{})
	require.NoError(t, err)
	require.Len(t, pending, 1)
	assert.True(t, pending[0].Running)
	require.NoError(t, w.cni.GCNetworkList(t.Context(), w.list, &GCArgs{}))
	assert.Len(t, w.exec.state(t, "held"), 2, "of the plugins that have run")
	pending, err = w.cni.Pending(AttachmentKey{})
	require.NoError(t, err)
	assert.Len(t, pending, 1)
	release()
	wait()
	assert.Len(t, w.exec.state(t, "held"), 3)
	require.NoError(t, w.cni.CheckNetworkList(t.Context(), w.list, w.rt("held")))
	require.NoError(t, w.cni.GCNetworkList(t.Context(), w.list, &GCArgs{}), "now it is stale")
	assert.Empty(t, w.exec.state(t, ""))
}

// Two processes at once: readers see whole records, and nobody's is lost.
func TestTwoProcessesInOneDirectory(t *testing.T) {
	dir := t.TempDir()
	w := openWorld(t, dir, true)
	_, wait := startNeighbour(t, dir, "busy")
	done := make(chan struct{})
	go func() { defer close(done); wait() }()
	for i, running := 0, true; running; i++ {
		select {
		case <-done:
			running = false
		default:
		}
		id := fmt.Sprint("m", i%3)
		_, err := w.cni.AddNetworkList(t.Context(), w.list, w.rt(id))
		require.NoError(t, err)
		attachments, err := w.cni.Attachments(AttachmentKey{})
		require.NoError(t, err, "no record is torn")
		require.NotEmpty(t, attachments)
		result, err := w.cni.GetNetworkListCachedResult(w.list, w.rt(id))
		require.NoError(t, err)
		require.NotNil(t, result, "nor lost")
		_, err = w.cni.Pending(AttachmentKey{})
		require.NoError(t, err)
	}
	require.NoError(t, w.cni.GCNetworkList(t.Context(), w.list, &GCArgs{}))
	assert.Empty(t, w.exec.state(t, ""))
	assert.Empty(t, w.cni.store(nil).files(t))
}

// While GC looks at an intent, it may be removed, or removed and made again by an
// ADD that is now under way: GC then has nothing to clean up.
func TestIntentChangesWhileGCLooks(t *testing.T) {
	for _, c := range []struct {
		name string
		left int
		do   func(t *testing.T, s *store, path string)
	}{
		{"removed", 0, func(t *testing.T, s *store, path string) { require.NoError(t, os.Remove(path)) }},
		{"replaced by a living one", 1, func(t *testing.T, s *store, path string) {
			in, err := s.begin(&record{key: key{"net", "c1", "eth0"}, config: []byte(oneConfig)})
			require.NoError(t, err)
			t.Cleanup(in.abandon)
			require.NoError(t, os.Rename(in.file.Path(), path))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			s := f.store(nil)
			fails(t, s, key{"net", "c1", "eth0"}, oneConfig)
			f.fault = func(op, path string) error {
				if op == "lock" && strings.Contains(filepath.Dir(path), "pending") {
					f.fault = nil
					c.do(t, s, path)
				}
				return nil
			}
			require.NoError(t, f.GCNetworkList(t.Context(), list3(t, v1), &GCArgs{}))
			assert.Empty(t, f.fake.calls())
			pending, err := os.ReadDir(s.pendingPath())
			require.NoError(t, err)
			assert.Len(t, pending, c.left)
		})
	}
}

// What an ADD has recorded since GC began is no stale attachment, although nobody said
// that it is valid.
func TestGCBesideAddsThatEnd(t *testing.T) {
	for _, before := range []string{"nothing", "leftover", "record", "ADD under way"} {
		for _, when := range []string{"between its looks", "while it cleans up"} {
			t.Run(before+", "+when, func(t *testing.T) {
				f := newFixture(t, Options{})
				list := list3(t, v1)
				s, k, result := f.store(nil), key{"net", "c1", "eth0"}, `{"cniVersion":"1.0.0"}`
				keep(t, s, key{"net", "c0", "eth0"}, result)
				end := func() { keep(t, s, k, result) }
				switch before {
				case "leftover": // of a first try
					fails(t, s, k, oneConfig)
				case "record":
					keep(t, s, k, result)
				case "ADD under way":
					in, err := s.begin(&record{key: k, config: []byte(oneConfig)})
					require.NoError(t, err)
					end = func() { require.NoError(t, in.commit([]byte(result))) }
				}
				var added []string
				add := sync.OnceFunc(func() { end(); added = s.files(t) })
				if when == "between its looks" {
					f.fault = func(op, path string) error {
						if op == "list" && filepath.Base(path) == "pending" {
							add()
						}
						return nil
					}
				} else {
					f.fake.replies["DEL"] = func(r run) ([]byte, error) {
						if r.env["CNI_CONTAINERID"] == "c0" {
							add()
						}
						return nil, nil
					}
				}
				require.NoError(t, f.GCNetworkList(t.Context(), list, &GCArgs{}))
				require.Contains(t, added, "results/net-c1-eth0")
				for _, r := range f.fake.take() {
					if r.command == "DEL" {
						assert.Equal(t, "c0", r.env["CNI_CONTAINERID"])
					}
				}
				f.fault, f.fake.replies = nil, nil
				attachments, err := f.Attachments(AttachmentKey{})
				require.NoError(t, err)
				require.Len(t, attachments, 1)
				assert.Equal(t, "c1", attachments[0].ContainerID)

				require.NoError(t, f.GCNetworkList(t.Context(), list, &GCArgs{}), "stale for the next one")
				assert.Empty(t, s.files(t))
			})
		}
	}
}
