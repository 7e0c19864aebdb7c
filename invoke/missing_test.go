//go:build unix

package invoke_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
)

// What a failed plugin has missed is seen on the machine, and told beside its text.
func TestPluginErrorSaysWhatIsMissing(t *testing.T) {
	there, gone := t.TempDir(), filepath.Join(t.TempDir(), "gone")
	plugins := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(plugins, "host-local"), []byte("#!/bin/sh\n"), 0o700))
	fails := script(t, `echo '{"code": 999, "msg": "banana"}'; exit 1`)
	const ok, ipam = `{"type":"bridge","ipam":{"type":"host-local"}}`, `{"type":"bridge","ipam":{"type":"host-lokal"}}`
	for name, c := range map[string]struct {
		command, netns, conf string
		want, toDo           string
	}{
		"network namespace":          {"ADD", gone, ok, "network namespace " + gone + " does not exist", "create it"},
		"network namespace at CHECK": {"CHECK", gone, ok, "network namespace " + gone + " does not exist", "create it"},
		"of DEL that is no fault":    {"DEL", gone, ipam, "", ""},
		"ipam":                       {"ADD", there, ipam, `no plugin "host-lokal", the "ipam" of this one, in ` + plugins, `correct the "type" in "ipam"`},
		"nothing":                    {"ADD", there, ok, "", ""},
		"no ipam":                    {"ADD", there, `{"type":"bridge","ipam":{}}`, "", ""},
		"empty ipam":                 {"ADD", there, `{"type":"bridge","ipam":{"type":""}}`, "", ""},
		"namespace that is no path":  {"ADD", "host", `{"type":"bridge"}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			args := &invoke.Args{Command: c.command, ContainerID: "c1", NetNS: c.netns, IfName: "eth0", Path: plugins}
			call := &invoke.Call{Plugin: "bridge", Path: fails, Command: c.command, Environ: args.AsEnv(), Stdin: []byte(c.conf)}
			_, err := call.Run(t.Context(), nil)
			require.EqualError(t, err, "banana")
			for _, text := range []string{fmt.Sprintf("%+v", err), logLine(err)} {
				assert.NotContains(t, text, "cause", "the exit status is said once")
				if c.want == "" {
					assert.NotContains(t, text, "seen")
					continue
				}
				assert.Contains(t, text, c.toDo[:9])
			}
			if c.want != "" {
				assert.Contains(t, fmt.Sprintf("%+v", err), "\n    seen:      "+c.want+"\n    to do:     ")
				assert.Contains(t, fmt.Sprintf("%+v", err), c.toDo)
			}
		})
	}
}
