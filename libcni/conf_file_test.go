package libcni

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/version"
)

// hostile makes, beside a good network, what should not be there; each entry's
// error is named by a part of its text. FIFOs are added on systems that have
// them.
func hostile(t *testing.T, dir string) map[string]string {
	t.Helper()
	write(t, filepath.Join(dir, "50-good.conflist"), `{"name":"good","plugins":[{"type":"a"}]}`)
	want := map[string]string{
		"01-huge.conflist":     "104857600 bytes are too many for a configuration",
		"02-dangling.conflist": "no such file",
		"03-loop.conflist":     "too many",
		"04-dirlink.conflist":  "not a regular file",
		"05-bom.conflist":      "invalid character 'ï'",
		"06-trailing.conflist": "after top-level value",
		"07-deep.conflist":     "exceeded max depth",
		"08-empty.conflist":    "unexpected end of JSON input",
	}
	f, err := os.Create(filepath.Join(dir, "01-huge.conflist"))
	require.NoError(t, err)
	require.NoError(t, f.Truncate(100<<20))
	require.NoError(t, f.Close())
	require.NoError(t, os.Mkdir(filepath.Join(dir, "04-dir"), 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "09-dir.conflist"), 0o755))
	for link, target := range map[string]string{"02-dangling.conflist": "nowhere", "03-loop.conflist": "03-loop.conflist", "04-dirlink.conflist": "04-dir"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			delete(want, link) // not everywhere may everybody make links
		}
	}
	write(t, filepath.Join(dir, "05-bom.conflist"), "\xef\xbb\xbf{}")
	write(t, filepath.Join(dir, "06-trailing.conflist"), `{"name":"x","plugins":[{"type":"a"}]} {}`)
	deep := make([]byte, 0, 30000)
	for range 20000 {
		deep = append(deep, '[')
	}
	write(t, filepath.Join(dir, "07-deep.conflist"), `{"name":"x","plugins":`+string(deep))
	write(t, filepath.Join(dir, "08-empty.conflist"), ``)
	if makeFIFO(t, filepath.Join(dir, "10-fifo.conflist")) {
		want["10-fifo.conflist"] = "not a regular file"
	}
	return want
}

func TestHostileFiles(t *testing.T) {
	dir := t.TempDir()
	want := hostile(t, dir)

	t.Run("LoadNetworkConf finds the good one", func(t *testing.T) {
		list, err := LoadNetworkConf(dir, "good")
		require.NoError(t, err)
		assert.Equal(t, "good", list.Name)
	})
	t.Run("LoadDir says what is wrong with each", func(t *testing.T) {
		set, err := LoadDir(dir)
		require.NoError(t, err)
		require.Len(t, set.Networks, 1)
		got := map[string]bool{}
		for _, bad := range set.Bad {
			name := filepath.Base(bad.File)
			got[name] = true
			if name == "03-loop.conflist" || name == "02-dangling.conflist" {
				var p *fs.PathError
				assert.ErrorAs(t, bad, &p) // the words are the system's
				continue
			}
			assert.ErrorContains(t, bad, want[name], name)
		}
		for name := range want {
			assert.True(t, got[name], name)
		}
		for name := range want {
			assert.ErrorContains(t, set.Err(), name)
		}
	})
	t.Run("each by itself", func(t *testing.T) {
		for name := range want {
			_, err := NetworkConfFromFile(filepath.Join(dir, name))
			var conf *ConfError
			if assert.ErrorAs(t, err, &conf, name) {
				assert.Contains(t, fmt.Sprintf("%+v", err), name)
			}
		}
	})
}

func TestConfThatGrowsWhileRead(t *testing.T) {
	f := &growing{}
	_, err := readRegular(f, "x")
	assert.EqualError(t, err, "read x: changed while it was read")
	f.fail = true
	_, err = readRegular(f, "x")
	assert.EqualError(t, err, "input/output error")
}

// growing is a file that has always more than it says.
type growing struct{ fail bool }

func (g *growing) Stat() (fs.FileInfo, error) {
	return fs.Stat(fstest.MapFS{"x": {Data: []byte("1234")}}, "x")
}

func (g *growing) Read(p []byte) (int, error) {
	if g.fail {
		return 0, errors.New("input/output error")
	}
	return len(p), nil
}

func (g *growing) Close() error { return nil }

func TestLoadSet(t *testing.T) {
	files := fstest.MapFS{
		"net.d/10-b.conflist":      {Data: []byte(`{"cniVersion":"1.0.0","name":"b","plugins":[{"type":"one"}]}`)},
		"net.d/b/50-drop.conf":     {Data: []byte(`{"type":"dropped"}`)},
		"net.d/05-a.conf":          {Data: []byte(`{"cniVersion":"0.3.1","name":"a","type":"two"}`)},
		"net.d/20-list.conf":       {Data: []byte(`{"cniVersion":"1.0.0","name":"c","plugins":[{"type":"three"}]}`)},
		"net.d/30-dup.json":        {Data: []byte(`{"cniVersion":"1.0.0","name":"b","type":"four"}`)},
		"net.d/40-bad.conflist":    {Data: []byte("{\"name\":\"bad\",\n\"plugins\":[{\"type\":3}]}")},
		"net.d/50-dropin.conflist": {Data: []byte(`{"name":"d"}`)},
		"net.d/d/10.conf":          {Data: []byte(`{"type":"five"}`)},
		"net.d/README.md":          {Data: []byte(`x`)},
	}
	set, err := LoadFS(files, "net.d")
	require.NoError(t, err)
	var got []string
	for _, n := range set.Networks {
		got = append(got, fmt.Sprint(n.Name, " ", n.CNIVersion, " ", pluginTypes(n.NetworkConfigList), " ", n.File, " ", n.PluginFiles))
	}
	assert.Equal(t, []string{
		"a 0.3.1 [two] net.d/05-a.conf [net.d/05-a.conf]",
		"b 1.0.0 [one dropped] net.d/10-b.conflist [net.d/10-b.conflist net.d/b/50-drop.conf]",
		"c 1.0.0 [three] net.d/20-list.conf [net.d/20-list.conf]",
		"d  [five] net.d/50-dropin.conflist [net.d/d/10.conf]",
	}, got)
	require.Len(t, set.Bad, 2)
	assert.ErrorIs(t, set.Bad[0], ErrDuplicateNetwork)
	assert.EqualError(t, set.Bad[0], `network name is in use already: "b" is in net.d/10-b.conflist`)
	assert.Equal(t, "net.d/40-bad.conflist:2:20 (/plugins/0/type)", set.Bad[1].Place())
	assert.ErrorContains(t, set.Err(), "net.d/40-bad.conflist:2:20 (/plugins/0/type): failed to parse plugin config 0")

	n, err := set.Get("c")
	require.NoError(t, err)
	assert.Equal(t, "c", n.Name)
	_, err = set.Get("bad")
	assert.ErrorIs(t, err, set.Bad[1], "the file of that network is the answer")
	assert.Equal(t, err.Error()+"\n    network:   bad", fmt.Sprintf("%+v", err), "the place once")
	assert.Equal(t, fmt.Sprintf("%q", err.Error()), fmt.Sprintf("%q", err))
	assert.Contains(t, jsonLog(err), `"file":"net.d/40-bad.conflist","line":2,"column":20`)
	_, err = set.Get("absent")
	assert.Equal(t, NotFoundError{Dir: "net.d", Name: "absent"}, err)

	files["net.d/60-new.conflist"] = &fstest.MapFile{Data: []byte("{\"name\":\"new\",\n\"cniVersion\":\"1.2.0\",\"plugins\":[{\"type\":\"a\"}]}")}
	files["net.d/70-cut.conflist"] = &fstest.MapFile{Data: []byte(`{"name":"cut"`)}
	later, err := LoadFS(files, "net.d")
	require.NoError(t, err)
	_, err = later.Get("new")
	var unsupported *version.UnsupportedError
	require.ErrorAs(t, err, &unsupported, "no verb would take it")
	var conf *ConfError
	require.ErrorAs(t, err, &conf)
	assert.Equal(t, "net.d/60-new.conflist:2:14 (/cniVersion)", conf.Place())
	_, err = later.Get("cut")
	assert.EqualError(t, err, "no net configuration with name \"cut\" in net.d\n"+
		"net.d/70-cut.conflist:1:14: error parsing configuration list: unexpected end of JSON input")
	assert.ErrorAs(t, err, &NotFoundError{})
	assert.Equal(t, 1, strings.Count(fmt.Sprintf("%+v", err), "70-cut.conflist"), "the place once")
	assert.Contains(t, fmt.Sprintf("%+v", err), "to do:     correct the name")

	n, err = set.Default("")
	require.NoError(t, err)
	assert.Equal(t, "a", n.Name, "first in lexical order of the files' names")
	n, err = set.Default("b")
	require.NoError(t, err)
	assert.Equal(t, "b", n.Name)

	empty, err := LoadFS(files, "nowhere")
	require.NoError(t, err)
	assert.NoError(t, empty.Err())
	_, err = empty.Default("")
	assert.Equal(t, NoConfigsFoundError{Dir: "nowhere"}, err)
	_, err = empty.Get("x")
	assert.Equal(t, NoConfigsFoundError{Dir: "nowhere"}, err)
	_, err = LoadDir(filepath.Join("conf_file_test.go"))
	assert.Error(t, err)
}

func TestLoadDirIsLoadFS(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "10-b.conflist"), `{"name":"b","plugins":[{"type":"one"}]}`)
	write(t, filepath.Join(dir, "b", "50-drop.conf"), `{"type":"dropped"}`)
	set, err := LoadDir(dir)
	require.NoError(t, err)
	require.Len(t, set.Networks, 1)
	assert.Equal(t, []string{filepath.Join(dir, "10-b.conflist"), filepath.Join(dir, "b", "50-drop.conf")}, set.Networks[0].PluginFiles)
}

func TestSupports(t *testing.T) {
	for version, want := range map[string]map[string]bool{
		"":      {"ADD": true, "DEL": true, "VERSION": true, "CHECK": false, "GC": false, "STATUS": false, "FROB": false},
		"0.4.0": {"ADD": true, "CHECK": true, "GC": false, "STATUS": false},
		"1.1.0": {"ADD": true, "CHECK": true, "GC": true, "STATUS": true, "status": true},
		"9.0.0": {"ADD": false, "CHECK": false, "GC": false, "STATUS": false},
	} {
		for verb, want := range want {
			assert.Equal(t, want, (&NetworkConfigList{CNIVersion: version}).Supports(verb), "%s %s", version, verb)
		}
	}
	disabled := &NetworkConfigList{CNIVersion: "1.1.0", DisableCheck: true, DisableGC: true}
	assert.False(t, disabled.Supports("CHECK"))
	assert.False(t, disabled.Supports("GC"))
}

func TestNegotiateVersion(t *testing.T) {
	f := newFixture(t, Options{})
	f.fake.replies = map[string]any{
		"one VERSION": `{"cniVersion":"1.1.0","supportedVersions":["0.3.1","0.4.0","1.0.0","1.1.0"]}`,
		"two VERSION": `{"cniVersion":"1.0.0","supportedVersions":["0.3.1","0.4.0","1.0.0"]}`,
		"old VERSION": `{"cniVersion":"0.2.0","supportedVersions":["0.1.0","0.2.0"]}`,
	}
	list := mustList(t, `{"name":"n","cniVersions":["0.4.0","1.0.0","1.1.0"],"plugins":[{"type":"one"},{"type":"two"}]}`)
	assert.Equal(t, "1.1.0", list.CNIVersion)
	v, err := f.NegotiateVersion(t.Context(), list)
	require.NoError(t, err)
	assert.Equal(t, "1.0.0", v)
	list.Plugins = append(list.Plugins, mustPlugin(t, `{"type":"old"}`))
	_, err = f.NegotiateVersion(t.Context(), list)
	assert.Error(t, err)
	_, err = f.NegotiateVersion(t.Context(), nil)
	assert.Error(t, err)
}
