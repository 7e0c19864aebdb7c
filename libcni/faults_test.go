package libcni

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// statefulExec runs three small plugins in this process. Each keeps a file for
// each attachment, which ADD makes and DEL removes, so that what is lost shows.
type statefulExec struct {
	version.PluginDecoder
	dir string
	// fail, if set, is an ADD's error, after it made its file.
	fail func(plugin string) error
}

func (e *statefulExec) FindInPath(plugin string, _ []string) (string, error) { return plugin, nil }

func (e *statefulExec) ExecPlugin(_ context.Context, plugin string, _ []byte, environ []string) ([]byte, error) {
	env := map[string]string{}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		env[name] = value
	}
	state := filepath.Join(e.dir, plugin+"-"+env["CNI_CONTAINERID"]+"-"+env["CNI_IFNAME"])
	switch env["CNI_COMMAND"] {
	case "ADD":
		if err := os.WriteFile(state, nil, 0o600); err != nil {
			return nil, err
		}
		if e.fail != nil {
			if err := e.fail(plugin); err != nil {
				return nil, err
			}
		}
		return []byte(`{"cniVersion":"1.1.0"}`), nil
	case "DEL":
		if err := os.Remove(state); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
	return nil, nil
}

// state returns the files that the plugins keep of a container, of all if id is
// empty.
func (e *statefulExec) state(t *testing.T, id string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(e.dir)
	require.NoError(t, err)
	for _, entry := range entries {
		if id == "" || strings.Contains(entry.Name(), "-"+id+"-") {
			names = append(names, entry.Name())
		}
	}
	return names
}

var errInjected = errors.New("injected")

// Each file operation of each verb fails once. The old record or the new one is
// there, DEL succeeds all the same, and what is left over can be cleaned by DEL
// and by GC.
func TestEveryFileOperationFailingOnce(t *testing.T) {
	for _, network := range []string{"net", "n-e-t"} { // with its name alone, and to be shared
		list := mustList(t, `{"name":"`+network+`","cniVersion":"1.1.0","plugins":[{"type":"one"},{"type":"two"},{"type":"three"}]}`)
		for _, verb := range []string{"ADD", "second ADD", "failing ADD", "DEL", "DEL of a failed ADD", "DelAttachment", "GC", "CHECK"} {
			for _, cleaner := range []string{"DEL", "GC"} {
				n := 0
				for ; faultAt(t, list, verb, cleaner, n); n++ {
					require.Less(t, n, 200)
				}
				least := map[string]int{"CHECK": 1, "DEL": 3, "DelAttachment": 4}[verb]
				assert.GreaterOrEqual(t, n, cmp.Or(least, 5), "operations of %s that could fail", verb)
			}
		}
	}
}

// faultAt runs a verb of which the file operation n fails; false if there are not
// so many.
func faultAt(t *testing.T, list *NetworkConfigList, verb, cleaner string, n int) bool {
	exec := &statefulExec{dir: t.TempDir()}
	var warned []error
	c := New([]string{filepath.FromSlash("/bin")}, Options{
		Exec: exec, CacheDir: filepath.Join(t.TempDir(), "cache"), NoSync: cleaner == "GC", Warn: warnings(&warned),
	})
	s := c.store(nil)
	rt := &RuntimeConf{ContainerID: "c1", NetNS: "/run/netns/c1", IfName: "eth0"}
	add := func() (types.Result, error) { return c.AddNetworkList(t.Context(), list, rt) }
	banana := func(plugin string) error {
		if plugin == "two" {
			return errBanana
		}
		return nil
	}
	if verb != "ADD" && verb != "failing ADD" && verb != "DEL of a failed ADD" {
		_, err := add()
		require.NoError(t, err)
	}
	if verb == "DEL of a failed ADD" || verb == "GC" {
		exec.fail = banana
		_, err := add()
		require.Error(t, err)
		exec.fail = nil
	}

	var failed string
	left := n
	c.fault = func(op, path string) error {
		if left--; left == -1 {
			failed = op + " " + filepath.Base(path)
			return errInjected
		}
		return nil
	}
	where := func() string { return fmt.Sprintf("%s of %s: operation %d, %s, failed", verb, list.Name, n, failed) }
	switch verb {
	case "ADD", "second ADD":
		result, err := add()
		if err != nil {
			require.ErrorIs(t, err, errInjected, where())
			var damaged *RecordError
			require.ErrorAs(t, err, &damaged, where())
			assert.True(t, strings.HasPrefix(damaged.Path, s.dir), where())
			if verb == "ADD" {
				assert.Equal(t, result != nil, len(exec.state(t, "")) == 3, "%s: no result, no plugin run", where())
			}
		}
	case "failing ADD":
		exec.fail = banana
		_, err := add()
		exec.fail = nil
		require.Error(t, err)
	case "DEL", "DEL of a failed ADD":
		require.NoError(t, c.DelNetworkList(t.Context(), list, rt), where())
		assert.Empty(t, exec.state(t, ""), where())
		assert.True(t, len(warned) > 0 || len(s.files(t)) == 0, "%s: what stays is told", where())
	case "DelAttachment":
		if err := c.DelAttachment(t.Context(), AttachmentKey{list.Name, "c1", "eth0"}); err != nil {
			require.ErrorIs(t, err, errInjected, where())
		} else {
			assert.Empty(t, exec.state(t, ""), where())
		}
	case "GC":
		if err := c.GCNetworkList(t.Context(), list, &GCArgs{}); err != nil {
			require.ErrorIs(t, err, errInjected, where())
		}
	case "CHECK":
		if err := c.CheckNetworkList(t.Context(), list, rt); err != nil {
			require.ErrorIs(t, err, errInjected, where())
		}
	}
	c.fault = nil

	r, err := s.read(key{list.Name, "c1", "eth0"})
	require.NoError(t, err, "%s: a record is whole or not there", where())
	switch verb {
	case "second ADD", "CHECK":
		require.NotNil(t, r, where())
	}
	if r == nil && len(exec.state(t, "")) > 0 {
		pending, err := c.Pending(AttachmentKey{})
		require.NoError(t, err)
		require.NotEmpty(t, pending, "%s: what exists is known", where())
	}

	if cleaner == "DEL" {
		require.NoError(t, c.DelNetworkList(t.Context(), list, rt), where())
	} else {
		require.NoError(t, c.GCNetworkList(t.Context(), list, &GCArgs{}), where())
	}
	assert.Empty(t, exec.state(t, ""), where())
	s.clean(t)
	assert.Empty(t, s.files(t), where())
	return failed != ""
}
