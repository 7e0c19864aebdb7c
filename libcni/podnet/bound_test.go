package podnet

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/version"
)

// hanging is an Exec whose plugins hang until their contexts end, but for ADD to the
// networks a and b.
type hanging struct{ version.PluginDecoder }

func (*hanging) FindInPath(plugin string, _ []string) (string, error) {
	return "/plugins/" + plugin, nil
}

func (*hanging) ExecPlugin(ctx context.Context, _ string, stdin []byte, environ []string) ([]byte, error) {
	if slices.Contains(environ, "CNI_COMMAND=ADD") && !strings.Contains(string(stdin), `"name":"c"`) {
		return []byte(`{"cniVersion":"1.1.0"}`), nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// What Timeouts promise: Attach has returned when its context has ended and Del has
// passed for each of its networks, however many of their plugins hang; Detach when
// Del has for each. (These plugins end with their contexts: RawExec.Grace is invoke's.)
func TestTimeoutsBoundAttachAndDetach(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		write(t, `{"cniVersion":"1.1.0","name":"`+name+`","plugins":[{"type":"first"},{"type":"second"}]}`, dir, "net.d", name+".conflist")
	}
	synctest.Test(t, func(t *testing.T) {
		m, err := Open(t.Context(), Options{
			ConfDir: filepath.Join(dir, "net.d"), CacheDir: filepath.Join(dir, "cache"), Exec: &hanging{},
			NoLoopback: true, Timeouts: Timeouts{Del: 7 * time.Second}, blind: true,
		})
		require.NoError(t, err)
		defer m.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		_, err = m.Attach(ctx, Pod{ID: "con1", NetNS: "/proc/self/ns/net", Networks: []Network{{Name: "a"}, {Name: "b"}, {Name: "c"}}})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 10*time.Second+3*7*time.Second, time.Since(start))

		start = time.Now()
		require.ErrorIs(t, m.Detach(t.Context(), "con1"), context.DeadlineExceeded)
		assert.Equal(t, 3*7*time.Second, time.Since(start))
		start = time.Now()
		require.ErrorIs(t, m.Detach(ctx, "con1"), context.DeadlineExceeded)
		assert.Zero(t, time.Since(start), "within the caller's context")
	})
	entries, err := os.ReadDir(filepath.Join(dir, "cache", "results"))
	require.NoError(t, err)
	assert.Len(t, entries, 2, "what could not be undone stays on record")
}
