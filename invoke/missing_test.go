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
	fails := map[int]string{
		0: script(t, `echo '{"code": 999, "msg": "banana"}'; exit 1`),
		4: script(t, `echo '{"code": 4, "msg": "banana"}'; exit 1`),
	}
	const ok, ipam = `{"type":"bridge","ipam":{"type":"host-local"}}`, `{"type":"bridge","ipam":{"type":"host-lokal"}}`
	for name, c := range map[string]struct {
		command, netns, conf string
		want, toDo           string
		code                 int
	}{
		"network namespace":          {command: "ADD", netns: gone, conf: ok, want: "network namespace " + gone + " does not exist", toDo: "create it"},
		"network namespace at CHECK": {command: "CHECK", netns: gone, conf: ok, want: "network namespace " + gone + " does not exist", toDo: "detach it (DEL)"},
		"of DEL that is no fault":    {command: "DEL", netns: gone, conf: ok},
		"ipam at CHECK":              {command: "CHECK", netns: there, conf: ipam, want: `no plugin "host-lokal", the "ipam" of this one, in ` + plugins, toDo: "install it there again: CHECK runs the plugins that ADD ran"},
		"ipam at DEL":                {command: "DEL", netns: gone, conf: ipam, want: `no plugin "host-lokal", the "ipam" of this one, in ` + plugins, toDo: "install it there again: DEL runs the plugins that ADD ran"},
		"ipam at GC":                 {command: "GC", conf: ipam, want: `no plugin "host-lokal", the "ipam" of this one, in ` + plugins, toDo: "install it there again: GC runs the plugins that ADD ran"},
		"ipam at STATUS":             {command: "STATUS", conf: ipam},
		"no namespace":               {command: "ADD", conf: ok, code: 4, want: "no network namespace was given (CNI_NETNS is empty)", toDo: "ADD needs the path of the container's"},
		"no namespace at CHECK":      {command: "CHECK", conf: ok, code: 4, want: "no network namespace was given (CNI_NETNS is empty)", toDo: "CHECK needs the path of the container's"},
		"no namespace at DEL":        {command: "DEL", conf: ok, code: 4},
		"no namespace is no fault":   {command: "ADD", conf: ok},
		"ipam":                       {command: "ADD", netns: there, conf: ipam, want: `no plugin "host-lokal", the "ipam" of this one, in ` + plugins, toDo: `correct the "type" in "ipam"`},
		"nothing":                    {command: "ADD", netns: there, conf: ok, want: "", toDo: ""},
		"no ipam":                    {command: "ADD", netns: there, conf: `{"type":"bridge","ipam":{}}`, want: "", toDo: ""},
		"empty ipam":                 {command: "ADD", netns: there, conf: `{"type":"bridge","ipam":{"type":""}}`, want: "", toDo: ""},
		"namespace that is no path":  {command: "ADD", netns: "host", conf: `{"type":"bridge"}`, want: "", toDo: ""},
	} {
		t.Run(name, func(t *testing.T) {
			args := &invoke.Args{Command: c.command, ContainerID: "c1", NetNS: c.netns, IfName: "eth0", Path: plugins}
			call := &invoke.Call{Plugin: "bridge", Path: fails[c.code], Command: c.command, Environ: args.AsEnv(), Stdin: []byte(c.conf)}
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
