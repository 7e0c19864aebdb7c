package libcni

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// R22: from the record alone, with its configuration, arguments and result.
func TestDelAttachment_R22_R31_R32(t *testing.T) {
	f := newFixture(t, Options{})
	f.rt.Args = [][2]string{{"a", "b"}}
	f.rt.CapabilityArgs = map[string]any{"mac": "c2:b0:57:49:47:f1"}
	f.fake.replies["ADD"] = `{"cniVersion":"1.0.0","x":1e400}`
	_, err := f.AddNetworkList(t.Context(), mustList(t, `{"name":"net","cniVersion":"1.0.0","plugins":[{"type":"one","capabilities":{"mac":true}},{"type":"two"}]}`), f.rt)
	require.NoError(t, err)
	f.fake.take()
	k := AttachmentKey{"net", "c1", "eth0"}
	require.NoError(t, f.DelAttachment(t.Context(), k))
	runs := f.fake.take()
	require.Len(t, runs, 2)
	assert.Equal(t, `{"cniVersion":"1.0.0","name":"net","prevResult":{"cniVersion":"1.0.0","x":1e400},"type":"two"}`, runs[0].stdin)
	assert.Equal(t, `{"capabilities":{"mac":true},"cniVersion":"1.0.0","name":"net","prevResult":{"cniVersion":"1.0.0","x":1e400},"runtimeConfig":{"mac":"c2:b0:57:49:47:f1"},"type":"one"}`, runs[1].stdin)
	for _, r := range runs {
		assert.Equal(t, []string{"DEL", "c1", "/run/netns/c1", "eth0", "a=b"},
			[]string{r.command, r.env["CNI_CONTAINERID"], r.env["CNI_NETNS"], r.env["CNI_IFNAME"], r.env["CNI_ARGS"]})
	}
	assert.Empty(t, f.store(nil).files(t))
	require.NoError(t, f.DelAttachment(t.Context(), k), "R31: may be repeated")
	assert.Empty(t, f.fake.calls())
}

// The arguments of CHECK and of DelNetworkList are those of the call, those of
// DelAttachment and DelContainer are those of ADD.
func TestWhoseArguments(t *testing.T) {
	list := `{"name":"net","cniVersion":"1.0.0","plugins":[{"type":"one","capabilities":{"mac":true}}]}`
	k := AttachmentKey{"net", "c1", "eth0"}
	for name, c := range map[string]struct {
		call func(f *fixture, rt *RuntimeConf) error
		of   string
	}{
		"CheckNetworkList": {func(f *fixture, rt *RuntimeConf) error { return f.CheckNetworkList(t.Context(), mustList(t, list), rt) }, "call"},
		"DelNetworkList":   {func(f *fixture, rt *RuntimeConf) error { return f.DelNetworkList(t.Context(), mustList(t, list), rt) }, "call"},
		"DelAttachment":    {func(f *fixture, _ *RuntimeConf) error { return f.DelAttachment(t.Context(), k) }, "add"},
		"DelContainer":     {func(f *fixture, _ *RuntimeConf) error { return f.DelContainer(t.Context(), "c1") }, "add"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{})
			with := func(value string) *RuntimeConf {
				rt := *f.rt
				rt.Args, rt.CapabilityArgs = [][2]string{{"OF", value}}, map[string]any{"mac": value}
				return &rt
			}
			_, err := f.AddNetworkList(t.Context(), mustList(t, list), with("add"))
			require.NoError(t, err)
			f.fake.take()
			require.NoError(t, c.call(f, with("call")))
			runs := f.fake.take()
			require.Len(t, runs, 1)
			assert.Equal(t, "OF="+c.of, runs[0].env["CNI_ARGS"])
			assert.Contains(t, runs[0].stdin, `"runtimeConfig":{"mac":"`+c.of+`"}`)
		})
	}
}

func TestDelAttachmentOfASinglePlugin(t *testing.T) {
	f := newFixture(t, Options{})
	plugin := mustPlugin(t, `{"name":"solo","cniVersion":"0.4.0","type":"one"}`)
	_, err := f.AddNetwork(t.Context(), plugin, f.rt)
	require.NoError(t, err)
	f.fake.take()
	f.fake.replies["DEL"] = errBanana
	k := AttachmentKey{"solo", "c1", "eth0"}
	assert.EqualError(t, f.DelAttachment(t.Context(), k), "plugin error: banana")
	f.fake.replies = nil
	require.NoError(t, f.DelAttachment(t.Context(), k))
	assert.Equal(t, `{"cniVersion":"0.4.0","name":"solo","prevResult":{"cniVersion":"0.4.0"},"type":"one"}`, f.fake.take()[1].stdin)
}

func TestDelAttachmentErrors(t *testing.T) {
	f := newFixture(t, Options{})
	var refused *RequestError
	require.ErrorAs(t, f.DelAttachment(t.Context(), AttachmentKey{"net", "../c", "eth0"}), &refused)
	assert.ErrorAs(t, f.DelContainer(t.Context(), ""), &refused)

	k := key{"net", "c1", "eth0"}
	keep(t, f.store(nil), k, `{"cniVersion":"1.0.0"}`)
	path := filepath.Join(f.opts.CacheDir, "results", k.file())
	require.NoError(t, os.WriteFile(path, []byte("torn"), 0o600))
	var damaged *RecordError
	require.ErrorAs(t, f.DelAttachment(t.Context(), k.exported()), &damaged)
	assert.Equal(t, path, damaged.Path)
	require.ErrorAs(t, f.DelContainer(t.Context(), "c1"), &damaged)
	assert.Equal(t, path, damaged.Path)
	assert.FileExists(t, path)
	assert.Empty(t, f.fake.calls())
}

// The last attachment made goes first; one failure does not keep the others.
func TestDelContainer(t *testing.T) {
	f := newFixture(t, Options{})
	for _, network := range []string{"z", "a", "m-n"} {
		_, err := f.AddNetworkList(t.Context(), mustList(t, `{"name":"`+network+`","cniVersion":"1.0.0","plugins":[{"type":"`+network+`"}]}`), f.rt)
		require.NoError(t, err)
	}
	f.fake.replies["p ADD"] = errBanana
	failing := mustList(t, `{"name":"failed","cniVersion":"1.0.0","plugins":[{"type":"p"}]}`)
	_, err := f.AddNetworkList(t.Context(), failing, f.rt)
	require.Error(t, err)
	keep(t, f.store(nil), key{"a", "c10", "eth0"}, `{}`)
	keep(t, f.store(nil), key{"c1", "x", "eth0"}, `{}`)
	f.fake.take()

	f.fake.replies["a DEL"] = errBanana
	err = f.DelContainer(t.Context(), "c1")
	assert.EqualError(t, err, `attachment to network a as eth0: plugin type="a" failed (delete): plugin error: banana`)
	assert.Equal(t, []string{"m-n DEL", "a DEL", "z DEL", "p DEL"}, f.fake.calls())
	f.fake.replies = nil
	require.NoError(t, f.DelContainer(t.Context(), "c1"))
	assert.Equal(t, []string{"a DEL"}, f.fake.calls())
	require.NoError(t, f.DelContainer(t.Context(), "c1"))
	assert.Empty(t, f.fake.calls())
	attachments, err := f.Attachments(AttachmentKey{})
	require.NoError(t, err)
	assert.Len(t, attachments, 2, "not of this container")
}

// Of two networks with one interface the one that has it goes first: the plugins of the
// other one remove the interface by its name.
func TestDelContainerOfOneInterfaceTwice(t *testing.T) {
	for _, c := range []struct {
		name string
		adds []string // network and interface; a network that begins with "x" fails
		dels []string
	}{
		{"a leftover of another network", []string{"a eth0", "x eth0"}, []string{"a eth0", "x eth0"}},
		{"begun before", []string{"x eth0", "a eth0"}, []string{"a eth0", "x eth0"}},
		{"the others stay in their order", []string{"a eth0", "b eth1", "x eth0", "c eth2", "xx eth3"}, []string{"xx eth3", "c eth2", "b eth1", "a eth0", "x eth0"}},
		{"after the last one on record", []string{"a eth0", "b eth0", "x eth0", "c eth1"}, []string{"c eth1", "b eth0", "a eth0", "x eth0"}},
		{"right after it", []string{"c eth1", "a eth0", "x eth0"}, []string{"a eth0", "x eth0", "c eth1"}},
		{"none on record", []string{"x eth0", "a eth1"}, []string{"x eth0", "a eth1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			f.fake.replies["ADD"] = func(r run) ([]byte, error) {
				if strings.HasPrefix(r.plugin, "x") {
					return nil, errBanana
				}
				return []byte(`{}`), nil
			}
			for _, add := range c.adds {
				network, ifname, _ := strings.Cut(add, " ")
				rt := *f.rt
				rt.IfName = ifname
				_, err := f.AddNetworkList(t.Context(), mustList(t, `{"name":"`+network+`","cniVersion":"1.0.0","plugins":[{"type":"`+network+`"}]}`), &rt)
				require.Equal(t, strings.HasPrefix(network, "x"), err != nil)
			}
			f.fake.take()
			require.NoError(t, f.DelContainer(t.Context(), "c1"))
			var dels []string
			for _, r := range f.fake.take() {
				dels = append(dels, r.plugin+" "+r.env["CNI_IFNAME"])
			}
			assert.Equal(t, c.dels, dels)
			assert.Empty(t, f.store(nil).files(t))
		})
	}
}

// Who is about to give up runs all that can be run: what every plugin of the record
// made, and of each failed ADD, is cleaned up but for those that fail or are missing,
// and each of those is named.
func TestDelGoesOnBeforeForgetting(t *testing.T) {
	k := AttachmentKey{"net", "c1", "eth0"}
	for name, del := range map[string]func(f *fixture) error{
		"DelAttachment": func(f *fixture) error { return f.DelAttachment(t.Context(), k) },
		"DelContainer":  func(f *fixture) error { return f.DelContainer(t.Context(), "c1") },
		"GC": func(f *fixture) error {
			return join(f.gcAttachments(t.Context(), mustNetwork(t, mustList(t, `{"name":"net","cniVersion":"1.0.0","plugins":[{"type":"new"}]}`)), nil)...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{})
			_, err := f.AddNetworkList(t.Context(), list3(t, v1), f.rt)
			require.NoError(t, err)
			f.fake.replies["ADD"] = errBanana
			f.rt.Args = [][2]string{{"other", "arguments"}}
			_, err = f.AddNetworkList(t.Context(), list3(t, v1), f.rt)
			require.Error(t, err)
			f.fake.take()
			f.fake.replies["three DEL"] = errBanana
			f.fake.missing = []string{"two"}

			require.Error(t, del(f))
			assert.Equal(t, []string{"three DEL"}, f.fake.calls(), "by default it stops")
			f.opts.ContinueOnDelError = true
			err = del(f)
			assert.Equal(t, []string{"three DEL", "one DEL", "three DEL", "one DEL"}, f.fake.calls())
			for _, plugin := range []string{`plugin type="three" failed (delete): plugin error: banana`, `plugin type="two" failed (delete): failed to find plugin "two"`} {
				assert.Equal(t, 2, strings.Count(err.Error(), plugin), "%v", err)
			}
			assert.Len(t, f.store(nil).files(t), 2, "nothing is forgotten yet")
			require.NoError(t, f.ForgetAttachment(k))
			assert.Empty(t, f.store(nil).files(t))
		})
	}
}

// Whoever gives up forgets all that is on disk about one attachment, whole or
// damaged, and nothing else; no plugin runs.
func TestForgetAttachment(t *testing.T) {
	f := newFixture(t, Options{})
	list := list3(t, `"cniVersion":"1.1.0",`)
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	f.fake.replies = map[string]any{"two ADD": errBanana}
	_, err = f.AddNetworkList(t.Context(), list, f.rt)
	require.Error(t, err)
	other := *f.rt
	other.ContainerID = "c2"
	_, err = f.AddNetworkList(t.Context(), list, &other)
	require.Error(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(f.opts.CacheDir, "results", "net-c1-eth0"), []byte("{"), 0o600))
	f.fake.take()

	for range 2 {
		require.NoError(t, f.ForgetAttachment(AttachmentKey{Network: "net", ContainerID: "c1", IfName: "eth0"}))
	}
	records, err := f.Attachments(AttachmentKey{})
	require.NoError(t, err)
	assert.Empty(t, records)
	pending, err := f.Pending(AttachmentKey{})
	require.NoError(t, err)
	require.Len(t, pending, 1)
	assert.Equal(t, "c2", pending[0].ContainerID)
	assert.Empty(t, f.fake.take(), "no plugin ran")
	var refused *RequestError
	require.ErrorAs(t, f.ForgetAttachment(AttachmentKey{ContainerID: "c1"}), &refused)
}
