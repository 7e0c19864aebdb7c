//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// cnitoolNetworks are the files that the scripts of this file find in NETCONFPATH.
var cnitoolNetworks = map[string]string{
	"10-churn.conflist": churnList,
	"20-plain.conf":     `{"cniVersion": "0.3.1", "name": "plain", "type": "bridge", "bridge": "cni5", "ipam": {"type": "host-local", "subnet": "10.35.0.0/24"}}`,
	"30-broken.conflist": `{"cniVersion": "1.0.0", "name": "broken", "plugins": [
		{"type": "bridge", "bridge": "cni6", "ipam": {"type": "host-local", "subnet": "nowhere"}}]}`,
	"40-missing.conflist": `{"cniVersion": "1.1.0", "name": "missing", "plugins": [{"type": "no-such-plugin"}]}`,
}

// cnitoolScript is a script that uses cnitool: environment, then arguments. Both tools have
// to do the same for each line; where it begins with a tilde, each in its own words.
var cnitoolScript = []string{
	"status churn $ONE",
	"add churn $ONE",
	"check churn $ONE",
	"add churn $ONE",
	"check churn $ONE",
	"check churn $ONE -i eth1",
	"CNI_IFNAME=eth1 add churn $ONE",
	"check churn $ONE --ifname eth1",
	"CNI_IFNAME=nobody check churn $ONE -i=eth1",
	"CAP_ARGS={\"portMappings\":[{\"hostPort\":8080,\"containerPort\":80,\"protocol\":\"tcp\"}]} add churn $TWO",
	"CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAME=web add plain $TWO -ieth1",
	"check plain $TWO -ieth1",
	"CNI_ARGS=K8S_POD_NAME=web add plain $TWO --ifname=eth2",
	"!list",
	"del plain $TWO --ifname=eth1",
	"del plain $TWO --ifname=eth2",
	"del churn $ONE",
	"del churn $ONE",
	"!list",
	"gc churn $ONE",
	"!list",
	"gc plain $ONE",
	"status plain $ONE",
	"add broken $ONE",
	"del broken $ONE",
	"add missing $ONE",
	"check missing $ONE",
	"del missing $ONE",
	"status missing $ONE",
	"gc missing $ONE",
	"add nobody $ONE",
	"NETCONFPATH=/nowhere add churn $ONE",
	"add churn /run/netns/nobody",
	"del churn /run/netns/nobody",
	"add churn $ONE -i this-name-is-too-long",
	"~ CNI_ARGS=K8S_POD_NAME add churn $ONE",
	"~ CAP_ARGS={ add churn $ONE",
	"~ CAP_ARGS=[] add churn $ONE",
	"~ add churn",
	"~ add",
	"~ frob churn $ONE",
	"~ add churn $ONE --frob",
	"add churn $ONE more and more",
	"del -- churn $ONE",
	"~ add --help",
	"~ help",
	"~",
	"!list",
}

// TestCnitool runs a script with upstream's cnitool and with examples/cnitool, and with each
// of them after the other's ADDs: same results, same status, same first line of errors.
func TestCnitool(t *testing.T) {
	if os.Getenv(insideVar) == "" {
		t.Parallel()
		needPrivilege(t, rootless)
		require.NoError(t, buildCnitools())
	}
	told := ""
	for _, cast := range [][2]string{
		{"upstream", "upstream"}, {"cnikit", "cnikit"}, {"upstream", "cnikit"}, {"cnikit", "upstream"},
	} {
		t.Run(cast[0]+"-"+cast[1], func(t *testing.T) {
			heard := sandbox(t, rootless, func(t *testing.T) string {
				needLinkKind(t, "bridge")
				return playScript(t, cast[0], cast[1])
			})
			if told == "" {
				told = heard
				t.Log(heard)
			}
			assert.Equal(t, told, heard, "as against upstream's cnitool")
		})
	}
}

// playScript has one tool do the ADDs and another one the rest, and returns what they said.
func playScript(t *testing.T, adder, rest string) string {
	dir := t.TempDir()
	for name, text := range cnitoolNetworks {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	one, two := newContainer(t, "one"), newContainer(t, "two")
	var heard strings.Builder
	for _, line := range cnitoolScript {
		fmt.Fprintf(&heard, "$ %s\n", line)
		if line == "!list" {
			for _, file := range libraryFiles(t) {
				if strings.HasPrefix(file, "results/") { // upstream's writes nothing else
					fmt.Fprintln(&heard, file)
				}
			}
			continue
		}
		line, ownWords := strings.CutPrefix(line, "~")
		line = strings.NewReplacer("$ONE", one.netns, "$TWO", two.netns).Replace(line)
		words := strings.Fields(line)
		env := []string{"NETCONFPATH=" + dir, "CNI_PATH=" + pluginsDir()}
		for len(words) > 0 && strings.Contains(words[0], "=") {
			env, words = append(env, words[0]), words[1:]
		}
		tool := rest
		if slices.Contains(words, "add") {
			tool = adder
		}
		said, status := runCnitool(t, tool, env, words)
		if ownWords {
			said = ""
		}
		said = strings.NewReplacer(dir, "$DIR", pluginsDir(), "$PLUGINS").Replace(said)
		fmt.Fprintf(&heard, "%s\n[%d]\n", random.ReplaceAllString(said, "~"), status)
	}
	if rest == "cnikit" {
		for _, file := range libraryFiles(t) {
			assert.Contains(t, file, "pending/broken+", "only where DEL failed may something be left")
		}
	}
	return heard.String()
}

// runCnitool returns standard output with the first line about an error, and the status.
func runCnitool(t *testing.T, tool string, env, args []string) (said string, status int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(cnitoolsDir(), tool), args...)
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil {
		require.True(t, errors.As(err, &exit), "%v", err)
	}
	said = stdout.String()
	for line := range strings.Lines(stderr.String()) {
		if strings.HasPrefix(line, "Error: ") {
			return said + strings.TrimSpace(line), cmd.ProcessState.ExitCode()
		}
	}
	return said, cmd.ProcessState.ExitCode()
}

// cnitoolsDir is the directory of both tools.
func cnitoolsDir() string {
	cache, _ := os.UserCacheDir()
	return filepath.Join(cache, "cnikit-e2e", "cnitool")
}

var buildCnitools = sync.OnceValue(func() error {
	for name, pkg := range map[string]string{
		"upstream": "github.com/containernetworking/cni/cnitool",
		"cnikit":   "github.com/cnikit/cnikit/examples/cnitool",
	} {
		build := exec.Command("go", "build", "-o", filepath.Join(cnitoolsDir(), name), pkg)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", build, err, out)
		}
	}
	return nil
})
