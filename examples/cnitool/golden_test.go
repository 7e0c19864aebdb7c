//go:build unix

package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what the program prints to testdata")

// TestGolden holds whole conversations with the program against testdata. What
// changes from run to run is replaced: directories, IDs, times.
func TestGolden(t *testing.T) {
	mixed := func(m *machine) {
		m.conf("10-good.conflist", good)
		m.conf("20-single.conf", `{"cniVersion": "0.3.1", "name": "single", "type": "old", "ipam": {"type": "address"}}`)
		m.conf("30-dropins.conflist", `{"cniVersion": "1.0.0", "name": "dropins", "name": "dropins", "plugins": [{"type": "link", "stateDir": "$STATE"}]}`)
		m.conf("dropins/more.conf", `{"type": "missing"}`)
		m.conf("40-typo.conflist", "{\"cniVersion\": \"1.0.0\",\n \"name\": \"typo\",\n \"plugins\": [{\"type\": \"li/nk\"}]\n}")
		m.conf("50-again.conflist", good)
	}
	for name, tc := range map[string]struct {
		prepare func(m *machine)
		say     []string
	}{
		"list": {mixed, []string{"list"}},
		"list-json": {func(m *machine) {
			m.conf("10-good.conflist", good)
			m.conf("40-typo.conflist", `{`)
		}, []string{"list --json"}},
		"list-nothing": {func(*machine) {}, []string{"list", "list --json"}},
		"explain": {mixed, []string{
			"explain add good $NETNS/one",
			"explain del good $NETNS/one",
			"add good $NETNS/one",
			"explain check good $NETNS/one",
			"explain gc good",
			"explain status single",
			"explain add dropins $NETNS/one",
			"explain check good",
			"explain frob good $NETNS/one",
		}},
		"attachments": {func(m *machine) {
			m.conf("10-good.conflist", good)
			m.conf("20-fails.conflist", `{"cniVersion": "1.0.0", "name": "fails", "plugins": [{"type": "link", "stateDir": "$STATE"}, {"type": "fails"}]}`)
			m.env["CNI_ARGS"] = "K8S_POD_NAME=web"
		}, []string{
			"attachments",
			"add good $NETNS/one",
			"add fails $NETNS/two",
			"!damage",
			"attachments",
			"attachments --json",
			"attachments nobody",
			"clean $TWO",
			"attachments",
		}},
		"help": {func(m *machine) { m.conf("10-good.conflist", good) }, []string{
			"help clean",
			"add -h",
			"help frob",
			"add good $NETNS/one --timeout 5",
			"add good $NETNS/one --timeout 1m",
		}},
		"files": {func(m *machine) {
			m.conf("10-good.conflist", good)
			m.conf("20-good.conflist", good)
			m.conf("30-comma.conflist", "{\n  \"name\": \"comma\"\n  \"plugins\": []\n}")
			m.conf("40-empty.conflist", `{"cniVersion": "1.0.0", "name": "empty"}`)
			m.conf("50-none.conflist", `{"cniVersion": "1.0.0", "name": "none", "loadOnlyInlinedPlugins": true}`)
		}, []string{
			"add good $NETNS/one",
			"add comma $NETNS/one",
			"--json add comma $NETNS/one",
			"doctor",
		}},
		"other": {func(m *machine) {
			m.conf("10-fails.conflist", `{"cniVersion": "1.0.0", "name": "fails", "plugins": [{"type": "fails"}]}`)
			m.conf("20-good.conflist", strings.ReplaceAll(good, `"good"`, `"cni-loopback"`))
		}, []string{
			"--cache=$CACHE/podnet add fails $NETNS/one",
			"--json add fails $NETNS/two",
			"--cache=$CACHE/podnet add cni-loopback $NETNS/one",
			"attachments",
			"clean web",
			"clean $TWO",
			"attachments --json",
			"!noloopback",
			"doctor",
			"--cache=$CACHE/podnet doctor",
			"--cache=$CACHE/podnet clean web",
			"--cache=$CACHE/podnet attachments",
		}},
		"damaged": {func(m *machine) {
			m.conf("10-good.conflist", good)
			m.conf("20-other.conflist", strings.ReplaceAll(good, `"good"`, `"other"`))
		}, []string{
			"add --container web good $NETNS/one -i eth7",
			"add other $NETNS/two",
			"!cut good-web-eth7",
			"doctor",
			"attachments",
			"del --container nobody good $NETNS/one",
			"del --container web -i eth7 good $NETNS/one",
			"attachments",
			"add --container web good $NETNS/one",
			"!cut good-web-eth0",
			"add --container web good $NETNS/one",
			"attachments web",
			"check --container web good $NETNS/one",
			"gc good",
			"clean web",
			"add --container web good $NETNS/one",
			"!damage",
			"clean nobody",
			"CAP_ARGS= --json clean web --netns $NETNS/one",
			"attachments web",
			"add other $NETNS/one --container good-web",
			"!lost",
			"clean web",
			"clean web --forget",
			"doctor",
		}},
		"namespace": {func(m *machine) {
			m.conf("10-good.conflist", `{"cniVersion": "1.0.0", "name": "good", "plugins": [{"type": "veth"}]}`)
		}, []string{
			"add --container web good $NETNS/one",
			"!damage",
			"attachments",
			"clean web",
			"--json clean web",
			"!links",
			"clean web --netns $NETNS/one",
			"!links",
			"add --container web good $NETNS/one",
			"!damage",
			"del --container web good ''",
			"add good $NETNS/two",
			"clean web --netns $NETNS/two",
			"clean web --forget --netns $NETNS/two",
			"!links",
			"del good $NETNS/two",
			"clean web --netns $NETNS/gone",
			"!links",
			"!cleanup",
			"add --container web good $NETNS/one",
			"!damage",
			"clean --forget web",
			"!links",
			"add --container web good $NETNS/two",
			"!damage",
			"--json clean web --forget",
			"!links",
			"add --container web good $NETNS/one -i net1",
			"add --container web good $NETNS/one -i net2",
			"!damage",
			"doctor",
			"clean web",
			"!links",
			"add good $NETNS/two -i net2",
			"!damage $TWO",
			"clean $TWO",
			"!links",
		}},
		"twice": {func(m *machine) {
			m.conf("10-good.conflist", good)
		}, []string{
			"add good $NETNS/one",
			"add good $NETNS/one",
			"--json add good $NETNS/one",
			"attachments",
			"doctor",
			"check good $NETNS/one",
			"del good $NETNS/one",
			"attachments",
		}},
		"forget": {func(m *machine) {
			m.conf("10-good.conflist", good)
			m.conf("20-stuck.conflist", `{"cniVersion": "1.0.0", "name": "stuck", "plugins": [{"type": "stuck"}]}`)
		}, []string{
			"add --container web good $NETNS/one",
			"add --container web stuck $NETNS/one -i net1",
			"del --container web stuck $NETNS/one -i net1",
			"gc stuck",
			"clean web",
			"--json clean web",
			"clean --forget web",
			"clean --forget web",
			"add --container web stuck $NETNS/one -i net1",
			"!empty stuck-web-net1",
			"clean web",
			"clean --forget web",
			"attachments",
		}},
		"doctor-fine": {func(m *machine) { m.conf("10-good.conflist", good) }, []string{"doctor", "doctor --json"}},
		"doctor-ill": {func(m *machine) {
			mixed(m)
			m.conf("60-broken.conflist", `{"cniVersion": "1.1.0", "name": "broken", "plugins": [{"type": "broken"}]}`)
			m.conf("70-fails.conflist", `{"cniVersion": "1.0.0", "name": "fails", "plugins": [{"type": "link", "stateDir": "$STATE"}, {"type": "fails"}]}`)
			m.conf("80-later.conflist", `{"cniVersion": "1.0.0", "name": "later", "plugins": [{"type": "old"}, {"type": "plain"}]}`)
			m.conf("90-gone.conflist", `{"cniVersion": "1.0.0", "name": "gone", "plugins": [{"type": "link", "stateDir": "$STATE"}]}`)
			plain := filepath.Join(m.dir, "plain")
			require.NoError(m.t, os.Mkdir(plain, 0o755))
			require.NoError(m.t, os.WriteFile(filepath.Join(plain, "plain"), nil, 0o644))
			require.NoError(m.t, os.Chmod(filepath.Join(m.dir, "net.d"), 0o777))
			m.env["CNI_PATH"] += string(filepath.ListSeparator) + plain + string(filepath.ListSeparator) + filepath.Join(m.dir, "nowhere")
		}, []string{
			"add good $NETNS/one",
			"add gone $NETNS/two",
			"add fails $NETNS/two",
			"!damage",
			"!forget",
			"doctor",
		}},
		"failure": {func(m *machine) {
			m.conf("10-fails.conflist", `{"cniVersion": "1.0.0", "name": "fails", "plugins": [{"type": "fails"}]}`)
			m.conf("20-typo.conflist", `{"name": "typo", "plugins": [{}]}`)
		}, []string{
			"add fails $NETNS/one",
			"-v add fails $NETNS/one",
			"-v del fails $NETNS/one",
			"add typo $NETNS/one",
			"add nobody $NETNS/one",
			"add fails",
			"frob fails",
			"add -x",
			"clean one two",
		}},
		"places": {func(m *machine) {
			m.conf("10-missing.conflist", `{"cniVersion": "1.0.0", "name": "missing", "plugins": [{"type": "missing"}]}`)
			m.conf("20-newer.conflist", "{\n  \"cniVersion\": \"9.0.0\",\n  \"name\": \"newer\",\n  \"plugins\": [{\"type\": \"link\"}]\n}")
			m.conf("30-number.conflist", `{"cniVersion": "1.0.0", "name": "number", "plugins": [{"type": 7}]}`)
		}, []string{
			"add missing $NETNS/one",
			"add newer $NETNS/one",
			"add number $NETNS/one",
			"!noconf",
			"list",
			"add missing $NETNS/one",
		}},
		"doctor-plugins": {func(m *machine) {
			types := []string{}
			for name, script := range map[string]string{
				"silent": "#!/bin/sh\nexit 0\n", "text": "#!/bin/sh\necho hello\n", "stops": "#!/bin/sh\necho why >&2\nexit 3\n",
				"foreign": "\x00\x01", "interpreter": "#!/no/such/thing\n",
			} {
				types = append(types, `{"type": "`+name+`"}`)
				path := filepath.Join(m.dir, "bin", name)
				require.NoError(m.t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(m.t, os.WriteFile(path, []byte(script), 0o755))
			}
			slices.Sort(types)
			m.conf("10-all.conflist", `{"cniVersion": "1.0.0", "name": "all", "plugins": [`+strings.Join(types, ",")+`]}`)
			m.env["CNI_PATH"] = filepath.Join(m.dir, "bin")
			require.NoError(m.t, os.Mkdir(filepath.Join(m.dir, "cache", "results"), 0o755))
			require.NoError(m.t, os.WriteFile(filepath.Join(m.dir, "cache", "results", ".tmp-1"), nil, 0o600))
		}, []string{"doctor"}},
		"mended": {func(m *machine) {
			m.conf("10-moved.conflist", `{"cniVersion": "1.0.0", "name": "moved", "plugins": [{"type": "stuck"}]}`)
			m.conf("20-lost.conflist", `{"cniVersion": "1.0.0", "name": "lost", "plugins": [{"type": "lost"}]}`)
			m.script("lost", `[ $CNI_COMMAND = ADD ] && echo '{"cniVersion":"1.0.0"}' || true`)
		}, []string{
			"add --container c1 lost $NETNS/one",
			"!uninstall",
			"gc lost",
			"del --container c1 lost $NETNS/one",
			"clean --forget c1",
			"add --container web moved $NETNS/one -i net1",
			"!mend",
			"clean web",
			"gc moved",
			"doctor",
			"del --container web -i net1 moved $NETNS/one",
			"attachments",
		}},
		"astray": {func(m *machine) {
			m.conf("10-good.conflist", good)
			m.conf("20-gone.conflist", `{"cniVersion": "1.1.0", "name": "gone", "plugins": [{"type": "gone"}]}`)
			m.conf("30-astray.conflist", `{"cniVersion": "1.1.0", "name": "astray", "plugins": [{"type": "astray", "capabilities": {"mac": true, "off": false}}]}`)
			m.script("astray", `[ $CNI_COMMAND = ADD ] && echo '{"cniVersion":"1.1.0","ips":[{"address":"10.9.0.2/24","interface":7}]}' || true`)
			m.script("gone", `[ $CNI_COMMAND = CHECK ] && [ ! -d $CNI_NETNS ] && exit 1; [ $CNI_COMMAND = ADD ] && echo '{"cniVersion":"1.1.0"}' || true`)
			m.env["CAP_ARGS"] = `{"portMapings": [], "mac": "02:00:00:00:00:01", "off": 1}`
			m.env["CNI_IFNAME"] = "net1"
		}, []string{
			"add astray $NETNS/one",
			"attachments",
			"del astray $NETNS/one",
			"--json add good $NETNS/one --container web -i eth0",
			"attachments",
			"add gone $NETNS/two -i eth0",
			"check gone $NETNS/two -i eth0",
			"!gone two",
			"check gone $NETNS/two -i eth0",
			"del gone $NETNS/two -i eth0",
		}},
		"intents": {func(m *machine) {
			m.conf("10-good.conflist", good)
		}, []string{
			"!junk",
			"attachments",
			"attachments --json",
			"doctor",
			"clean c7",
			"CAP_ARGS={} clean c7 --netns $NETNS/one",
			"attachments",
		}},
		"many": {func(m *machine) {
			m.conf("10-fails.conflist", `{"cniVersion": "1.0.0", "name": "fails", "plugins": [{"type": "fails"}]}`)
		}, []string{
			"--json add fails $NETNS/one --container c1",
			"--json add fails $NETNS/one --container c1",
			"--json add fails $NETNS/one --container c2",
			"--json add fails $NETNS/one --container c3",
			"attachments",
			"--json add fails $NETNS/one --container c4",
			"attachments",
		}},
		"afile": {func(m *machine) {
			m.conf("10-good.conflist", good)
			require.NoError(m.t, os.WriteFile(filepath.Join(m.dir, "cache", "afile"), nil, 0o600))
			require.NoError(m.t, os.MkdirAll(filepath.Join(m.dir, "cache", "half", "results"), 0o700))
			require.NoError(m.t, os.WriteFile(filepath.Join(m.dir, "cache", "half", "pending"), nil, 0o600))
		}, []string{
			"--cache $CACHE/afile attachments",
			"--cache $CACHE/afile --json attachments",
			"--cache $CACHE/afile doctor",
			"--cache $CACHE/afile/below add good $NETNS/one",
			"--cache $CACHE/afile clean web",
			"--cache $CACHE/afile del good $NETNS/one",
			"--cache $CACHE/half attachments",
			"--cache $CACHE/half clean web",
			"--cache $CACHE/half doctor",
		}},
		"slips": {func(m *machine) {
			m.conf("10-good.conflist", strings.Replace(good, `"name"`, `"loadOnlyInlinedPlugins": true, "name"`, 1))
			m.conf("good/link.conf", `{}`)
			m.conf("20-old.conflist", `{"name": "old", "plugins": [{"type": "old"}]}`)
			m.conf("old/link.conflist", `{}`)
			m.conf("30-plugin.conflist", `{"cniVersion": "1.0.0", "name": "slip", "plugin": [{"type": "link"}]}`)
			m.conf("40-typo.confilst", good)
			m.conf("50-set-aside.conflist.bak", good)
			m.conf("60-dir.conflist/README", "")
			m.conf("whereabouts.d/whereabouts.conf", "{}")
		}, []string{"list", "doctor", "add slip $NETNS/one", "add typo $NETNS/one"}},
		"hanging": {func(m *machine) {
			m.conf("10-hangs.conflist", `{"cniVersion": "1.1.0", "name": "hangs", "plugins": [{"type": "hangs"}]}`)
			m.conf("20-good.conflist", good)
			m.conf("30-late.conflist", `{"cniVersion": "1.1.0", "name": "late", "plugins": [{"type": "late"}]}`)
			m.conf("40-also.conflist", strings.ReplaceAll(good, `"good"`, `"also"`))
			m.script("hangs", "exec sleep 1000")
			m.script("late", `[ $CNI_COMMAND != VERSION ] && exec sleep 1000; echo '{"cniVersion":"1.1.0","supportedVersions":["1.1.0"]}'`)
		}, []string{
			"--timeout 5s doctor",
			"--timeout 5s list",
		}},
		"arguments": {func(m *machine) {
			m.conf("10-ports.conflist", ported)
		}, []string{
			`CNI_ARGS=IgnoreUnknown=1;K=V CAP_ARGS={"portMappings":[{"hostPort":80}]} add ports $NETNS/one`,
			"explain check ports $NETNS/one",
			"CNI_ARGS= CAP_ARGS={} explain del ports $NETNS/one",
			"check ports $NETNS/one",
			"del ports $NETNS/one",
			"!links",
			`CAP_ARGS={"portMappings":[{"hostPort":80}]} add ports $NETNS/one`,
			`CAP_ARGS= del ports $NETNS/one`,
			"!links",
			`CAP_ARGS={"portMappings":[{"hostPort":80}]} del ports $NETNS/one`,
			`CAP_ARGS={"portMappings":[{"hostPort":1}]} add ports $NETNS/one`,
			`CAP_ARGS={"portMappings":[{"hostPort":1},{"hostPort":2}]} add ports $NETNS/one`,
			"!links",
			"del ports $NETNS/one",
			"!links",
			`CAP_ARGS={"portMappings":[{"hostPort":"80"}]} add ports $NETNS/one`,
			"del ports $NETNS/one",
			"clean $ONE",
			"CAP_ARGS={} del ports $NETNS/one",
			`CNI_ARGS=K=V CAP_ARGS={"portMappings":[{"hostPort":80}]} add ports $NETNS/one`,
			"del ports $NETNS/one",
			"attachments",
		}},
		"capabilities": {func(m *machine) {
			m.conf("10-ports.conflist", ported)
		}, []string{
			`CAP_ARGS={"portMappings":[{"hostPort":80}]} add --container web ports $NETNS/one`,
			"!empty ports-web-eth0",
			"attachments",
			"clean web",
			"clean web --netns $NETNS/one",
			"!links",
			`CAP_ARGS={"portMappings":[{"hostPort":80}]} clean web --netns $NETNS/one`,
			"!links",
			`CAP_ARGS={"portMappings":[{"hostPort":80}]} add --container web ports $NETNS/one`,
			"!empty ports-web-eth0",
			"del --container web ports $NETNS/one",
			`CAP_ARGS={"portMappings":[{"hostPort":80}]} del --container web ports $NETNS/one`,
			"!links",
			`CAP_ARGS={"portMappings":[{"hostPort":80}]} add --container web ports $NETNS/one`,
			"!empty ports-web-eth0",
			"clean web --netns $NETNS/one --forget",
			"!links",
			"add --container web ports $NETNS/one",
			"!empty ports-web-eth0",
			`CAP_ARGS={} clean web --netns $NETNS/one`,
			`CAP_ARGS={"portMappings":[{"hostPort":81}]} add --container web ports $NETNS/one`,
			"!cut ports-web-eth0",
			"attachments",
			"clean web",
			"!links",
			`CAP_ARGS={"portMappings":[{"hostPort":81}]} add --container web ports $NETNS/one`,
			"!cut ports-web-eth0",
			"del --container web ports $NETNS/one",
			"!links",
		}},
		"taken": {func(m *machine) {
			m.conf("10-good.conflist", `{"cniVersion": "1.0.0", "name": "good", "plugins": [{"type": "veth"}]}`)
			m.conf("20-front.conflist", `{"cniVersion": "1.0.0", "name": "front", "plugins": [{"type": "veth"}]}`)
		}, []string{
			"add good $NETNS/one",
			"add front $NETNS/one",
			"add --container web front $NETNS/one",
			"add front $NETNS/one -i eth1",
			"add --container web front $NETNS/two -i eth1",
			"add --container db front $NETNS/two -i eth1",
		}},
		"uninstalled": {func(m *machine) {
			m.conf("10-lost.conflist", `{"cniVersion": "1.0.0", "name": "lost", "plugins": [{"type": "veth", "ipam": {"type": "lost"}}]}`)
			m.script("lost", `true`)
		}, []string{
			"add --container web lost $NETNS/one",
			"add --container db lost $NETNS/two",
			"!uninstall",
			"doctor",
			"!noconf",
			"doctor",
		}},
		"unusable": {func(m *machine) {
			m.conf("10-good.conflist", good)
			m.conf("20-stuck.conflist", `{"cniVersion": "1.0.0", "name": "stuck", "plugins": [{"type": "stuck"}]}`)
		}, []string{
			"add --container web-1 good $NETNS/one",
			"add --container web-1 stuck $NETNS/one -i net1",
			"!version",
			"del --container web-1 good $NETNS/one",
			"!typo",
			"del --container web-1 good $NETNS/one",
			"del --container nobody good $NETNS/one",
			"clean web-1",
			"!unnamed",
			"add --container web-1 stuck $NETNS/one",
			"!noconf",
			"clean web-1",
			"del --container web-1 stuck $NETNS/one -i net1",
		}},
		"malformed": {func(m *machine) {
			m.conf("10-good.conflist", good)
		}, []string{
			"add --container web-1 good $NETNS/one",
			"!empty good-web-1-eth0",
			"!typo",
			"clean web-1",
			"attachments",
			"!unnamed",
			"clean web-1",
			"clean web-1 --forget",
		}},
		"loopback": {func(m *machine) {
			m.conf("10-good.conflist", good)
		}, []string{
			"add --container web-1 good $NETNS/one",
			"!loopback",
			"doctor",
			"clean web-1",
			"del --container web-1 cni-loopback -i lo $NETNS/one",
		}},
		"nothing": {func(m *machine) {
			m.conf("10-good.conflist", good)
		}, []string{
			"clean web",
			"doctor",
			"add good $NETNS/two",
			"clean web",
		}},
		"verbose": {func(m *machine) {
			m.conf("10-good.conflist", good)
		}, []string{
			"add --container web good $NETNS/one",
			"add --container web good $NETNS/one -i net1",
			"-v clean web",
			"add --container web good $NETNS/one",
			"-v gc good",
			"gc good",
			"--json gc good",
		}},
		"capability": {func(m *machine) {
			m.conf("10-ports.conflist", strings.Replace(ported, "portMappings", "portMapings", 1))
			m.conf("20-own.conflist", strings.NewReplacer(`"ports", "p`, `"own", "p`, "portMappings", "io.example.own").Replace(ported))
		}, []string{
			"list",
			"doctor",
		}},
		"usage": {func(*machine) {}, []string{"help"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			tc.prepare(m)
			got := &strings.Builder{}
			for _, line := range tc.say {
				m.converse(got, line)
			}
			file := filepath.Join("testdata", name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(got.String()), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, string(want), got.String())
		})
	}
}

// ported is a network with a plugin that takes port mappings.
const ported = `{"cniVersion": "1.0.0", "name": "ports", "plugins": [{"type": "ports", "capabilities": {"portMappings": true}}]}`

// converse does what the line says and writes down what it brought.
func (m *machine) converse(w *strings.Builder, line string) {
	switch line {
	case "!damage", "!damage $TWO":
		name := "good-web-eth0"
		if line != "!damage" {
			name = "good-" + containerID(m.netns("two")) + "-net2"
		}
		require.NoError(m.t, os.WriteFile(filepath.Join(m.dir, "cache", "results", name), []byte(`{"kind":`), 0o600))
		return
	case "!cleanup":
		require.NoError(m.t, os.Remove(m.netns("one/eth0")))
		return
	case "!mend":
		m.conf("10-moved.conflist", `{"cniVersion": "1.0.0", "name": "moved", "plugins": [{"type": "veth"}]}`)
		return
	case "!uninstall":
		require.NoError(m.t, os.Remove(filepath.Join(m.dir, "bin", "lost")))
		return
	case "!gone two":
		require.NoError(m.t, os.Remove(m.netns("two")))
		return
	case "!junk":
		pending := filepath.Join(m.dir, "cache", "pending")
		require.NoError(m.t, os.MkdirAll(pending, 0o700))
		for _, name := range []string{"junk", "good+c7+eth0+0123456789abcdef"} {
			require.NoError(m.t, os.WriteFile(filepath.Join(pending, name), nil, 0o600))
		}
		return
	case "!links": // what is in the network namespaces
		links, err := filepath.Glob(m.netns("*/*"))
		require.NoError(m.t, err)
		fmt.Fprintf(w, "# in $DIR/netns: %s\n\n", strings.ReplaceAll(strings.Join(links, " "), m.netns("")+"/", ""))
		return
	case "!cut good-web-eth7", "!cut good-web-eth0", "!cut ports-web-eth0": // by a loss of power
		path := filepath.Join(m.dir, "cache", "results", strings.TrimPrefix(line, "!cut "))
		text, err := os.ReadFile(path)
		require.NoError(m.t, err)
		cut := strings.Index(string(text), `"result"`)
		require.Positive(m.t, cut)
		require.NoError(m.t, os.WriteFile(path, text[:cut], 0o600))
		return
	case "!lost": // a damaged record of a network that is not there
		require.NoError(m.t, os.WriteFile(filepath.Join(m.dir, "cache", "results", "lost-web-eth0"), nil, 0o600))
		return
	case "!empty stuck-web-net1", "!empty ports-web-eth0", "!empty good-web-1-eth0":
		require.NoError(m.t, os.Truncate(filepath.Join(m.dir, "cache", "results", strings.TrimPrefix(line, "!empty ")), 0))
		return
	case "!noloopback":
		require.NoError(m.t, os.Remove(filepath.Join(m.dir, "net.d", "20-good.conflist")))
		return
	case "!version":
		m.conf("10-good.conflist", strings.Replace(good, "1.1.0", "9.0.0", 1))
		return
	case "!typo":
		m.conf("10-good.conflist", "{\"name\": \"good\",\n \"plugins\": [{\"type\": \"li/nk\"}]}")
		return
	case "!unnamed":
		m.conf("10-good.conflist", "{\"name\": \"good\"\n \"plugins\": []}")
		return
	case "!loopback":
		require.NoError(m.t, os.WriteFile(filepath.Join(m.dir, "cache", "results", "cni-loopback-web-1-lo"), nil, 0o600))
		return
	case "!noconf":
		m.env["NETCONFPATH"] = filepath.Join(m.dir, "nowhere")
		return
	case "!forget": // a network and a network namespace that are gone
		require.NoError(m.t, os.Remove(filepath.Join(m.dir, "net.d", "90-gone.conflist")))
		require.NoError(m.t, os.Remove(m.netns("one")))
		return
	}
	env := ""
	for set, rest, found := strings.Cut(line, " "); found && strings.Contains(set, "_ARGS="); set, rest, found = strings.Cut(line, " ") {
		name, value, _ := strings.Cut(set, "=")
		env += fmt.Sprintf("%s='%s' ", name, value)
		m.env[name] = value
		defer delete(m.env, name)
		line = rest
	}
	fmt.Fprintf(w, "$ %scnitool %s\n", env, line)
	line = strings.NewReplacer("$CACHE", filepath.Join(m.dir, "cache"), "$NETNS", filepath.Join(m.dir, "netns"), "$ONE", containerID(m.netns("one")), "$TWO", containerID(m.netns("two"))).Replace(line)
	args := strings.Fields(line)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "''", "")
	}
	stdout, stderr, status := m.call(args...)
	for _, text := range []string{stdout, stderr} {
		text = m.settled(text)
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		w.WriteString(text)
	}
	fmt.Fprintf(w, "[%d]\n\n", status)
}

// settled replaces what is different every time, and the padding that depends on
// its length.
func (m *machine) settled(text string) string {
	text = strings.NewReplacer(
		containerID(m.netns("one")), "$ONE",
		containerID(m.netns("two")), "$TWO",
		strings.Split(m.env["CNI_PATH"], ":")[0], "$PLUGINS",
		m.dir, "$DIR",
		runtime.GOOS+"/"+runtime.GOARCH, "$SYSTEM",
	).Replace(text)
	for _, r := range [][2]string{
		{`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.0-9]*Z?`, "$$TIME"},
		{`\b[0-9.]+(µs|ms|s)\b`, "$$ELAPSED"},
		{`these, \d+ variables`, "these, $$N variables"},
		{`\+[0-9a-f]{16}\b`, "+$$RANDOM"},
		{`(\S) {3,}`, "$1   "},
		{`(?m)^ *"(?:[^"C]|C[^N])[^"]*=[^"]*",?\n`, ""}, // the rest of the environment, in JSON
	} {
		text = regexp.MustCompile(r[0]).ReplaceAllString(text, r[1])
	}
	return text
}
