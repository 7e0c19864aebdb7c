//go:build linux

package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cnikit/cnikit/libcni"
	reference "github.com/containernetworking/cni/libcni"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// storyConflists returns the configurations that the stories of this package are written
// with, by network and the first of each name: every text in the sources that is one as it
// stands.
func storyConflists(t *testing.T) map[string]string {
	t.Helper()
	sources, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	all := map[string]string{}
	for _, source := range sources {
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			require.NoError(t, err)
			if !strings.HasPrefix(text, "{") || !strings.Contains(text, `"plugins"`) || strings.ContainsAny(text, "%") {
				return true
			}
			list, err := reference.NetworkConfFromBytes([]byte(text))
			if err == nil && all[list.Name] == "" {
				all[list.Name] = text
			}
			return true
		})
	}
	require.Greater(t, len(all), 10, "the stories are written otherwise now")
	return all
}

// quotedAnswer is what the text about a bad answer to VERSION has and upstream's has
// not (row R7 of DIFFERENCES.md).
var quotedAnswer = regexp.MustCompile(`(missing field supportedVersions): "(?:[^"\\]|\\.)*"`)

// TestLoadDirOfStories: a directory with the conflists of all stories, as cnikit loads it,
// is what upstream makes of each file; and the real plugins stand up to it.
func TestLoadDirOfStories(t *testing.T) {
	t.Parallel()
	plugins := builtPlugins(t)
	stories := storyConflists(t)
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	var names []string
	for name, text := range stories {
		write("50-"+name+".conflist", text)
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare("50-"+a+".conflist", "50-"+b+".conflist") })
	write("10-torn.conflist", `{"cniVersion": "1.1.0", "name": "torn", "plugins": [{"type": "bri`)
	write("90-again.conflist", stories["pods"])
	write("99-single.conf", `{"cniVersion": "0.4.0", "name": "single", "type": "loopback"}`)
	names = append(names, "single")

	fromDir, err := libcni.LoadDir(dir)
	require.NoError(t, err)
	fromFS, err := libcni.LoadFS(os.DirFS(dir), ".")
	require.NoError(t, err)
	cni := libcni.New([]string{plugins, filepath.Dir(newRecorder(t))}, libcni.Options{CacheDir: t.TempDir()})
	for _, set := range []*libcni.ConfSet{fromDir, fromFS} {
		var loaded []string
		for _, n := range set.Networks {
			loaded = append(loaded, n.Name)
		}
		assert.Equal(t, names, loaded)
		require.Len(t, set.Bad, 2)
		assert.Contains(t, set.Bad[0].File, "10-torn.conflist")
		assert.Contains(t, set.Bad[1].File, "90-again.conflist")
		require.ErrorIs(t, set.Bad[1], libcni.ErrDuplicateNetwork)
	}
	for i, n := range fromDir.Networks {
		if n.Name == "single" {
			continue
		}
		theirs, err := reference.ConfListFromFile(n.File)
		require.NoError(t, err)
		assert.Equal(t, theirs.Name, n.Name)
		assert.Equal(t, theirs.CNIVersion, n.CNIVersion)
		require.Len(t, n.Plugins, len(theirs.Plugins))
		for j, p := range theirs.Plugins {
			assert.Equal(t, p.Network, n.Plugins[j].Network)
			assert.JSONEq(t, string(p.Bytes), string(n.Plugins[j].Bytes))
			assert.Equal(t, n.File, n.PluginFiles[j])
		}
		assert.JSONEq(t, string(n.Bytes), string(fromFS.Networks[i].Bytes))

		want, theirErr := reference.NewCNIConfigWithCacheDir(cni.Path, t.TempDir(), nil).ValidateNetworkList(t.Context(), theirs)
		got, err := cni.ValidateNetworkList(t.Context(), n.NetworkConfigList)
		if theirErr != nil { // a recorder is no plugin of this version, say
			require.Error(t, err)
			assert.Equal(t, theirErr.Error(), quotedAnswer.ReplaceAllString(err.Error(), "$1"))
			continue
		}
		require.NoError(t, err)
		assert.ElementsMatch(t, want, got, "capabilities of %s", n.Name)
	}
}
