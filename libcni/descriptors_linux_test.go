package libcni

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cnikit/cnikit/invoke"
)

const fewDescriptors = "CNIKIT_TEST_FEW_DESCRIPTORS"

// openDescriptors counts them without opening one.
func openDescriptors(limit int) (n int) {
	for fd := range limit {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			n++
		}
	}
	return n
}

// A process that has next to no descriptors left gets an error or what it asked for.
// It loses no descriptor, and what its plugins made is known.
func TestFewDescriptors(t *testing.T) {
	if os.Getenv(fewDescriptors) == "" { // the limit is the whole process's
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), fewDescriptors+"=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	const limit = 64
	w := newOrphanWorld(t, t.TempDir(), `echo '{"cniVersion":"1.0.0"}'`, Options{WaitForAdd: -1})
	add := func() error {
		_, err := w.AddNetworkList(t.Context(), w.list, w.rt)
		return err
	}
	verbs := map[string]func() error{
		"ADD":          add,
		"DEL":          func() error { return w.DelNetworkList(t.Context(), w.list, w.rt) },
		"DelContainer": func() error { return w.DelContainer(t.Context(), "c1") },
		"GC":           func() error { return w.GCNetworkList(t.Context(), w.list, &GCArgs{}) },
	}
	for _, name := range []string{"ADD", "DEL", "GC"} {
		require.NoError(t, verbs[name](), "what the first use sets up stays")
	}
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit, Max: limit}))
	for name, verb := range verbs {
		failed := 0
		for free := range 24 {
			if name != "ADD" {
				require.NoError(t, add())
			}
			var taken []int
			for {
				fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
				if err != nil {
					require.ErrorIs(t, err, unix.EMFILE)
					break
				}
				taken = append(taken, fd)
			}
			for _, fd := range taken[:free] {
				require.NoError(t, unix.Close(fd))
			}
			before := openDescriptors(limit)
			err := verb()
			after := openDescriptors(limit)
			for _, fd := range taken[free:] {
				require.NoError(t, unix.Close(fd))
			}
			assert.Equal(t, before, after, "%s with %d free", name, free)
			if err != nil {
				failed++
				assert.ErrorIs(t, err, unix.EMFILE, "%s with %d free", name, free)
			}
			pending, pendingErr := w.Pending(AttachmentKey{})
			require.NoError(t, pendingErr)
			records, recordsErr := w.Attachments(AttachmentKey{})
			require.NoError(t, recordsErr)
			assert.True(t, len(pending)+len(records) > 0 || len(w.state(t)) == 0, "%s with %d free", name, free)
			assert.Equal(t, (name == "ADD") == (err == nil), len(records) == 1, "%s with %d free", name, free)
			require.NoError(t, w.DelNetworkList(t.Context(), w.list, w.rt))
			w.nothingLeft(t)
		}
		assert.Positive(t, failed)
		assert.Less(t, failed, 24)
	}
}

// Of an ADD's files its plugins get the intent, under one number, and other programs
// that the runtime starts meanwhile get none.
func TestDescriptorsOfAnAdd(t *testing.T) {
	var foreign string
	between := `ls -l /proc/$$/fd > descriptors; echo '{"cniVersion":"1.0.0"}'`
	w := newOrphanWorld(t, t.TempDir(), between, Options{Observer: &invoke.Observer{
		End: func(context.Context, *invoke.Call, *invoke.Outcome) {
			out, err := exec.Command("ls", "-l", "/proc/self/fd").Output()
			require.NoError(t, err)
			foreign = string(out)
		},
	}})
	_, err := w.AddNetworkList(t.Context(), w.list, w.rt)
	require.NoError(t, err)
	plugins, err := os.ReadFile(filepath.Join(w.dir, "descriptors"))
	require.NoError(t, err)
	cache := filepath.Join(w.dir, "cache")
	assert.Equal(t, 1, strings.Count(string(plugins), cache), "%s", plugins)
	assert.Contains(t, string(plugins), fmt.Sprintf(" 10 -> %s/pending/net+c1+eth0+", cache))
	assert.NotEmpty(t, foreign)
	assert.NotContains(t, foreign, cache)
}
