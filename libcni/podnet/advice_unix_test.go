//go:build unix

package podnet_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What errors about a damaged record advise to type is what a shell takes, and has what
// the DEL that was run did not have.
func TestCommandAfterADamagedRecord(t *testing.T) {
	const web = `{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]}`
	for _, test := range []struct {
		name, capabilities string
		networks           []string
		forget             bool
		says, capArgs      string
		netns              string
	}{
		{
			name: "arguments are lost", capabilities: "portMappings", networks: []string{"a", "b"},
			says:    "; to do, if that is so: DEL once more (with the capability arguments of ADD, a JSON object, for those of CAP_ARGS), ",
			capArgs: web, netns: "/proc/self/ns/net",
		},
		{
			name: "arguments and namespace are lost", capabilities: "portMappings", networks: []string{"a"},
			says: "; to do: DEL with the namespace (with the path of the network namespace for NETNS, and the capability arguments", capArgs: web, netns: "NETNS",
		},
		{
			name: "both, and it is given up", capabilities: "portMappings", networks: []string{"a"}, forget: true,
			says: "; to do, if that is so: DEL once more (with the path of the network namespace for NETNS, and the capability arguments", capArgs: web, netns: "NETNS",
		},
		{
			name: "arguments that nobody has an example of", capabilities: "x", networks: []string{"a", "b"},
			says: "; to do, if that is so: DEL once more (with the capability arguments", capArgs: "{}", netns: "/proc/self/ns/net",
		},
		{
			name: "the namespace is lost", capabilities: "", networks: []string{"a"}, forget: true,
			says: "; to do, if that is so: DEL once more (with the path of the network namespace for NETNS), ", netns: "NETNS",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := newNode(t, "b")
			require.NoError(t, n.Close())
			n.opts.CacheDir = filepath.Join(n.dir, "it's a cache")
			n.open()
			declared := "{}"
			if test.capabilities != "" {
				declared = `{"` + test.capabilities + `":true}`
			}
			writeFile(t, filepath.Join(n.opts.ConfDir, "50-a.conflist"),
				`{"cniVersion":"1.1.0","name":"a","plugins":[{"type":"first"},{"type":"second","capabilities":`+declared+`}]}`)
			_, err := n.Reload(t.Context())
			require.NoError(t, err)
			_, err = n.Attach(t.Context(), pod("con1", test.networks...))
			require.NoError(t, err)
			n.damage("a-con1-eth0")
			if test.forget {
				left, failed := n.Forget(t.Context(), "con1", "a")
				require.NoError(t, failed)
				require.Len(t, left, 1)
				err = left[0].Err
			} else {
				err = n.Detach(t.Context(), "con1", "a")
			}
			require.ErrorContains(t, err, test.says)

			text := err.Error()
			text, _, _ = strings.Cut(text[strings.LastIndex(text, "), ")+len("), "):], "; or give up")
			bin := t.TempDir()
			writeFile(t, filepath.Join(bin, "cnitool"), `#!/bin/sh
printf '%s\n' "$CAP_ARGS" "$NETCONFPATH" "$CNI_PATH" "$@"
`)
			require.NoError(t, os.Chmod(filepath.Join(bin, "cnitool"), 0o755))
			t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
			out, err := exec.Command("sh", "-c", text).CombinedOutput()
			require.NoError(t, err, "%s: %s", text, out)
			assert.Equal(t, strings.Join([]string{
				test.capArgs, n.opts.ConfDir, "/plugins", "--cache", n.opts.CacheDir, "del", "--container", "con1", "-i", "eth0", "a", test.netns, "",
			}, "\n"), string(out))
		})
	}
}
