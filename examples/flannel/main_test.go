package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/types"
)

var update = flag.Bool("update", false, "write what the demonstration prints to testdata")

// TestDemo holds what `go run ./examples/flannel` prints against testdata, but for
// the words of the system.
func TestDemo(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, demo(t.Context(), &out))
	got := regexp.MustCompile(`subnet.env: .*`).ReplaceAllString(out.String(), "subnet.env: ...")
	if *update {
		require.NoError(t, os.WriteFile("testdata/demo.txt", []byte(got), 0o644))
	}
	want, err := os.ReadFile("testdata/demo.txt")
	require.NoError(t, err)
	assert.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), got)
}

// TestProgram calls the plugin as a runtime does; internal/e2e does so with a real
// bridge.
func TestProgram(t *testing.T) {
	dir := t.TempDir()
	ready := filepath.Join(dir, "subnet.env")
	require.NoError(t, os.WriteFile(ready, []byte("FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.7.1/24\nFLANNEL_MTU=1450\n"), 0o600))
	conf := func(subnetFile string) map[string]any {
		return map[string]any{"cniVersion": "1.1.0", "name": "cbr0", "type": "flannel", "subnetFile": subnetFile, "dataDir": filepath.Join(dir, "saved")}
	}
	for name, tc := range map[string]struct {
		verb   string
		conf   map[string]any
		status int
		code   uint
		says   string
	}{
		"VERSION":                       {"VERSION", conf(ready), 0, 0, `"1.1.0"`},
		"STATUS without flanneld":       {"STATUS", conf(filepath.Join(dir, "none")), 1, types.ErrPluginNotAvailable, "not ready on this node"},
		"ADD without bridge":            {"ADD", conf(ready), 1, types.ErrInternal, `failed to find plugin \"bridge\"`},
		"DEL of what was never added":   {"DEL", conf(ready), 0, 0, ""},
		"a version nobody knows":        {"ADD", map[string]any{"cniVersion": "9.0.0", "name": "cbr0", "type": "flannel"}, 1, types.ErrIncompatibleCNIVersion, ""},
		"CHECK of what was never added": {"CHECK", conf(ready), 1, types.ErrInternal, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for key, value := range map[string]string{
				"CNI_COMMAND": tc.verb, "CNI_CONTAINERID": "pod-" + strings.ToLower(tc.verb), "CNI_NETNS": "/run/netns/pod",
				"CNI_IFNAME": "eth0", "CNI_PATH": dir,
			} {
				t.Setenv(key, value)
			}
			stdin, err := json.Marshal(tc.conf)
			require.NoError(t, err)
			var stdout bytes.Buffer
			assert.Equal(t, tc.status, program(t.Context(), bytes.NewReader(stdin), &stdout))
			assert.Contains(t, stdout.String(), tc.says)
			if tc.status != 0 {
				var said types.Error
				require.NoError(t, json.Unmarshal(stdout.Bytes(), &said), stdout.String())
				assert.Equal(t, tc.code, said.Code, stdout.String())
			}
		})
	}
}
