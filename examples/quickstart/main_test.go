package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/types"
)

// TestQuickstart runs the program as README tells a reader to, and looks for
// the story's main lines, in their order.
func TestQuickstart(t *testing.T) {
	tmp := t.TempDir()
	cmd := exec.Command("go", "run", ".")
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "TMP="+tmp, "TEMP="+tmp)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "stderr: %s", &stderr)
	assert.Empty(t, stderr.String())

	assert.Contains(t, stdout.String(), `runtimeConfig portMappings  [{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]`)
	readmeShows(t, stdout.String())
	rest := strings.ReplaceAll(stdout.String(), "\r\n", "\n")
	for _, want := range []string{
		`"type": "demo-portmap"`,
		"--- ADD",
		"demo-nic ADD",
		"CNI_CONTAINERID=web-1 CNI_IFNAME=eth0 CNI_NETNS=$DIR/netns/web-1 CNI_PATH=$DIR/bin",
		"| demo-ipam ADD",
		`"10.22.0.2/24"`,
		"demo-portmap ADD",
		"prevResult    cniVersion    \"1.0.0\"\n",
		`"sandbox":"$DIR/netns/web-1"`,
		"INTERFACE   MAC                 ADDRESS        GATEWAY\n  eth0        02:",
		"10.22.0.2/24   10.22.0.1\n",
		"$DIR/ports/tcp-8080                  the host's ports, and where they lead: web-1/eth0 10.22.0.2:80\n",
		"$DIR/cache/results/demo-web-1-eth0   the record",
		"--- CHECK",
		"demo-nic     CHECK  stdin:", "prevResult",
		"| demo-ipam    CHECK", "prevResult",
		"demo-portmap CHECK", "prevResult",
		"  Yes.",
		"--- The cached result",
		"10.22.0.2/24   10.22.0.1\n",
		"--- CHECK again",
		"No: 10.22.0.2 is not reserved for web-1/eth0\n",
		"demo-nic CHECK on web-1 eth0, code 101, exit status 1\n",
		"--- DEL",
		"demo-portmap DEL", "prevResult",
		"demo-nic     DEL", "prevResult",
		"| demo-ipam    DEL", "prevResult",
		"$DIR/netns/web-1/     empty\n",
		"$DIR/addresses/       empty\n",
		"$DIR/ports/           empty\n",
		"$DIR/cache/results/   empty\n",
		"--- DEL again",
		"demo-nic     DEL",
	} {
		before, after, found := strings.Cut(rest, want)
		require.True(t, found, "%q is not in what is left of the output:\n%s", want, rest)
		require.NotContains(t, before, "\n--- ", "%q is in a later step than expected", want)
		rest = after
	}
	assert.NotContains(t, rest, "prevResult", "there is no record after DEL")
	assert.Contains(t, rest, "\nDone.")

	left, err := os.ReadDir(tmp)
	require.NoError(t, err)
	assert.Empty(t, left, "files are left behind")
}

// readmeShows looks for the lines that README.md gives as this program's output,
// in their order.
func readmeShows(t *testing.T, output string) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, block, found := strings.Cut(strings.ReplaceAll(string(readme), "\r\n", "\n"), "```\n--- ADD")
	require.True(t, found, "README.md has no output of this program")
	block, _, _ = strings.Cut("--- ADD"+block, "```")
	for line := range strings.Lines(block) {
		if strings.TrimSpace(line) == "..." {
			continue
		}
		_, after, found := strings.Cut(output, line)
		require.True(t, found, "README.md shows a line that is not, or not there, in the output: %s", line)
		output = after
	}
}

// TestPluginsRefuse holds the plugins to the specification's error codes.
func TestPluginsRefuse(t *testing.T) {
	for name, tc := range map[string]struct {
		plugin, command, container, conf string

		code uint
	}{
		"an unknown verb":                {"demo-ipam", "MOVE", "c", `{"cniVersion":"1.0.0"}`, types.ErrInvalidEnvironmentVariables},
		"no container":                   {"demo-ipam", "ADD", "", `{"cniVersion":"1.0.0"}`, types.ErrInvalidEnvironmentVariables},
		"no JSON":                        {"demo-ipam", "ADD", "c", `{`, types.ErrDecodingFailure},
		"a version of tomorrow":          {"demo-nic", "ADD", "c", `{"cniVersion":"9.0.0"}`, types.ErrIncompatibleCNIVersion},
		"CHECK without prevResult":       {"demo-nic", "CHECK", "c", `{"cniVersion":"1.0.0"}`, types.ErrInvalidNetworkConfig},
		"a subnet that is none":          {"demo-ipam", "ADD", "c", `{"cniVersion":"1.0.0","ipam":{"subnet":"here"}}`, types.ErrInvalidNetworkConfig},
		"a subnet that is full":          {"demo-ipam", "ADD", "c", `{"cniVersion":"1.0.0","ipam":{"subnet":"10.0.0.0/31"}}`, errNoAddress},
		"an address nobody reserved":     {"demo-ipam", "CHECK", "c", `{"cniVersion":"1.0.0","prevResult":{"ips":[{"address":"10.0.0.2/24"}]}}`, errNotReserved},
		"an interface that is not there": {"demo-nic", "CHECK", "c", `{"cniVersion":"1.0.0","prevResult":{}}`, errNoInterface},
		"a port map that comes first":    {"demo-portmap", "ADD", "c", `{"cniVersion":"1.0.0"}`, types.ErrInvalidNetworkConfig},
		"a port nobody forwards": {"demo-portmap", "CHECK", "c",
			`{"cniVersion":"1.0.0","prevResult":{},"runtimeConfig":{"portMappings":[{"hostPort":1,"protocol":"tcp"}]}}`, errNotForwarded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CNI_COMMAND", tc.command)
			t.Setenv("CNI_CONTAINERID", tc.container)
			t.Setenv("CNI_IFNAME", "eth0")
			t.Setenv("CNI_NETNS", t.TempDir())
			err := plugins[tc.plugin].run(strings.NewReader(tc.conf), &bytes.Buffer{})
			var refusal *types.Error
			require.ErrorAs(t, err, &refusal)
			assert.Equal(t, tc.code, refusal.Code, "%v", err)
		})
	}
}

// TestPluginsShareNothing attaches two containers that want the same port.
func TestPluginsShareNothing(t *testing.T) {
	dir := t.TempDir()
	ask := func(plugin, command, container string, conf map[string]any) (map[string]any, error) {
		t.Setenv("CNI_COMMAND", command)
		t.Setenv("CNI_CONTAINERID", container)
		t.Setenv("CNI_IFNAME", "eth0")
		conf["cniVersion"] = "1.0.0"
		stdin, err := json.Marshal(conf)
		require.NoError(t, err)
		var stdout bytes.Buffer
		err = plugins[plugin].run(bytes.NewReader(stdin), &stdout)
		result := map[string]any{}
		if stdout.Len() > 0 {
			require.NoError(t, json.Unmarshal(stdout.Bytes(), &result))
		}
		return result, err
	}

	ipam := map[string]any{"ipam": map[string]any{"subnet": "10.1.0.0/29", "dataDir": dir}}
	one, err := ask("demo-ipam", "ADD", "one", ipam)
	require.NoError(t, err)
	two, err := ask("demo-ipam", "ADD", "two", ipam)
	require.NoError(t, err)
	assert.NotEqual(t, one["ips"], two["ips"])

	ports := map[string]any{
		"dataDir": dir, "prevResult": one,
		"runtimeConfig": map[string]any{"portMappings": []any{map[string]any{"hostPort": 80, "containerPort": 80, "protocol": "tcp"}}},
	}
	_, err = ask("demo-portmap", "ADD", "one", ports)
	require.NoError(t, err)
	_, err = ask("demo-portmap", "ADD", "two", ports)
	var refusal *types.Error
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, errPortTaken, refusal.Code)

	_, err = ask("demo-portmap", "DEL", "two", ports)
	require.NoError(t, err)
	_, err = ask("demo-portmap", "CHECK", "one", ports)
	assert.NoError(t, err, "the DEL of one container took the port of another")
}

// TestPluginsTellTheirVersions asks as a runtime does, with no container.
func TestPluginsTellTheirVersions(t *testing.T) {
	t.Setenv("CNI_COMMAND", "VERSION")
	for name, p := range plugins {
		var stdout bytes.Buffer
		require.NoError(t, p.run(strings.NewReader(`{"cniVersion":"1.0.0"}`), &stdout), name)
		var reply struct{ SupportedVersions []string }
		require.NoError(t, json.Unmarshal(stdout.Bytes(), &reply))
		assert.Contains(t, reply.SupportedVersions, "1.0.0", name)
	}
}
