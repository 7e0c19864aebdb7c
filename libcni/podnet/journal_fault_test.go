package podnet

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// quick is an Exec whose plugins succeed at once.
type quick struct{ version.PluginDecoder }

func (*quick) FindInPath(plugin string, _ []string) (string, error) { return "/plugins/" + plugin, nil }

func (*quick) ExecPlugin(context.Context, string, []byte, []string) ([]byte, error) {
	return []byte(`{"cniVersion":"1.0.0"}`), nil
}

// openQuick opens a manager of one network.
func openQuick(t *testing.T) *Manager {
	t.Helper()
	dir := t.TempDir()
	write(t, `{"cniVersion":"1.0.0","name":"a","plugins":[{"type":"first"}]}`, dir, "net.d", "a.conflist")
	m, err := Open(t.Context(), Options{
		ConfDir: filepath.Join(dir, "net.d"), CacheDir: filepath.Join(dir, "cache"), Exec: &quick{},
		NoLoopback: true, NoSync: true, NoWatch: true,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// Whatever fails of what is done with the container's file, once or from then on: what an
// Attach has returned stays attached, whoever comes next, and what it has not is gone.
func TestJournalFaults(t *testing.T) {
	p := Pod{ID: "con1", NetNS: "/proc/self/ns/net"}
	for _, lasting := range []bool{false, true} {
		for _, verb := range []string{"attach", "detach"} {
			for at, hit := 0, true; hit; at++ {
				m := openQuick(t)
				if verb == "detach" {
					_, err := m.Attach(t.Context(), p)
					require.NoError(t, err)
				}
				operations, failed := 0, ""
				m.journals.fault = func(op, path string) error {
					operations++
					if operations-1 == at || lasting && operations > at {
						failed += " " + op + " " + filepath.Base(path)
						return syscall.EIO
					}
					return nil
				}
				var err error
				if verb == "attach" {
					_, err = m.Attach(t.Context(), p)
				} else {
					require.NoError(t, m.Detach(t.Context(), p.ID), failed)
				}
				hit = operations > at
				m.journals.fault = nil
				found, recovering := m.Recover(t.Context())
				require.NoError(t, recovering, failed)
				attached, listing := m.Attachments(p.ID)
				require.NoError(t, listing, failed)
				if verb == "attach" && err == nil {
					assert.Empty(t, found, failed)
					assert.Len(t, attached, 1, failed)
				} else {
					assert.Empty(t, attached, failed)
				}
				require.NoError(t, m.Detach(t.Context(), p.ID), failed)
				names, err := os.ReadDir(m.journals.path)
				require.NoError(t, err)
				assert.Empty(t, names, failed)
			}
		}
	}
}

// Where a lock cannot be had at all nobody has one, and cleaning up goes on without.
// Where it is this process that has too many files open, others may have theirs.
func TestCleaningUpWithoutALock(t *testing.T) {
	for _, test := range []struct {
		name    string
		err     error
		refused bool
	}{
		{"this process has too many files open", syscall.EMFILE, true},
		{"the machine has", syscall.ENFILE, true},
		{"the disk is full", syscall.ENOSPC, false},
		{"it is read-only", syscall.EROFS, false},
	} {
		for verb, do := range map[string]func(m *Manager) error{
			"Detach": func(m *Manager) error { return m.Detach(t.Context(), "con1") },
			"GC": func(m *Manager) error {
				_, err := m.GC(t.Context(), GCArgs{Valid: []types.GCAttachment{}})
				return err
			},
		} {
			t.Run(test.name+", "+verb, func(t *testing.T) {
				m := openQuick(t)
				_, err := m.Attach(t.Context(), Pod{ID: "con1", NetNS: "/proc/self/ns/net"})
				require.NoError(t, err)
				m.journals.fault = func(string, string) error { return test.err }
				err = do(m)
				left, _ := m.Attachments("con1")
				if !test.refused {
					require.NoError(t, err)
					assert.Empty(t, left)
					return
				}
				var unusable *CacheDirError
				require.ErrorAs(t, err, &unusable)
				require.ErrorIs(t, err, test.err)
				assert.Len(t, left, 1)
			})
		}
	}
}
