package migrate

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke/invoketest"
)

func TestMain(m *testing.M) { invoketest.Main(m, nil) }

// TestDiff: the two programs differ in their imports alone, as README.md shows.
func TestDiff(t *testing.T) {
	before, after := lines(t, "before/main.go"), lines(t, "after/main.go")
	var removed, added []string
	for _, line := range before {
		if !contains(after, line) {
			removed = append(removed, "-"+line)
		}
	}
	for _, line := range after {
		if !contains(before, line) {
			added = append(added, "+"+line)
		}
	}
	diff := strings.Join(append(removed, added...), "")
	t.Log("\n" + diff)
	assert.Contains(t, strings.Join(lines(t, "README.md"), ""), "```diff\n"+diff+"```")
	for _, line := range append(removed, added...) {
		assert.Contains(t, line, `"github.com/`)
	}
	assert.Equal(t, len(before), len(after))
}

func lines(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return strings.SplitAfter(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
}

func contains(lines []string, line string) bool {
	for _, l := range lines {
		if l == line {
			return true
		}
	}
	return false
}

const conflist = `{"cniVersion": "1.0.0", "name": "web", "plugins": [
	{"type": "link", "stateDir": %[1]q},
	{"type": "address", "stateDir": %[1]q, "subnet": "10.1.0.0/29", "capabilities": {"portMappings": true}}
]}`

// TestAttachmentsStay: whichever of the programs attaches a container, each of the
// others can check it and detach it. They are the program before, the program after,
// and the program before, unchanged, built by the recipe with replace.
func TestAttachmentsStay(t *testing.T) {
	dir := t.TempDir()
	programs := map[string]string{
		"before":   build(t, ".", dir, "before", "./before"),
		"after":    build(t, ".", dir, "after", "./after"),
		"replaced": build(t, replaced(t), dir, "replaced", "."),
	}
	state, conf, cache := filepath.Join(dir, "state"), filepath.Join(dir, "net.d"), filepath.Join(dir, "cache")
	for _, d := range []string{state, conf} {
		require.NoError(t, os.Mkdir(d, 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(conf, "web.conflist"), fmt.Appendf(nil, conflist, filepath.ToSlash(state)), 0o644))
	env := append(os.Environ(), "CNI_PATH="+invoketest.Dir(t, "link", "address"), "NETCONFPATH="+conf, "CACHE="+cache)
	run := func(program, verb string) (string, error) {
		cmd := exec.Command(programs[program], verb, "web-1", filepath.Join(dir, "netns"))
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for adder := range programs {
		for checker := range programs {
			for deleter := range programs {
				t.Run(adder+" "+checker+" "+deleter, func(t *testing.T) {
					out, err := run(adder, "ADD")
					require.NoError(t, err, out)
					assert.Equal(t, "10.1.0.1/29\n", out)
					out, err = run(checker, "CHECK")
					require.NoError(t, err, out)

					link, away := filepath.Join(state, "link-web-1-eth0"), filepath.Join(state, "away")
					require.NoError(t, os.Rename(link, away))
					out, err = run(checker, "CHECK")
					require.Error(t, err)
					assert.Equal(t, "a plugin said: container web-1 has no link on eth0 (code 101)\n", out)
					require.NoError(t, os.Rename(away, link))

					out, err = run(deleter, "DEL")
					require.NoError(t, err, out)
					for _, pattern := range []string{filepath.Join(state, "*"), filepath.Join(cache, "results", "*")} {
						left, err := filepath.Glob(pattern)
						require.NoError(t, err)
						assert.Empty(t, left)
					}
				})
			}
		}
	}
}

// build builds a program and returns its path.
func build(t *testing.T, module, dir, name, pkg string) string {
	t.Helper()
	path := filepath.Join(dir, name+".exe")
	goTool(t, module, "build", "-o", path, pkg)
	return path
}

// replaced returns a module with the program before, its go.mod as README.md says.
func replaced(t *testing.T) string {
	t.Helper()
	dir, cni := t.TempDir(), filepath.Join(t.TempDir(), "cni")
	directives := goTool(t, "../../internal/compat", "run", "./cmd/cnialias", cni)
	source, err := os.ReadFile("before/main.go")
	require.NoError(t, err)
	sums, err := os.ReadFile("go.sum")
	require.NoError(t, err)
	for name, text := range map[string]string{
		"main.go": string(source),
		"go.sum":  string(sums),
		"go.mod": "module example.com/runtime\n\ngo 1.25.0\n\n" +
			"require github.com/containernetworking/cni v1.3.1\n\n" + directives,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	deps := goTool(t, dir, "list", "-deps", ".")
	assert.Contains(t, deps, "github.com/cnikit/cnikit/libcni\n")
	assert.NotContains(t, deps, "go.opentelemetry.io", "upstream's own code is in the program")
	return dir
}

func goTool(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if strings.HasPrefix(dir, os.TempDir()) {
		cmd.Env = append(cmd.Env, "GOFLAGS=-mod=mod") // completes go.mod, as go mod tidy would
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "go %s: %s", strings.Join(args, " "), &stderr)
	return string(out)
}

// TestRecipe does to the program before what README.md says, with a clone: it is the
// program after, and compiles.
func TestRecipe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the recipe is for a shell")
	}
	_, recipe, found := strings.Cut(strings.Join(lines(t, "README.md"), ""), "    go get github.com/cnikit/cnikit\n")
	require.True(t, found)
	recipe, _, found = strings.Cut(recipe, "\n\n")
	require.True(t, found)
	clone, err := filepath.Abs("../..")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "cmd"), 0o755))
	before := strings.Join(lines(t, "before/main.go"), "")
	for name, text := range map[string]string{
		"cmd/main.go": before,
		"go.sum":      strings.Join(lines(t, "go.sum"), ""),
		"go.mod":      "module example.com/runtime\n\ngo 1.25.0\n\nrequire github.com/containernetworking/cni v1.3.1\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	cmd := exec.Command("sh", "-ec", "go mod edit -replace github.com/cnikit/cnikit="+clone+"\n"+recipe+"\ngo vet ./...\n")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", cmd, out)
	assert.Equal(t, lines(t, "after/main.go"), lines(t, filepath.Join(dir, "cmd", "main.go")))
	left, err := filepath.Glob(filepath.Join(dir, "cmd", "*"))
	require.NoError(t, err)
	assert.Len(t, left, 1)
}
