package libcni

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

const v1 = `"cniVersion":"1.0.0",`

func TestAddRunsForwardAndPassesResults_R36_R42(t *testing.T) {
	f := newFixture(t, Options{})
	f.fake.replies = map[string]any{
		"one ADD":   `{"cniVersion":"1.0.0","vendor":{"big":9223372036854775807,"exp":1e400,"esc":"\u003c"}, "ips":[{"address":"10.0.0.2/24"}]}`,
		"two ADD":   `{ "cniVersion":"1.0.0", "ips":[{"address":"10.0.0.3/24"}] }`,
		"three ADD": `{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.4/24"}]}`,
	}
	f.rt.Args = [][2]string{{"IgnoreUnknown", "1"}, {"K", "v=w"}}
	result, err := f.AddNetworkList(t.Context(), list3(t, v1), f.rt)
	require.NoError(t, err)
	assert.Equal(t, "1.0.0", result.Version())

	runs := f.fake.take()
	require.Len(t, runs, 3)
	assert.Equal(t, `{"cniVersion":"1.0.0","name":"net","type":"one"}`, runs[0].stdin)
	assert.Equal(t, `{"cniVersion":"1.0.0","name":"net","prevResult":{"cniVersion":"1.0.0","vendor":{"big":9223372036854775807,"exp":1e400,"esc":"\u003c"}, "ips":[{"address":"10.0.0.2/24"}]},"type":"two"}`, runs[1].stdin)
	assert.Equal(t, `{ "cniVersion":"1.0.0", "ips":[{"address":"10.0.0.3/24"}] }`, runs[2].prev())
	for _, r := range runs {
		assert.Equal(t, map[string]string{
			"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c1", "CNI_NETNS": "/run/netns/c1", "CNI_IFNAME": "eth0",
			"CNI_ARGS": "IgnoreUnknown=1;K=v=w", "CNI_PATH": filepath.FromSlash("/opt/cni/bin"),
		}, r.env)
	}
}

func TestCheckForwardDelReverseWithTheRecordedResult_R38_R40_R19(t *testing.T) {
	for _, c := range []struct {
		version  string
		del      bool // DEL gets prevResult
		hasCheck bool
	}{{"", false, false}, {"0.1.0", false, false}, {"0.2.0", false, false}, {"0.3.0", false, false}, {"0.3.1", false, false}, {"0.4.0", true, true}, {"1.0.0", true, true}, {"1.1.0", true, true}} {
		t.Run("version "+c.version, func(t *testing.T) {
			f := newFixture(t, Options{})
			list := list3(t, fmt.Sprintf(`"cniVersion":%q,`, c.version))
			_, err := f.AddNetworkList(t.Context(), list, f.rt)
			require.NoError(t, err)
			f.fake.take()

			err = f.CheckNetworkList(t.Context(), list, f.rt)
			runs := f.fake.take()
			if c.hasCheck {
				require.NoError(t, err)
				require.Len(t, runs, 3)
				for i, plugin := range []string{"one", "two", "three"} {
					assert.Equal(t, plugin, runs[i].plugin)
					assert.JSONEq(t, fmt.Sprintf(`{"cniVersion":%q}`, c.version), runs[i].prev())
				}
			} else {
				assert.ErrorIs(t, err, ErrorCheckNotSupp)
				assert.EqualError(t, err, fmt.Sprintf("configuration version %q does not support the CHECK command", c.version))
				assert.Empty(t, runs)
			}

			for again := range 2 {
				require.NoError(t, f.DelNetworkList(t.Context(), list, f.rt))
				runs = f.fake.take()
				require.Len(t, runs, 3, "R31: DEL may be repeated")
				for i, plugin := range []string{"three", "two", "one"} {
					assert.Equal(t, plugin, runs[i].plugin)
					assert.Equal(t, c.del && again == 0, runs[i].prev() != "")
				}
			}
		})
	}
}

// A version of two numbers: results write it with three, and CHECK and DEL get them
// all the same.
func TestVersionOfTwoNumbers_R19(t *testing.T) {
	for short, long := range map[string]string{"0.4": "0.4.0", "1.0": "1.0.0", "1.1": "1.1.0"} {
		f := newFixture(t, Options{})
		list := list3(t, fmt.Sprintf(`"cniVersion":%q,`, short))
		_, err := f.AddNetworkList(t.Context(), list, f.rt)
		require.NoError(t, err)
		result, err := f.GetNetworkListCachedResult(list, f.rt)
		require.NoError(t, err)
		assert.Equal(t, long, result.Version())
		f.fake.take()
		require.NoError(t, f.CheckNetworkList(t.Context(), list, f.rt))
		require.NoError(t, f.DelNetworkList(t.Context(), list, f.rt))
		runs := f.fake.take()
		require.Len(t, runs, 6)
		for _, r := range runs {
			assert.Contains(t, r.stdin, fmt.Sprintf(`{"cniVersion":%q,`, short), "as it is written")
			assert.JSONEq(t, fmt.Sprintf(`{"cniVersion":%q}`, long), r.prev(), r.command)
		}
	}
}

func TestMissingBinary_R34(t *testing.T) {
	f := newFixture(t, Options{})
	f.fake.missing = []string{"two"}
	list := list3(t, `"cniVersion":"1.1.0",`)

	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	assert.ErrorIs(t, err, invoke.ErrPluginNotFound)
	assert.ErrorContains(t, err, `plugin type="two" failed (add): failed to find plugin "two"`)
	e := pluginError(t, err)
	assert.Equal(t, []string{"two", "ADD", "net", "c1", "eth0"}, []string{e.Plugin, e.Command, e.Network, e.ContainerID, e.IfName})
	assert.Empty(t, f.fake.calls(), "ADD: found out before the first plugin")
	assert.Contains(t, e.LogValue().String(), "toDo=install it in ")
	assert.Contains(t, fmt.Sprintf("%+v", err), "to do:     install it in "+filepath.FromSlash("/opt/cni/bin")+", ")

	f.fake.missing = []string{"one", "three", "host-lokal"}
	all := mustList(t, `{"cniVersion":"1.1.0","name":"net","plugins":[{"type":"one","ipam":{"type":"host-lokal"}},{"type":"two"},{"type":"three"},{"type":"three"}]}`)
	_, err = f.AddNetworkList(t.Context(), all, f.rt)
	assert.ErrorContains(t, err, `plugin type="one" failed (add): failed to find plugin "one"`)
	assert.NotContains(t, err.Error(), "three")
	assert.Contains(t, fmt.Sprintf("%+v", err), "; missing as well: host-lokal, three")
	f.fake.missing = []string{"two"}

	assert.ErrorIs(t, f.CheckNetworkList(t.Context(), list, f.rt), invoke.ErrPluginNotFound)
	assert.Empty(t, f.fake.calls(), "CHECK: found out before the first plugin")

	assert.ErrorIs(t, f.DelNetworkList(t.Context(), list, f.rt), invoke.ErrPluginNotFound)
	assert.Equal(t, []string{"three DEL"}, f.fake.calls(), "DEL: as it goes")

	assert.ErrorIs(t, f.gcPlugins(t.Context(), mustNetwork(t, list), nil), invoke.ErrPluginNotFound)
	assert.Equal(t, []string{"one GC", "three GC"}, f.fake.calls(), "GC: as it goes, and on")

	assert.ErrorIs(t, f.GetStatusNetworkList(t.Context(), list), invoke.ErrPluginNotFound)
	assert.Equal(t, []string{"one STATUS"}, f.fake.calls())
}

// What is missing for CHECK, DEL and GC was there for ADD: to correct the type is no
// advice then.
func TestAdviceOnAMissingPlugin(t *testing.T) {
	f := newFixture(t, Options{})
	list := list3(t, `"cniVersion":"1.1.0",`)
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	f.fake.missing = []string{"two"}
	for command, do := range map[string]func() error{
		"CHECK": func() error { return f.CheckNetworkList(t.Context(), list, f.rt) },
		"DEL":   func() error { return f.DelNetworkList(t.Context(), list, f.rt) },
		"DEL from the record": func() error {
			return f.DelAttachment(t.Context(), AttachmentKey{"net", f.rt.ContainerID, f.rt.IfName})
		},
		"GC":     func() error { return f.gcPlugins(t.Context(), mustNetwork(t, list), nil) },
		"ADD":    func() error { _, err := f.AddNetworkList(t.Context(), list, f.rt); return err },
		"STATUS": func() error { return f.GetStatusNetworkList(t.Context(), list) },
	} {
		verb, _, _ := strings.Cut(command, " ")
		dir := filepath.FromSlash("/opt/cni/bin")
		err := do()
		want := "\n    to do:     install it again in " + dir + ", or name the directory that has it in the plugin path: " + verb + " runs the plugins that ADD ran"
		if verb == "ADD" || verb == "STATUS" {
			want = "\n    to do:     install it in " + dir + `, or name the directory that has it in the plugin path, or correct the "type" in the configuration of network "net"`
		} else {
			assert.NotContains(t, fmt.Sprintf("%+v", err), "correct the", command)
		}
		assert.Contains(t, fmt.Sprintf("%+v", err), want, command)
	}
}

func TestErrorsHaltAndAreUpstreams_R36_R38_R40(t *testing.T) {
	f := newFixture(t, Options{})
	list := list3(t, `"cniVersion":"1.1.0",`)
	f.fake.replies = map[string]any{"two ADD": errBanana, "two CHECK": errBanana, "two DEL": errBanana, "two STATUS": errBanana}

	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	assert.EqualError(t, err, `plugin type="two" failed (add): plugin error: banana`)
	assert.Equal(t, error(errBanana), errors.Unwrap(err), "upstream's suite compares it so")
	e := pluginError(t, err)
	assert.Equal(t, []string{"two", "ADD", "net", "c1", "eth0"}, []string{e.Plugin, e.Command, e.Network, e.ContainerID, e.IfName})
	for _, part := range []string{"two", "ADD", "net", "c1", "eth0", "banana"} {
		assert.Contains(t, fmt.Sprintf("%+v", err), part)
	}
	assert.Equal(t, []string{"one ADD", "two ADD"}, f.fake.calls())

	err = f.CheckNetworkList(t.Context(), list, f.rt)
	assert.EqualError(t, err, "plugin error: banana")
	assert.Equal(t, []string{"one CHECK", "two CHECK"}, f.fake.calls())

	err = f.DelNetworkList(t.Context(), list, f.rt)
	assert.EqualError(t, err, `plugin type="two" failed (delete): plugin error: banana`)
	assert.Equal(t, error(errBanana), errors.Unwrap(err))
	assert.Equal(t, []string{"three DEL", "two DEL"}, f.fake.calls())

	err = f.GetStatusNetworkList(t.Context(), list)
	assert.EqualError(t, err, "plugin error: banana")
	assert.Equal(t, "two", pluginError(t, err).Plugin, "STATUS names the plugin in its fields")
	assert.Equal(t, []string{"one STATUS", "two STATUS"}, f.fake.calls())

	var own *types.Error
	require.ErrorAs(t, err, &own)
	assert.Equal(t, types.ErrInternal, own.Code)
}

func TestContinueOnDelError_R40(t *testing.T) {
	f := newFixture(t, Options{ContinueOnDelError: true})
	list := list3(t, v1)
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	f.fake.calls()
	f.fake.replies = map[string]any{"three DEL": errBanana, "one DEL": errors.New("cherry")}
	err = f.DelNetworkList(t.Context(), list, f.rt)
	assert.EqualError(t, err, "plugin type=\"three\" failed (delete): plugin error: banana\nplugin type=\"one\" failed (delete): cherry")
	assert.Equal(t, []string{"three DEL", "two DEL", "one DEL"}, f.fake.calls())
	result, err := f.GetNetworkListCachedResult(list, f.rt)
	require.NoError(t, err)
	assert.NotNil(t, result, "the record stays until every plugin's DEL succeeded")
}

func TestDisableCheckAndDisableGC_R2_R3(t *testing.T) {
	f := newFixture(t, Options{})
	for _, version := range []string{"0.3.1", "1.1.0"} {
		list := list3(t, `"cniVersion":"`+version+`","disableCheck":true,"disableGC":true,`)
		assert.NoError(t, f.CheckNetworkList(t.Context(), list, f.rt))
		assert.NoError(t, f.GCNetworkList(t.Context(), list, &GCArgs{}))
	}
	assert.Empty(t, f.fake.calls())
}

func TestStatusOnlyFrom110(t *testing.T) {
	f := newFixture(t, Options{})
	require.NoError(t, f.GetStatusNetworkList(t.Context(), list3(t, v1)))
	assert.Empty(t, f.fake.calls())
	require.NoError(t, f.GetStatusNetworkList(t.Context(), list3(t, `"cniVersion":"1.1.0",`)))
	for _, r := range f.fake.take() {
		assert.Equal(t, `{"cniVersion":"1.1.0","name":"net","type":"`+r.plugin+`"}`, r.stdin)
		assert.Equal(t, map[string]string{"CNI_COMMAND": "STATUS", "CNI_CONTAINERID": "", "CNI_NETNS": "", "CNI_IFNAME": "", "CNI_ARGS": "", "CNI_PATH": filepath.FromSlash("/opt/cni/bin")}, r.env)
	}
	junk := list3(t, "")
	junk.CNIVersion = "junk"
	assert.Error(t, f.GetStatusNetworkList(t.Context(), junk), "a bad cniVersion is an error")
}

// Every verb checks its arguments before any file or process.
func TestBadArguments_R1_R10_R13_R14_R15(t *testing.T) {
	good := func(change func(l *NetworkConfigList, rt *RuntimeConf)) func(t *testing.T) (*NetworkConfigList, *RuntimeConf) {
		return func(t *testing.T) (*NetworkConfigList, *RuntimeConf) {
			l, rt := list3(t, `"cniVersion":"1.1.0",`), &RuntimeConf{ContainerID: "c1", IfName: "eth0"}
			change(l, rt)
			return l, rt
		}
	}
	for _, c := range []struct {
		name, field string
		args        func(t *testing.T) (*NetworkConfigList, *RuntimeConf)
		noStatus    bool // not an argument of STATUS
	}{
		{"nil list", "network", func(t *testing.T) (*NetworkConfigList, *RuntimeConf) {
			return nil, &RuntimeConf{ContainerID: "c1", IfName: "eth0"}
		}, false},
		{"nil runtime configuration", "runtime configuration", func(t *testing.T) (*NetworkConfigList, *RuntimeConf) {
			return list3(t, `"cniVersion":"1.1.0",`), nil
		}, true},
		{"nil plugin", "plugins[1]", good(func(l *NetworkConfigList, _ *RuntimeConf) { l.Plugins[1] = nil }), false},
		{"nil Network", "plugins[2]", good(func(l *NetworkConfigList, _ *RuntimeConf) { l.Plugins[2].Network = nil }), false},
		{"R4 empty list", "plugins", good(func(l *NetworkConfigList, _ *RuntimeConf) { l.Plugins = nil }), false},
		{"R1 network name", "name", good(func(l *NetworkConfigList, _ *RuntimeConf) { l.Name = "../x" }), false},
		{"R1 no network name", "name", good(func(l *NetworkConfigList, _ *RuntimeConf) { l.Name = "" }), false},
		{"R10 unknown version", "cniVersion", good(func(l *NetworkConfigList, _ *RuntimeConf) { l.CNIVersion = "1.2.0" }), false},
		{"R10 junk version", "cniVersion", good(func(l *NetworkConfigList, _ *RuntimeConf) { l.CNIVersion = "latest" }), false},
		{"R13 no container", "containerID", good(func(_ *NetworkConfigList, rt *RuntimeConf) { rt.ContainerID = "" }), true},
		{"R13 container", "containerID", good(func(_ *NetworkConfigList, rt *RuntimeConf) { rt.ContainerID = "a/../b" }), true},
		{"R14 no interface", "ifName", good(func(_ *NetworkConfigList, rt *RuntimeConf) { rt.IfName = "" }), true},
		{"R14 interface", "ifName", good(func(_ *NetworkConfigList, rt *RuntimeConf) { rt.IfName = "a/b" }), true},
		{"NUL in netns", "netns", good(func(_ *NetworkConfigList, rt *RuntimeConf) { rt.NetNS = "a\x00b" }), true},
		{"R15 empty key", "args", good(func(_ *NetworkConfigList, rt *RuntimeConf) { rt.Args = [][2]string{{"", "x"}} }), true},
		{"R15 semicolon in value", "args", good(func(_ *NetworkConfigList, rt *RuntimeConf) { rt.Args = [][2]string{{"a", "b;c=d"}} }), true},
		{"R15 equals sign in key", "args", good(func(_ *NetworkConfigList, rt *RuntimeConf) { rt.Args = [][2]string{{"a=b", "c"}} }), true},
		{"R15 NUL", "args", good(func(_ *NetworkConfigList, rt *RuntimeConf) { rt.Args = [][2]string{{"a", "\x00"}} }), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			list, rt := c.args(t)
			verbs := map[string]func() error{
				"ADD":   func() error { _, err := f.AddNetworkList(t.Context(), list, rt); return err },
				"CHECK": func() error { return f.CheckNetworkList(t.Context(), list, rt) },
				"DEL":   func() error { return f.DelNetworkList(t.Context(), list, rt) },
			}
			if !c.noStatus {
				verbs["STATUS"] = func() error { return f.GetStatusNetworkList(t.Context(), list) }
			}
			for command, verb := range verbs {
				var r *RequestError
				if assert.ErrorAs(t, verb(), &r, command) {
					assert.Equal(t, []string{command, c.field}, []string{r.Command, r.Field})
				}
			}
			assert.Empty(t, f.fake.calls())
			files, err := os.ReadDir(f.opts.CacheDir)
			require.NoError(t, err)
			assert.Empty(t, files)
		})
	}
}

// A prevResult in a file never reaches ADD or CHECK (R9).
func TestPrevResultInAFile_R9(t *testing.T) {
	f := newFixture(t, Options{})
	list := mustList(t, `{"name":"net","cniVersion":"1.1.0","plugins":[{"type":"one","prevResult":{"cniVersion":"1.1.0","dns":{}}}]}`)
	require.NoError(t, f.CheckNetworkList(t.Context(), list, f.rt))
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	require.NoError(t, f.DelNetworkList(t.Context(), list, f.rt))
	require.NoError(t, f.DelNetworkList(t.Context(), list, f.rt))
	var prevs []string
	for _, r := range f.fake.take() {
		prevs = append(prevs, r.command+" "+r.prev())
	}
	assert.Equal(t, []string{
		"CHECK ", "ADD ", `DEL {"cniVersion":"1.1.0"}`, `DEL {"cniVersion":"1.1.0","dns":{}}`,
	}, prevs, "without a record DEL passes it on, as upstream's suite demands of a list from bytes")

	dir := t.TempDir()
	file := filepath.Join(dir, "net.conflist")
	write(t, file, string(list.Bytes))
	write(t, filepath.Join(dir, "net", "drop.conf"), `{"type":"two","prevResult":{"cniVersion":"1.1.0"},"CNI.dev/attachments":[]}`)
	list, err = NetworkConfFromFile(file)
	require.NoError(t, err)
	_, err = f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	config, _, err := f.GetNetworkListCachedConfig(list, f.rt)
	require.NoError(t, err)
	assert.NotContains(t, string(config), "prevResult")
	require.NoError(t, f.DelNetworkList(t.Context(), list, f.rt))
	f.fake.take()
	require.NoError(t, f.DelNetworkList(t.Context(), list, f.rt))
	require.NoError(t, f.GetStatusNetworkList(t.Context(), list))
	require.NoError(t, f.GCNetworkList(t.Context(), list, &GCArgs{}))
	for _, r := range f.fake.take() {
		assert.Empty(t, r.prev(), "%s %s: a list from a file has none", r.plugin, r.command)
	}
}

func TestArgumentErrorsOfAddAreUpstreams(t *testing.T) {
	f := newFixture(t, Options{})
	list := list3(t, v1)
	f.rt.ContainerID = "%"
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	assert.EqualError(t, err, `plugin type="one" failed (add): invalid characters in containerID; %`)
	assert.Equal(t, error(types.NewError(types.ErrInvalidEnvironmentVariables, "invalid characters in containerID", "%")), errors.Unwrap(err))
}

func TestSinglePlugin(t *testing.T) {
	f := newFixture(t, Options{})
	plugin := mustPlugin(t, `{"name":"solo","cniVersion":"0.4.0","type":"one","x":1.0}`)
	_, err := f.AddNetwork(t.Context(), plugin, f.rt)
	require.NoError(t, err)
	require.NoError(t, f.CheckNetwork(t.Context(), plugin, f.rt))
	config, _, err := f.GetNetworkCachedConfig(plugin, f.rt)
	require.NoError(t, err)
	assert.Equal(t, string(plugin.Bytes), string(config))
	result, err := f.GetNetworkCachedResult(plugin, f.rt)
	require.NoError(t, err)
	assert.Equal(t, "0.4.0", result.Version())
	require.NoError(t, f.DelNetwork(t.Context(), plugin, f.rt))
	runs := f.fake.take()
	require.Len(t, runs, 3)
	assert.Equal(t, `{"cniVersion":"0.4.0","name":"solo","type":"one","x":1.0}`, runs[0].stdin)
	assert.Equal(t, `{"cniVersion":"0.4.0","name":"solo","prevResult":{"cniVersion":"0.4.0"},"type":"one","x":1.0}`, runs[1].stdin)
	assert.Equal(t, runs[1].stdin, runs[2].stdin)

	plugin.Network.Name = "renamed"
	_, err = f.AddNetwork(t.Context(), plugin, f.rt)
	require.NoError(t, err)
	config, _, err = f.GetNetworkCachedConfig(plugin, f.rt)
	require.NoError(t, err)
	assert.Equal(t, `{"cniVersion":"0.4.0","type":"one","x":1.0,"name":"renamed"}`, string(config), "a name edited in Network alone is recorded")

	f.fake.replies = map[string]any{"ADD": errBanana, "DEL": errBanana, "CHECK": errBanana}
	_, err = f.AddNetwork(t.Context(), plugin, f.rt)
	assert.EqualError(t, err, "plugin error: banana")
	assert.EqualError(t, f.CheckNetwork(t.Context(), plugin, f.rt), "plugin error: banana")
	assert.EqualError(t, f.DelNetwork(t.Context(), plugin, f.rt), "plugin error: banana")

	for _, bad := range []*PluginConfig{nil, {}} {
		var r *RequestError
		_, err := f.AddNetwork(t.Context(), bad, f.rt)
		assert.ErrorAs(t, err, &r)
		assert.ErrorAs(t, f.CheckNetwork(t.Context(), bad, f.rt), &r)
		assert.ErrorAs(t, f.DelNetwork(t.Context(), bad, f.rt), &r)
		_, err = f.ValidateNetwork(t.Context(), bad)
		assert.ErrorAs(t, err, &r)
	}
}

func TestEffectiveConfigIsRecorded(t *testing.T) {
	loaded := `{"name":"net","vendor":7,"cniVersion":"0.4.0","cniVersions":["1.0.0"],"plugins":[{"type":"one", "a":1}],"disableCheck":"true"}`
	for _, c := range []struct {
		name string
		list func(t *testing.T) *NetworkConfigList
		want string
	}{
		{"as loaded", func(t *testing.T) *NetworkConfigList { return mustList(t, loaded) }, loaded},
		{"with a drop-in", func(t *testing.T) *NetworkConfigList {
			l := mustList(t, loaded)
			l.Plugins = append(l.Plugins, mustPlugin(t, `{"type":"two"}`))
			return l
		}, `{"vendor":7,"cniVersion":"1.0.0","name":"net","plugins":[{"a":1,"type":"one"},{"type":"two"}],"disableCheck":true}`},
		{"edited", func(t *testing.T) *NetworkConfigList {
			l := mustList(t, loaded)
			l.CNIVersion, l.DisableCheck, l.DisableGC = "1.1.0", false, true
			l.Plugins[0] = mustPlugin(t, `{"type":"other"}`)
			return l
		}, `{"vendor":7,"cniVersion":"1.1.0","name":"net","plugins":[{"type":"other"}],"disableGC":true}`},
		{"capabilities edited in Network alone", func(t *testing.T) *NetworkConfigList {
			l := mustList(t, loaded)
			l.Plugins[0].Network.Capabilities = map[string]bool{"ips": true}
			return l
		}, `{"vendor":7,"cniVersion":"1.0.0","name":"net","plugins":[{"a":1,"type":"one","capabilities":{"ips":true}}],"disableCheck":true}`},
		{"one capability twice in the file, and another edited", func(t *testing.T) *NetworkConfigList {
			l := mustList(t, `{"name":"net","cniVersion":"1.0.0","plugins":[{"type":"one","capabilities":{"ips":true,"ips":true}}]}`)
			l.Plugins[0].Network.Capabilities["mac"] = true
			return l
		}, `{"cniVersion":"1.0.0","name":"net","plugins":[{"type":"one","capabilities":{"ips":true,"mac":true}}]}`},
		{"built by hand", func(t *testing.T) *NetworkConfigList {
			return &NetworkConfigList{Name: "net", CNIVersion: "1.0.0", Plugins: []*PluginConfig{mustPlugin(t, `{"type":"one"}`)}}
		}, `{"cniVersion":"1.0.0","name":"net","plugins":[{"type":"one"}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			list := c.list(t)
			_, err := f.AddNetworkList(t.Context(), list, f.rt)
			require.NoError(t, err)
			config, _, err := f.GetNetworkListCachedConfig(list, f.rt)
			require.NoError(t, err)
			assert.Equal(t, c.want, string(config))
			again := mustList(t, string(config))
			require.Len(t, again.Plugins, len(list.Plugins))
			for i, p := range list.Plugins {
				assert.Equal(t, p.Network, again.Plugins[i].Network)
			}
			again.Bytes, again.Plugins = list.Bytes, list.Plugins
			assert.Equal(t, list, again, "the same network comes out of it")
		})
	}
}

func TestEditedTypeIsRunAndRecorded(t *testing.T) {
	for _, conf := range []string{`{"type":"one","x":1.0}`, `{"TYPE":"one","x":1.0}`} {
		f := newFixture(t, Options{})
		list := mustList(t, `{"name":"net","cniVersion":"1.0.0","plugins":[`+conf+`]}`)
		list.Plugins[0].Network.Type = "three"
		_, err := f.AddNetworkList(t.Context(), list, f.rt)
		require.NoError(t, err)
		assert.Equal(t, "three", f.fake.take()[0].plugin)
		config, _, err := f.GetNetworkListCachedConfig(list, f.rt)
		require.NoError(t, err)
		assert.Equal(t, `{"cniVersion":"1.0.0","name":"net","plugins":[{"x":1.0,"type":"three"}]}`, string(config))
	}
}

// The version is the configuration's, not a plugin's, and its place is told where
// it is known.
func TestUnknownVersionNamesItsPlace(t *testing.T) {
	const text = `CNI version "9.0.0" is not supported, only ["0.1.0" "0.2.0" "0.3.0" "0.3.1" "0.4.0" "1.0.0" "1.1.0"]`
	f := newFixture(t, Options{})
	list := mustList(t, "{\n  \"name\": \"net\",\n  \"cniVersion\": \"9.0.0\",\n  \"plugins\": [{\"type\": \"one\"}]\n}")
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	assert.EqualError(t, err, text)
	assert.Equal(t, text+`
    verb:      ADD
    network:   net
    container: c1
    interface: eth0
    argument:  cniVersion
    at:        3:17 (/cniVersion) of the network's configuration
    to do:     set one of these versions in the network's configuration, or move to a newer version of this library`, fmt.Sprintf("%+v", err))
	var at *ConfError
	require.ErrorAs(t, err, &at)
	assert.Equal(t, []any{"net", 3, 17}, []any{at.Network, at.Line, at.Column})
	var request *RequestError
	require.ErrorAs(t, err, &request)
	assert.Contains(t, request.LogValue().String(), "at=3:17 (/cniVersion) of the network's configuration toDo=set one of these versions")

	list.CNIVersion = "10.0.0" // by the caller
	err = f.GetStatusNetworkList(t.Context(), list)
	var unsupported *version.UnsupportedError
	require.ErrorAs(t, err, &unsupported)
	assert.False(t, errors.As(err, &at), "the bytes say something else")

	plugin, err := ConfFromBytes([]byte(`{"name":"net","type":"one","cniVersion":"9.0.0"}`))
	require.NoError(t, err)
	err = f.DelNetwork(t.Context(), plugin, f.rt)
	assert.Contains(t, fmt.Sprintf("%+v", err), "at:        1:41 (/cniVersion)")
	assert.Empty(t, f.fake.calls())
}

func TestCheckOfMalformedVersion(t *testing.T) {
	f := newFixture(t, Options{})
	list := list3(t, v1)
	list.CNIVersion = "one"
	err := f.CheckNetworkList(t.Context(), list, f.rt)
	var unsupported *version.UnsupportedError
	require.ErrorAs(t, err, &unsupported)
	assert.NotErrorIs(t, err, ErrorCheckNotSupp)
}

func TestValidateNetworkList(t *testing.T) {
	f := newFixture(t, Options{})
	f.fake.replies = map[string]any{
		"VERSION":     `{"cniVersion":"1.1.0","supportedVersions":["0.4.0","1.0.0"]}`,
		"two VERSION": `{"cniVersion":"1.1.0","supportedVersions":["0.4.0"]}`,
	}
	list := mustList(t, `{"name":"net","cniVersion":"0.4.0","plugins":[{"type":"one","capabilities":{"z":true,"a":true}},{"type":"two","capabilities":{"a":true,"b":false}}]}`)
	capabilities, err := f.ValidateNetworkList(t.Context(), list)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "z"}, capabilities)

	list = list3(t, v1)
	f.fake.missing = []string{"three"}
	_, err = f.ValidateNetworkList(t.Context(), list)
	assert.EqualError(t, err, fmt.Sprintf(`[plugin two does not support config version "1.0.0" failed to find plugin "three" in path [%s]]`, filepath.FromSlash("/opt/cni/bin")))
	assert.ErrorIs(t, err, invoke.ErrPluginNotFound)
	var several interface{ Unwrap() []error }
	require.ErrorAs(t, err, &several)
	assert.Len(t, several.Unwrap(), 2)
	assert.Equal(t, "two", pluginError(t, err).Plugin)

	_, err = f.ValidateNetwork(t.Context(), mustPlugin(t, `{"name":"n","cniVersion":"1.0.0","type":"two"}`))
	assert.EqualError(t, err, `plugin two does not support config version "1.0.0"`)
	info, err := f.GetVersionInfo(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, []string{"0.4.0", "1.0.0"}, info.SupportedVersions())
	_, err = f.GetVersionInfo(t.Context(), "three")
	assert.ErrorIs(t, err, invoke.ErrPluginNotFound)
}

// One CNIConfig, a literal one, from many goroutines; meant for -race.
func TestConcurrentUse(t *testing.T) {
	dir := t.TempDir()
	literal := &CNIConfig{Path: []string{dir}}
	shared := newFixture(t, Options{})
	list := list3(t, v1)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			rt := &RuntimeConf{ContainerID: fmt.Sprint("c", i), IfName: "eth0", CacheDir: dir}
			_, err := literal.AddNetworkList(context.Background(), list, rt)
			assert.ErrorIs(t, err, invoke.ErrPluginNotFound)
			_, err = shared.AddNetworkList(context.Background(), list, rt)
			assert.NoError(t, err)
			assert.NoError(t, shared.CheckNetworkList(context.Background(), list, rt))
			assert.NoError(t, shared.DelNetworkList(context.Background(), list, rt))
		})
	}
	wg.Wait()
	attachments, err := shared.GetCachedAttachments("")
	require.NoError(t, err)
	assert.Empty(t, attachments)
}

func mustNetwork(t *testing.T, list *NetworkConfigList) *network {
	t.Helper()
	n, err := networkOfList(list)
	require.NoError(t, err)
	return n
}
