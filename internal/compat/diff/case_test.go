package diff

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// testCase is one configuration, what its plugins answer, and what is called.
//
// In a file, it begins with a line that says what it is about. Directives
// follow, one a line, all of them optional but load:
//
//	load: list FILE | bytes FILE | dir DIR NAME | plugin FILE | pluginbytes FILE | plugindir DIR NAME
//	edit: version V | name N | type I T | drop I | nobytes | nocheck | nogc
//	steps: load add ...       what is called, in order (see allSteps)
//	id: CONTAINER IFNAME [NETNS]
//	args: K=V;K=V             CNI_ARGS, or [["K","V"],...]
//	caps: JSON                capability arguments
//	missing: TYPE ...         plugins without an executable
//	exec: process             plugins are processes, by default a fake Exec
//
// The rest is files, each begun by a line `-- NAME --`: configurations, records
// (results/NAME), and the plugins' answers, TYPE.COMMAND: what is printed, or
// with .error behind it the error object that the plugin fails with. With
// .stderr or .exit it is the text or the status of a process. A plugin without an
// answer to ADD answers with an address in the version it is called in; its answer
// to VERSION is that it supports all; to the rest it answers nothing.
type testCase struct {
	name, about string
	load        []string
	edits       [][]string
	steps       []string
	rt          runtimeConf
	caps        string // JSON; decoded anew for each library
	missing     map[string]bool
	process     bool
	files       map[string]string
}

// allSteps is a life of an attachment, with what may be asked on the way.
var allSteps = strings.Fields("load validate status add result config attachments check gc-valid add check del result del gc add gc attachments")

func newCase(name string) *testCase {
	return &testCase{
		name: name, steps: allSteps, missing: map[string]bool{}, files: map[string]string{},
		rt: runtimeConf{ContainerID: "c1", IfName: "eth0", NetNS: "/run/netns/c1"},
	}
}

func readCases(t *testing.T) []*testCase {
	t.Helper()
	paths, err := filepath.Glob("testdata/cases/*.txt")
	require.NoError(t, err)
	var cases []*testCase
	for _, path := range paths {
		src, err := os.ReadFile(path)
		require.NoError(t, err)
		c, err := parseCase(strings.TrimSuffix(filepath.Base(path), ".txt"), string(src))
		require.NoError(t, err, path)
		cases = append(cases, c)
	}
	return cases
}

func parseCase(name, src string) (*testCase, error) {
	c := newCase(name)
	file := ""
	for i, line := range strings.SplitAfter(src, "\n") {
		if head, ok := strings.CutPrefix(line, "-- "); ok {
			if head, ok = strings.CutSuffix(head, " --\n"); ok {
				file = head
				c.files[file] = ""
				continue
			}
		}
		switch line = strings.TrimSuffix(line, "\n"); {
		case file != "":
			c.files[file] += line + "\n"
		case i == 0:
			c.about = line
		case line != "":
			if err := c.directive(line); err != nil {
				return nil, err
			}
		}
	}
	for name, content := range c.files {
		c.files[name] = strings.TrimRight(content, "\n")
	}
	if c.about == "" || c.load == nil {
		return nil, fmt.Errorf("case without a line about it, or without load")
	}
	return c, nil
}

func (c *testCase) directive(line string) error {
	key, value, _ := strings.Cut(line, ":")
	value = strings.TrimSpace(value)
	words := strings.Fields(value)
	switch key {
	case "load":
		c.load = words
	case "edit":
		c.edits = append(c.edits, words)
	case "steps":
		c.steps = words
	case "id":
		c.rt.ContainerID, c.rt.IfName, c.rt.NetNS = "", "", ""
		for i, p := range []*string{&c.rt.ContainerID, &c.rt.IfName, &c.rt.NetNS} {
			if i < len(words) {
				if err := json.Unmarshal([]byte(words[i]), p); err != nil {
					*p = words[i]
				}
			}
		}
	case "args":
		if strings.HasPrefix(value, "[") {
			return json.Unmarshal([]byte(value), &c.rt.Args)
		}
		for _, kv := range strings.Split(value, ";") {
			k, v, _ := strings.Cut(kv, "=")
			c.rt.Args = append(c.rt.Args, [2]string{k, v})
		}
	case "caps":
		c.caps = value
	case "missing":
		for _, w := range words {
			c.missing[w] = true
		}
	case "exec":
		c.process = value == "process"
	default:
		return fmt.Errorf("unknown directive %q", line)
	}
	return nil
}

// extract writes the case's files, records excepted, into dir.
func (c *testCase) extract(t testing.TB, dir string, only func(string) bool) {
	t.Helper()
	for name, content := range c.files {
		if !only(name) {
			continue
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
}

func isRecord(name string) bool { return strings.HasPrefix(name, "results/") }

// String writes the case as a file of testdata/cases.
func (c *testCase) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nload: %s\nsteps: %s\nid: %s %s %s\n", c.about, strings.Join(c.load, " "), strings.Join(c.steps, " "),
		quoted(c.rt.ContainerID), quoted(c.rt.IfName), quoted(c.rt.NetNS))
	if c.rt.Args != nil {
		fmt.Fprintf(&b, "args: %s\n", quoted(c.rt.Args))
	}
	if c.caps != "" {
		fmt.Fprintf(&b, "caps: %s\n", c.caps)
	}
	if len(c.missing) > 0 {
		fmt.Fprintf(&b, "missing: %s\n", strings.Join(slices.Sorted(maps.Keys(c.missing)), " "))
	}
	for _, name := range slices.Sorted(maps.Keys(c.files)) {
		fmt.Fprintf(&b, "-- %s --\n%s\n", name, c.files[name])
	}
	return b.String()
}

func quoted(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}
