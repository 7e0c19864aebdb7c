package diff

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/differences anew")

func TestMain(m *testing.M) {
	if dir := os.Getenv(pluginDirVariable); dir != "" && os.Getenv("CNI_COMMAND") != "" {
		os.Exit(actAsPlugin(dir))
	}
	flag.Parse()
	os.Exit(m.Run())
}

// TestCorpus plays every case on both libraries.
func TestCorpus(t *testing.T) {
	intended := intendedDifferences(t)
	cases := readCases(t)
	require.GreaterOrEqual(t, len(cases), 60, "cases")
	names := map[string]bool{}
	for _, c := range cases {
		names[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			diffs := differences(t, c)
			golden := filepath.Join("testdata", "differences", c.name+".txt")
			if *update {
				write(t, golden, diffs)
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				require.ErrorIs(t, err, os.ErrNotExist)
			}
			switch text := strings.Join(diffs, "\n"); {
			case len(diffs) == 0:
				assert.NotContains(t, intended, c.name, "DIFFERENCES.md lists this case, but nothing differs in it")
				assert.Empty(t, want, "testdata/differences has this case, but nothing differs in it")
			case !intended[c.name]:
				t.Errorf("%s\nthe libraries differ, and no row of DIFFERENCES.md names `diff:%s`:\n%s", c.about, c.name, text)
			default:
				assert.Equal(t, string(want), text+"\n", "what differs is not what %s says; with -update it is written anew", golden)
			}
		})
	}
	golden, err := filepath.Glob("testdata/differences/*.txt")
	require.NoError(t, err)
	for _, path := range golden {
		assert.Contains(t, intended, strings.TrimSuffix(filepath.Base(path), ".txt"), "%s is of no case that DIFFERENCES.md names", path)
	}
	for name := range intended {
		assert.Contains(t, names, name, "DIFFERENCES.md names a case that does not exist")
	}
}

func differences(t *testing.T, c *testCase) []string {
	confDir := t.TempDir()
	c.extract(t, confDir, func(name string) bool { return !isRecord(name) })
	if c.process {
		makePlugins(t, c, confDir)
	}
	theirs, mine := play(t, upstream, c, confDir), play(t, cnikit, c, confDir)
	var a, b []step
	for _, op := range c.steps {
		a, b = append(a, theirs.do(t, op)), append(b, mine.do(t, op))
	}
	return compare(a, b)
}

// makePlugins makes this test's binary the plugins of a case.
func makePlugins(t *testing.T, c *testCase, confDir string) {
	t.Setenv(pluginDirVariable, confDir)
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(confDir, "bin"), 0o755))
	for _, name := range []string{"one", "two"} {
		if !c.missing[name] {
			require.NoError(t, os.Symlink(self, filepath.Join(confDir, "bin", name)))
		}
	}
}

// intendedDifferences returns the names of the cases in which DIFFERENCES.md says
// that the libraries differ.
func intendedDifferences(t *testing.T) map[string]bool {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "DIFFERENCES.md"))
	require.NoError(t, err)
	names := map[string]bool{}
	for _, m := range regexp.MustCompile("`diff:([a-z0-9-]+)`").FindAllStringSubmatch(string(text), -1) {
		names[m[1]] = true
	}
	return names
}

func write(t *testing.T, golden string, diffs []string) {
	if len(diffs) == 0 {
		_ = os.Remove(golden)
		return
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
	require.NoError(t, os.WriteFile(golden, []byte(strings.Join(diffs, "\n")+"\n"), 0o644))
}
