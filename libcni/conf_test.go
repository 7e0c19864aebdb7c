package libcni

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

func TestNetworkConfFromBytes(t *testing.T) {
	src := []byte(`{
  "cniVersion": "1.0.0", "name": "net", "disableCheck": "TRUE", "disableGC": true, "vendor": {"x": 1},
  "plugins": [
    { "type": "bridge", "mtu": 9223372036854775807, "z": 1e400, "a": "\u00e9\/", "ipam": {"type": "host-local", "b": 1, "a": 2} },
    { "type": "portmap", "capabilities": {"portMappings": true, "other": false, "none": null}, "dns": {"nameservers": ["1.1.1.1"]} }
  ]
}`)
	list, err := NetworkConfFromBytes(src)
	require.NoError(t, err)
	assert.Equal(t, &NetworkConfigList{
		Name: "net", CNIVersion: "1.0.0", DisableCheck: true, DisableGC: true, Bytes: src,
		Plugins: []*PluginConfig{
			{
				Network: &types.PluginConf{Type: "bridge", IPAM: types.IPAM{Type: "host-local"}},
				Bytes:   []byte(`{"a":"\u00e9\/","ipam":{"type":"host-local","b":1,"a":2},"mtu":9223372036854775807,"type":"bridge","z":1e400}`),
			},
			{
				Network: &types.PluginConf{Type: "portmap", Capabilities: map[string]bool{"portMappings": true, "other": false, "none": false}, DNS: types.DNS{Nameservers: []string{"1.1.1.1"}}},
				Bytes:   []byte(`{"capabilities":{"portMappings":true,"other":false,"none":null},"dns":{"nameservers":["1.1.1.1"]},"type":"portmap"}`),
			},
		},
	}, list)
}

// The place of every kind of mistake: its text is what upstream says, but for a
// value of another type, and the fields say where to look.
func TestConfErrorNamesThePlace(t *testing.T) {
	const head = "{\"cniVersion\": \"1.0.0\", \"name\": \"net\",\n \"plugins\": [\n  {\"type\": \"a\"},\n  "
	for _, c := range []struct{ name, src, text, pointer, place string }{
		{"empty", ``, "error parsing configuration list: unexpected end of JSON input", "", "1:1"},
		{"cut off", "{\n\"name\":", "error parsing configuration list: unexpected end of JSON input", "", "2:8"},
		{"trailing comma", "{\n\"name\":\"n\",\n}", "error parsing configuration list: invalid character '}' looking for beginning of object key string", "", "3:1"},
		{"byte order mark", "\xef\xbb\xbf{}", "error parsing configuration list: invalid character 'ï' looking for beginning of value", "", "1:1"},
		{"trailing data", "{\"name\":\"n\"}\n{}", "error parsing configuration list: invalid character '{' after top-level value", "", "2:1"},
		{"array", `[]`, "error parsing configuration list: JSON value is an array, not an object", "", "1:1"},
		{"null", `null`, "error parsing configuration list: no name", "", "1:1"},
		{"no name", `{}`, "error parsing configuration list: no name", "", "1:1"},
		{"name of another type", `{"name": {}}`, `error parsing configuration list: "name" must be a string, not an object`, "/name", "1:10 (/name)"},
		{"R1 name with a path", `{"name": "../x"}`, "error parsing configuration list: invalid characters found in network name; ../x", "/name", "1:10 (/name)"},
		{"version of another type", `{"name":"n","cniVersion": 1}`, `error parsing configuration list: "cniVersion" must be a string, not a number`, "/cniVersion", "1:27 (/cniVersion)"},
		{"flag of another type", `{"name":"n","disableGC": []}`, "error parsing configuration list: invalid type []interface {} for disableGC", "/disableGC", "1:26 (/disableGC)"},
		{"flag with another value", `{"name":"n","disableCheck": "Yes"}`, `error parsing configuration list: invalid value "yes" for disableCheck`, "/disableCheck", "1:29 (/disableCheck)"},
		{"plugins of another type", `{"name":"n","plugins": {}}`, "error parsing configuration list: invalid 'plugins' type map[string]interface {}", "/plugins", "1:24 (/plugins)"},
		{"R4 no plugins", `{"name":"n","plugins": []}`, "error parsing configuration list: no plugins in list", "/plugins", "1:24 (/plugins)"},
		{"only inlined without any", `{"name":"n","loadOnlyInlinedPlugins": true}`, "error parsing configuration list: `loadOnlyInlinedPlugins` is true, and no 'plugins' key", "", "1:1"},
		{"plugin without type", head + `{"x": 1}]}`, "failed to parse plugin config 1: error parsing configuration: missing 'type'", "/plugins/1", "4:3 (/plugins/1)"},
		{"plugin null", head + `null]}`, "failed to parse plugin config 1: error parsing configuration: missing 'type'", "/plugins/1", "4:3 (/plugins/1)"},
		{"plugin a string", head + `"x"]}`, "failed to parse plugin config 1: error parsing configuration: JSON value is a string, not an object", "/plugins/1", "4:3 (/plugins/1)"},
		{"type of another type", head + `{"type": 7}]}`, `failed to parse plugin config 1: error parsing configuration: "type" must be a string, not a number`, "/plugins/1/type", "4:12 (/plugins/1/type)"},
		{"dns of another type", head + `{"type": "b", "dns": []}]}`, `failed to parse plugin config 1: error parsing configuration: "dns" must be an object, not an array`, "/plugins/1/dns", "4:24 (/plugins/1/dns)"},
		{"capability of another type", head + `{"type": "b", "capabilities": {"x": 1}}]}`, `failed to parse plugin config 1: error parsing configuration: "x" must be true or false, not a number`, "/plugins/1/capabilities/x", "4:39 (/plugins/1/capabilities/x)"},
		{"capabilities of another type", head + `{"type": "b", "capabilities": ["x"]}]}`, `failed to parse plugin config 1: error parsing configuration: "capabilities" must be an object, not an array`, "/plugins/1/capabilities", "4:33 (/plugins/1/capabilities)"},
		{"ipam of another type", head + `{"type": "b", "ipam": "x"}]}`, `failed to parse plugin config 1: error parsing configuration: "ipam" must be an object, not a string`, "/plugins/1/ipam", "4:25 (/plugins/1/ipam)"},
		{"ipam type of another type", head + `{"type": "b", "ipam": {"type": ["x"]}}]}`, `failed to parse plugin config 1: error parsing configuration: "type" of "ipam" must be a string, not an array`, "/plugins/1/ipam/type", "4:34 (/plugins/1/ipam/type)"},
		{"R8 type with a slash", head + `{"type": "a/b"}]}`, "failed to parse plugin config 1: error parsing configuration: invalid plugin name: a/b", "/plugins/1/type", "4:12 (/plugins/1/type)"},
		{"R8 type with a backslash", head + `{"type": "a\\b"}]}`, `failed to parse plugin config 1: error parsing configuration: invalid plugin name: a\b`, "/plugins/1/type", "4:12 (/plugins/1/type)"},
		{"R8 ipam type with a slash", head + `{"type": "b", "ipam": {"type": "../x"}}]}`, "failed to parse plugin config 1: error parsing configuration: invalid plugin name: ../x", "/plugins/1/ipam/type", "4:34 (/plugins/1/ipam/type)"},
		{"two spellings of type", head + `{"type": "b", "TYPE": "c"}]}`, `failed to parse plugin config 1: error parsing configuration: both "type" and "TYPE" are there, and which of them counts depends on the reader`, "/plugins/1/TYPE", "4:25 (/plugins/1/TYPE)"},
		{"two spellings of ipam type", head + `{"type": "b", "ipam": {"type": "x", "Type": "y"}}]}`, `failed to parse plugin config 1: error parsing configuration: both "type" and "Type" are there, and which of them counts depends on the reader`, "/plugins/1/ipam/Type", "4:47 (/plugins/1/ipam/Type)"},
		{"R10 junk version", `{"name":"n","cniVersion":"1.x","plugins":[{"type":"a"}]}`, "", "/cniVersion", "1:26 (/cniVersion)"},
		{"R10 junk among versions", `{"name":"n","cniVersions":["1.0.0","v1"],"plugins":[{"type":"a"}]}`, "", "/cniVersions/1", "1:36 (/cniVersions/1)"},
		{"R10 versions of another type", `{"name":"n","cniVersions":"1.0.0"}`, "error parsing configuration list: invalid type for cniVersions: string", "/cniVersions", "1:27 (/cniVersions)"},
		{"R10 a version of another type", `{"name":"n","cniVersions":[1]}`, "error parsing configuration list: invalid type for cniVersions index 0: float64", "/cniVersions/0", "1:28 (/cniVersions/0)"},
		{"R10 newer versions only", `{"name":"n","cniVersion":"9.0.0","cniVersions":["8.0.0"],"plugins":[{"type":"a"}]}`, "", "/cniVersions", "1:48 (/cniVersions)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := NetworkConfFromBytes([]byte(c.src))
			assert.Nil(t, list)
			var conf *ConfError
			require.ErrorAs(t, err, &conf)
			if c.text != "" {
				assert.EqualError(t, err, c.text)
			}
			assert.Equal(t, c.pointer, conf.Pointer)
			assert.Equal(t, c.place, conf.Place())
			assert.Contains(t, fmt.Sprintf("%+v", err), "at:        "+c.place)
		})
	}
}

func TestVersionSelection(t *testing.T) {
	for _, c := range []struct{ name, members, want string }{
		{"none", ``, ""},
		{"one", `"cniVersion":"0.4.0",`, "0.4.0"},
		{"short form travels as written", `"cniVersion":"1.1",`, "1.1"},
		{"highest of several", `"cniVersions":["0.4.0","1.1.0","1.0.0"],`, "1.1.0"},
		{"highest known", `"cniVersions":["99.0.0","1.0.0"],"cniVersion":"0.3.1",`, "1.0.0"},
		{"cniVersion counts too", `"cniVersions":["0.1.0","0.4.0"],"cniVersion":"1.0.0",`, "1.0.0"},
		{"empty list", `"cniVersions":[],`, ""},
		{"a newer one alone is refused where it is used", `"cniVersion":"1.2.3",`, "1.2.3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := NetworkConfFromBytes([]byte(`{"name":"n",` + c.members + `"plugins":[{"type":"a"}]}`))
			require.NoError(t, err)
			assert.Equal(t, c.want, list.CNIVersion)
		})
	}
	t.Run("R10 newer only", func(t *testing.T) {
		_, err := NetworkConfFromBytes([]byte(`{"name":"n","cniVersions":["8.0.0"],"plugins":[{"type":"a"}]}`))
		var unsupported *version.UnsupportedError
		require.ErrorAs(t, err, &unsupported)
	})
}

// A lone odd spelling is read as encoding/json reads it.
func TestOddSpellings(t *testing.T) {
	plugin, err := NetworkPluginConfFromBytes([]byte(`{"TYPE":"a","Capabilities":{"x":true},"Ipam":{"Type":"i"}}`))
	require.NoError(t, err)
	assert.Equal(t, &types.PluginConf{Type: "a", Capabilities: map[string]bool{"x": true}, IPAM: types.IPAM{Type: "i"}}, plugin.Network)
	plugin, err = NetworkPluginConfFromBytes([]byte(`{"type":"a","type":"b"}`))
	require.NoError(t, err, "duplicates: the last one counts")
	assert.Equal(t, "b", plugin.Network.Type)
}

func TestDropInFolder_R4_R5_R6(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "10-net.conflist")
	write(t, file, `{"cniVersion":"1.0.0","name":"net","plugins":[{"type":"a"}]}`)
	write(t, filepath.Join(dir, "net", "20.conf"), `{"type":"c"}`)
	write(t, filepath.Join(dir, "net", "10.conf"), `{ "type": "b" }`)
	write(t, filepath.Join(dir, "net", "README"), `not json`)
	write(t, filepath.Join(dir, "other", "10.conf"), `{"type":"d"}`)

	list, err := NetworkConfFromFile(file)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b", "c"}, pluginTypes(list))
	assert.Equal(t, `{ "type": "b" }`, string(list.Plugins[1].Bytes))

	t.Run("R6 only inlined", func(t *testing.T) {
		write(t, file, `{"name":"net","loadOnlyInlinedPlugins":true,"plugins":[{"type":"a"}]}`)
		list, err := NetworkConfFromFile(file)
		require.NoError(t, err)
		assert.Equal(t, []string{"a"}, pluginTypes(list))
	})
	t.Run("only dropped in", func(t *testing.T) {
		write(t, file, `{"name":"net"}`)
		list, err := NetworkConfFromFile(file)
		require.NoError(t, err)
		assert.Equal(t, []string{"b", "c"}, pluginTypes(list))
	})
	t.Run("R5 a bad one names its file and network", func(t *testing.T) {
		bad := filepath.Join(dir, "net", "15.conf")
		write(t, bad, "{\n \"type\": 1}")
		_, err := NetworkConfFromFile(file)
		var conf *ConfError
		require.ErrorAs(t, err, &conf)
		assert.Equal(t, []any{bad, "net", "/type", 2, 10}, []any{conf.File, conf.Network, conf.Pointer, conf.Line, conf.Column})
		require.NoError(t, os.Remove(bad))
	})
	t.Run("none at all", func(t *testing.T) {
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "net")))
		_, err := NetworkConfFromFile(file)
		assert.EqualError(t, err, "no plugin configs found")
		assert.Contains(t, fmt.Sprintf("%+v", err), "at:        "+file)
	})
	t.Run("one plugin's configuration", func(t *testing.T) {
		write(t, file, `{"name":"net","type":"a"}`)
		_, err := NetworkConfFromFile(file)
		assert.EqualError(t, err, `no plugin configs found: this is the configuration of one plugin: name the file *.conf, or put it into a list's "plugins"`)
	})
	t.Run("R1 a folder's name cannot lead elsewhere", func(t *testing.T) {
		_, err := NetworkPluginConfsFromFiles(dir, "../"+filepath.Base(dir)+"/other")
		assert.ErrorContains(t, err, "invalid characters found in network name")
	})
}

func TestLoadNetworkConf(t *testing.T) {
	dir := t.TempDir()
	_, err := LoadNetworkConf(dir, "net")
	assert.Equal(t, NoConfigsFoundError{Dir: dir}, err)
	assert.Equal(t, err.Error()+"\n    to do:     install a network: a file *.conflist in that directory, or name another one", fmt.Sprintf("%+v", err))
	assert.Equal(t, err.Error(), fmt.Sprint(err))
	err = NotFoundError{Dir: dir, Name: "net"}
	assert.Equal(t, err.Error()+"\n    to do:     correct the name, or write a file *.conflist whose \"name\" it is", fmt.Sprintf("%+v", err))
	_, err = LoadNetworkConf(filepath.Join(dir, "missing"), "net")
	assert.ErrorAs(t, err, &NoConfigsFoundError{})

	write(t, filepath.Join(dir, "10-bad.conflist"), `{`)
	write(t, filepath.Join(dir, "20-net.conflist"), `{"name":"net","plugins":[{"type":"a"}]}`)
	write(t, filepath.Join(dir, "30-net.conflist"), `{"name":"net","plugins":[{"type":"b"}]}`)
	write(t, filepath.Join(dir, "40-broken.conflist"), `{"name":"broken","plugins":[{"type":1}]}`)
	write(t, filepath.Join(dir, "50-single.conf"), `{"name":"single","cniVersion":"0.3.1","type":"c"}`)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "60-dir.conflist"), 0o755))

	t.Run("a bad neighbour takes nothing down", func(t *testing.T) {
		list, err := LoadNetworkConf(dir, "net")
		require.NoError(t, err)
		assert.Equal(t, []string{"a"}, pluginTypes(list), "the first in lexical order")
	})
	t.Run("a single configuration becomes a list", func(t *testing.T) {
		list, err := LoadConfList(dir, "single")
		require.NoError(t, err)
		assert.Equal(t, "single 0.3.1 [c]", fmt.Sprint(list.Name, " ", list.CNIVersion, " ", pluginTypes(list)))
	})
	t.Run("nor does one among the single configurations", func(t *testing.T) {
		bad := filepath.Join(dir, "45-bad.conf")
		write(t, bad, `{"name":"single"`)
		defer os.Remove(bad)
		list, err := LoadNetworkConf(dir, "single")
		require.NoError(t, err)
		assert.Equal(t, []string{"c"}, pluginTypes(list))
		_, err = LoadConf(dir, "single")
		var conf *ConfError
		require.ErrorAs(t, err, &conf, "LoadConf stops there, as upstream's does")
		assert.Equal(t, bad, conf.File)
	})
	t.Run("a single configuration that makes no list names its file", func(t *testing.T) {
		bad := filepath.Join(dir, "46-odd.conf")
		write(t, bad, "{\n  \"type\": \"c\",\n  \"name\": \"a/b\"\n}")
		defer os.Remove(bad)
		_, err := LoadNetworkConf(dir, "a/b")
		var conf *ConfError
		require.ErrorAs(t, err, &conf)
		assert.Equal(t, bad+":3:11 (/name)", conf.Place(), "where it stands in the file")
		set, err := LoadDir(dir)
		require.NoError(t, err)
		_, err = set.Get("a/b")
		require.ErrorAs(t, err, &conf)
		assert.Equal(t, bad+":3:11 (/name)", conf.Place())
	})
	t.Run("a later file of the name does not stand in for a bad one", func(t *testing.T) {
		later := filepath.Join(dir, "41-broken.conflist")
		write(t, later, `{"name":"broken","plugins":[{"type":"d"}]}`)
		defer os.Remove(later)
		_, err := LoadNetworkConf(dir, "broken")
		var conf *ConfError
		require.ErrorAs(t, err, &conf, "as upstream's, which stops at any bad file")
		assert.Equal(t, filepath.Join(dir, "40-broken.conflist"), conf.File)
	})
	t.Run("the network itself is broken", func(t *testing.T) {
		_, err := LoadNetworkConf(dir, "broken")
		var conf *ConfError
		require.ErrorAs(t, err, &conf)
		assert.Equal(t, "40-broken.conflist:1:37 (/plugins/0/type)", strings.TrimPrefix(conf.Place(), dir+"/"))
	})
	t.Run("without a match the first bad file is the answer", func(t *testing.T) {
		_, err := LoadNetworkConf(dir, "absent")
		assert.EqualError(t, err, "error parsing configuration list: unexpected end of JSON input")
		var conf *ConfError
		require.ErrorAs(t, err, &conf)
		assert.Equal(t, filepath.Join(dir, "10-bad.conflist"), conf.File)
	})
	t.Run("without a match or a bad file", func(t *testing.T) {
		require.NoError(t, os.Remove(filepath.Join(dir, "10-bad.conflist")))
		require.NoError(t, os.Remove(filepath.Join(dir, "40-broken.conflist")))
		_, err := LoadNetworkConf(dir, "absent")
		assert.Equal(t, NotFoundError{Dir: dir, Name: "absent"}, err)
		assert.EqualError(t, err, `no net configuration with name "absent" in `+dir)
	})
}

func TestConfFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.conf", "a.conf", "c.json", "d.conflist", "e.conf.bak", ".hidden.conf"} {
		write(t, filepath.Join(dir, name), "")
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "x.conf"), 0o755))
	files, err := ConfFiles(dir, []string{".conf", ".json"})
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(dir, ".hidden.conf"), filepath.Join(dir, "a.conf"), filepath.Join(dir, "b.conf"), filepath.Join(dir, "c.json")}, files)
	files, err = ConfFiles(filepath.Join(dir, "nope"), []string{".conf"})
	assert.NoError(t, err)
	assert.Nil(t, files)
	_, err = ConfFiles(filepath.Join(dir, "a.conf"), nil)
	assert.Error(t, err)
}

func TestInjectConf(t *testing.T) {
	original := &PluginConfig{Bytes: []byte(`{"type":"a", "n": 9223372036854775807, "deep": {"b": 1, "a": [ {"d":1, "c":1.0} ]}}`)}
	got, err := InjectConf(original, map[string]interface{}{"name": "net", "n2": 1})
	require.NoError(t, err)
	assert.Equal(t, `{"deep":{"a":[{"c":1.0,"d":1}],"b":1},"n":9223372036854775807,"n2":1,"name":"net","type":"a"}`, string(got.Bytes))
	assert.Equal(t, "net", got.Network.Name)

	for name, c := range map[string]struct {
		conf   *PluginConfig
		values map[string]interface{}
		err    string
	}{
		"nil":             {nil, nil, "no plugin configuration to inject values into"},
		"not JSON":        {&PluginConfig{Bytes: []byte(`{`)}, nil, "unmarshal existing network bytes: unexpected end of JSON input"},
		"null":            {&PluginConfig{Bytes: []byte(`null`)}, nil, "unmarshal existing network bytes: JSON value is null, not an object"},
		"empty key":       {original, map[string]interface{}{"": 1}, "keys cannot be empty"},
		"nil value":       {original, map[string]interface{}{"test": nil}, "key 'test' value must not be nil"},
		"no JSON form":    {original, map[string]interface{}{"test": make(chan int)}, "key 'test': json: unsupported type: chan int"},
		"type taken away": {original, map[string]interface{}{"type": ""}, "error parsing configuration: missing 'type'"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := InjectConf(c.conf, c.values)
			assert.EqualError(t, err, c.err)
		})
	}
}

func TestConfListFromConf(t *testing.T) {
	single, err := ConfFromBytes([]byte(`{"name":"n","cniVersion":"0.3.1","type":"a","big":9223372036854775807}`))
	require.NoError(t, err)
	list, err := ConfListFromConf(single)
	require.NoError(t, err)
	assert.Equal(t, `{"cniVersion":"0.3.1","name":"n","plugins":[{"big":9223372036854775807,"cniVersion":"0.3.1","name":"n","type":"a"}]}`, string(list.Bytes))
	assert.Equal(t, single.Network, list.Plugins[0].Network)
	again, err := NetworkConfFromBytes(list.Bytes)
	require.NoError(t, err)
	assert.Equal(t, list, again)
	for _, c := range []*PluginConfig{nil, {}, {Network: &types.PluginConf{Name: "n"}, Bytes: []byte("[]")}} {
		_, err := ConfListFromConf(c)
		assert.Error(t, err)
	}
}

// FuzzNetworkConfFromBytes: a list exactly when there is no error, with plugins
// that can be parsed again to the same, and always the bytes that came in.
func FuzzNetworkConfFromBytes(f *testing.F) {
	for _, s := range []string{
		`{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"a","ipam":{"type":"b"},"capabilities":{"x":true}}]}`,
		`{"cniVersion":"0.3.1","name":"cbr0","plugins":[{"type":"flannel","delegate":{"hairpinMode":true}},{"type":"portmap","capabilities":{"portMappings":true}}]}`,
		`{"cniVersions":["0.4.0","9.0.0"],"name":"n","disableCheck":"true","plugins":[{"Type":"a"},{"type":"b","TYPE":"c"}]}`,
		`{"name":"n","plugins":[{"type":"a","prevResult":{"ips":[null]},"cni.dev/valid-attachments":[]}]}`,
		`{"name":"n"}`, `null`, `[]`, `{`, "\xef\xbb\xbf{}", `{"name":"n","plugins":[null]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		list, err := NetworkConfFromBytes(src)
		if err != nil {
			require.Nil(t, list)
			var conf *ConfError
			require.True(t, errors.As(err, &conf))
			require.NotEmpty(t, fmt.Sprintf("%+v", err))
			return
		}
		require.Equal(t, string(src), string(list.Bytes))
		for _, p := range list.Plugins {
			again, err := NetworkPluginConfFromBytes(p.Bytes)
			require.NoError(t, err)
			require.Equal(t, p, again)
		}
		n, err := networkOfList(list)
		require.NoError(t, err)
		if len(list.Plugins) > 0 {
			recorded, err := NetworkConfFromBytes(n.config())
			require.NoError(t, err, "what is recorded can be loaded")
			recorded.Bytes = list.Bytes
			require.Equal(t, list, recorded)
		}
	})
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func pluginTypes(list *NetworkConfigList) []string {
	var names []string
	for _, p := range list.Plugins {
		names = append(names, p.Network.Type)
	}
	return names
}
