package diff

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var versions = []string{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}

// attached is a case with all that a record holds.
func attached(t *testing.T, version string) *testCase {
	c, err := parseCase("handover", fmt.Sprintf(`Everything that a record holds.
load: list 10-net.conflist
args: K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0
caps: {"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}],"mac":"c2:11:22:33:44:55"}
-- 10-net.conflist --
{ "cniVersion": %q, "name": "net", "vendor": {"a": [1, 2]},
  "plugins": [ {"type": "one", "capabilities": {"mac": true}}, {"type": "two", "capabilities": {"portMappings": true}, "ключ": "<&>"} ] }
`, version))
	require.NoError(t, err)
	return c
}

// TestHandOver: what one library attached, the other CHECKs, reads and DELs just
// as the first would have done.
func TestHandOver(t *testing.T) {
	after := []string{"load", "attachments", "attachments-all", "result", "config", "check", "gc-valid", "del", "result", "attachments", "del"}
	collected := []string{"load", "gc", "attachments-all"}
	for _, version := range versions {
		for name, ops := range map[string][]string{"check and del": after, "gc": collected} {
			t.Run(version+" "+name, func(t *testing.T) {
				c := attached(t, version)
				confDir := t.TempDir()
				c.extract(t, confDir, func(string) bool { return true })
				// The measure: upstream alone.
				want := life(t, play(t, upstream, c, confDir), play(t, upstream, c, confDir), ops)
				for direction, got := range map[string][]step{
					"upstream to cnikit": life(t, play(t, upstream, c, confDir), play(t, cnikit, c, confDir), ops),
					"cnikit to upstream": life(t, play(t, cnikit, c, confDir), play(t, upstream, c, confDir), ops),
					"cnikit to cnikit":   life(t, play(t, cnikit, c, confDir), play(t, cnikit, c, confDir), ops),
				} {
					assert.Empty(t, compare(want, got), direction)
				}
				assert.Empty(t, want[len(want)-1].Records, "a record is left")
			})
		}
	}
}

// life is an attachment made by one player and ended by another.
func life(t *testing.T, adder, other player, ops []string) []step {
	t.Helper()
	steps := []step{adder.do(t, "load"), adder.do(t, "add")}
	require.False(t, steps[1].Failed, "%s", steps[1].Err)
	require.Len(t, steps[1].Records, 1)
	other.share(adder.cache())
	for _, op := range ops {
		steps = append(steps, other.do(t, op))
	}
	for i := range steps {
		// One temporary directory is not the other.
		steps[i].Err = strings.ReplaceAll(steps[i].Err, adder.cache(), "$CACHE")
	}
	return steps
}

// TestHandOverLegacy: records from before records, which were bare results.
func TestHandOverLegacy(t *testing.T) {
	for version, result := range map[string]string{
		"0.2.0": `{"cniVersion":"0.2.0","ip4":{"ip":"10.7.0.2/24"}}`,
		"0.3.1": `{"cniVersion":"0.3.1","ips":[{"version":"4","address":"10.7.0.2/24"}]}`,
		"0.4.0": `{"cniVersion":"0.3.1","ips":[{"version":"4","address":"10.7.0.2/24"}]}`,
		"1.0.0": `{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.7.0.2/24"}]}`,
	} {
		t.Run(version, func(t *testing.T) {
			c := attached(t, version)
			c.files["results/net-c1-eth0"] = result
			c.steps = strings.Fields("load result config attachments check gc del result")
			assert.Empty(t, differences(t, c))
		})
	}
}

// TestHandOverBigNumbers: integers that a float64 does not hold are in the record
// of either library, and arrive when GC of this one runs DEL from it.
func TestHandOverBigNumbers(t *testing.T) {
	const big = "9223372036854775807"
	conf := `{"cniVersion":"1.1.0","name":"net","plugins":[{"type":"one","max":` + big + `,"capabilities":{"big":true}}]}`
	c := newCase("big")
	c.load, c.caps = []string{"list", "x.conflist"}, `{"big":{"max":`+big+`}}`
	c.files["x.conflist"] = conf
	confDir := t.TempDir()
	c.extract(t, confDir, func(string) bool { return true })
	for name, adder := range map[string]player{"upstream": play(t, upstream, c, confDir), "cnikit": play(t, cnikit, c, confDir)} {
		t.Run(name, func(t *testing.T) {
			steps := life(t, adder, play(t, cnikit, c, confDir), []string{"load", "config", "gc"})
			record, err := os.ReadFile(filepath.Join(adder.cache(), "results", "net-c1-eth0"))
			require.ErrorIs(t, err, os.ErrNotExist, "%s", record)
			assert.Contains(t, steps[1].Records["net-c1-eth0"], `"capabilityArgs":{"big":{"max":`+big+`}}`)

			config := toJSON(steps[3].Value).(map[string]any)
			assert.Equal(t, conf, config["config"])
			assert.Equal(t, json.Number(big), config["rt"].(map[string]any)["CapabilityArgs"].(map[string]any)["big"].(map[string]any)["max"])

			require.Len(t, steps[4].Runs, 2, "DEL and GC: %s", steps[4].Err)
			del := steps[4].Runs[0]
			assert.Equal(t, "DEL", del.command())
			assert.Contains(t, del.Stdin, `"max":`+big+`,"name"`, "the plugin's own number")
			assert.Contains(t, del.Stdin, `"runtimeConfig":{"big":{"max":`+big+`}}`)
		})
	}
}
