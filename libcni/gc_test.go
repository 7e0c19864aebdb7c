package libcni

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
)

func valid(ids ...string) *GCArgs {
	args := &GCArgs{}
	for _, id := range ids {
		args.ValidAttachments = append(args.ValidAttachments, types.GCAttachment{ContainerID: id, IfName: "eth0"})
	}
	return args
}

// R25, R22: stale attachments are DELed with the record's configuration and
// arguments first, then GC runs with the valid ones.
func TestGC_R25_R22_R26(t *testing.T) {
	f := newFixture(t, Options{})
	for _, id := range []string{"c1", "c2", "c3"} {
		f.rt.ContainerID, f.rt.NetNS = id, "/run/netns/"+id
		f.rt.Args = [][2]string{{"ID", id}}
		_, err := f.AddNetworkList(t.Context(), mustList(t, `{"name":"net","cniVersion":"1.1.0","plugins":[{"type":"old","was":"`+id+`"}]}`), f.rt)
		require.NoError(t, err)
	}
	_, err := f.AddNetworkList(t.Context(), mustList(t, `{"name":"net-x","cniVersion":"1.1.0","plugins":[{"type":"other"}]}`), f.rt)
	require.NoError(t, err)
	f.fake.take()

	list := mustList(t, `{"name":"net","cniVersion":"1.1.0","plugins":[{"type":"new"}]}`)
	require.NoError(t, f.GCNetworkList(t.Context(), list, valid("c2")))
	runs := f.fake.take()
	require.Len(t, runs, 3)
	for i, id := range []string{"c1", "c3"} {
		assert.Equal(t, "old", runs[i].plugin)
		assert.Equal(t, `{"cniVersion":"1.1.0","name":"net","prevResult":{"cniVersion":"1.1.0"},"type":"old","was":"`+id+`"}`, runs[i].stdin)
		assert.Equal(t, []string{id, "/run/netns/" + id, "ID=" + id}, []string{runs[i].env["CNI_CONTAINERID"], runs[i].env["CNI_NETNS"], runs[i].env["CNI_ARGS"]})
	}
	const c2 = `[{"containerID":"c2","ifname":"eth0"}]`
	assert.Equal(t, `{"cni.dev/attachments":`+c2+`,"cni.dev/valid-attachments":`+c2+`,"cniVersion":"1.1.0","name":"net","type":"new"}`, runs[2].stdin)
	attachments, err := f.Attachments(AttachmentKey{})
	require.NoError(t, err)
	assert.Len(t, attachments, 2, "c2, and the other network's")

	require.NoError(t, f.GCNetworkList(t.Context(), list, &GCArgs{}))
	runs = f.fake.take()
	require.Len(t, runs, 2)
	assert.Contains(t, runs[1].stdin, `"cni.dev/valid-attachments":[]`, "R26: never null")
}

func TestGCArguments_R26_R3(t *testing.T) {
	f := newFixture(t, Options{})
	list := list3(t, `"cniVersion":"1.1.0",`)
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	f.fake.take()
	var refused *RequestError
	assert.ErrorAs(t, f.GCNetworkList(t.Context(), nil, &GCArgs{}), &refused)
	require.ErrorAs(t, f.GCNetworkList(t.Context(), list, nil), &refused, "nil is not: delete all")
	assert.ErrorContains(t, refused, "an empty list says that none is valid")
	assert.Equal(t, []string{"GC", "net", "args"}, []string{refused.Command, refused.Network, refused.Field})
	off := *list
	off.DisableGC = true
	assert.NoError(t, f.GCNetworkList(t.Context(), &off, nil))
	assert.Empty(t, f.fake.calls())
}

func TestGCBelow110OnlyDels(t *testing.T) {
	f := newFixture(t, Options{})
	list := list3(t, v1)
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	f.fake.take()
	require.NoError(t, f.GCNetworkList(t.Context(), list, &GCArgs{}))
	assert.Equal(t, []string{"three DEL", "two DEL", "one DEL"}, f.fake.calls())
}

// R41: GC goes on after any error and returns all of them.
func TestGCGoesOnAndJoins_R41(t *testing.T) {
	f := newFixture(t, Options{})
	list := mustList(t, `{"name":"net","cniVersion":"1.1.0","plugins":[{"type":"one"},{"type":"two"}]}`)
	for _, id := range []string{"c1", "c2"} {
		f.rt.ContainerID = id
		_, err := f.AddNetworkList(t.Context(), list, f.rt)
		require.NoError(t, err)
	}
	f.fake.take()
	torn := filepath.Join(f.opts.CacheDir, "results", "net-c0-eth0")
	require.NoError(t, os.WriteFile(torn, []byte(`{"kind":`), 0o600))
	f.fake.missing = []string{"two"}
	f.fake.replies["one DEL"] = func(r run) ([]byte, error) {
		if r.env["CNI_CONTAINERID"] == "c2" {
			return nil, errBanana
		}
		return nil, nil
	}
	f.opts.ContinueOnDelError = true
	err := f.GCNetworkList(t.Context(), list, &GCArgs{})
	assert.ErrorIs(t, err, invoke.ErrPluginNotFound)
	for _, part := range []string{
		"decoding version from network config: unexpected end of JSON input",
		`failed to delete stale attachment c1 eth0: plugin type="two" failed (delete): failed to find plugin "two"`,
		`failed to delete stale attachment c2 eth0: plugin type="two" failed (delete): failed to find plugin "two"`,
		`plugin type="one" failed (delete): plugin error: banana`,
		`failed to GC plugin two: failed to find plugin "two"`,
	} {
		assert.ErrorContains(t, err, part)
	}
	var damaged *RecordError
	require.ErrorAs(t, err, &damaged)
	assert.Equal(t, torn, damaged.Path)
	assert.Equal(t, []string{"one DEL", "one DEL", "one GC"}, f.fake.calls())
	assert.FileExists(t, torn, "nothing is done about a damaged record")
	assert.Len(t, f.store(nil).files(t), 3, "what could not be DELed stays on record")
}

// An interface that another network has on record is not removed by the DEL of what a
// failed ADD left: it is left alone until that record is gone.
func TestGCOfALeftoverWithTheInterfaceOfAnother(t *testing.T) {
	f := newFixture(t, Options{})
	f.fake.replies["x ADD"] = errBanana
	holder := mustList(t, `{"name":"holder","cniVersion":"1.0.0","plugins":[{"type":"a"}]}`)
	list := mustList(t, `{"name":"net","cniVersion":"1.0.0","plugins":[{"type":"x"}]}`)
	_, err := f.AddNetworkList(t.Context(), holder, f.rt)
	require.NoError(t, err)
	other, container := *f.rt, *f.rt
	other.IfName, container.ContainerID = "eth1", "c2"
	for _, rt := range []*RuntimeConf{f.rt, &other, &container} {
		_, err = f.AddNetworkList(t.Context(), list, rt)
		require.Error(t, err)
	}
	f.fake.take()

	require.NoError(t, f.GCNetworkList(t.Context(), list, &GCArgs{}))
	assert.Len(t, f.fake.take(), 2, "of another interface, and of another container")
	pending, err := f.Pending(AttachmentKey{})
	require.NoError(t, err)
	require.Len(t, pending, 1)
	assert.Equal(t, AttachmentKey{"net", "c1", "eth0"}, pending[0].AttachmentKey)

	require.NoError(t, f.GCNetworkList(t.Context(), holder, &GCArgs{}))
	require.NoError(t, f.GCNetworkList(t.Context(), list, &GCArgs{}))
	assert.Equal(t, []string{"a DEL", "x DEL"}, f.fake.calls())
	assert.Empty(t, f.store(nil).files(t))
}

// The record that keeps a leftover is found under either of its names, and nobody else's
// with the same end is taken for it.
func TestGCFindsTheInterfaceElsewhere(t *testing.T) {
	for name, test := range map[string]struct {
		holders []AttachmentKey // the last one's record is the one that may count
		left    AttachmentKey
		kept    bool
	}{
		"hyphens everywhere":       {[]AttachmentKey{{"a-b", "c-1", "e-0"}}, AttachmentKey{"net", "c-1", "e-0"}, true},
		"under the second name":    {[]AttachmentKey{{"a", "b-c", "eth0"}, {"a-b", "c", "eth0"}}, AttachmentKey{"net", "c", "eth0"}, true},
		"number sign":              {[]AttachmentKey{{"a", "c", "e#0"}}, AttachmentKey{"net", "c", "e#0"}, true},
		"another container's":      {[]AttachmentKey{{"a", "b-c", "eth0"}}, AttachmentKey{"net", "c", "eth0"}, false},
		"another interface's":      {[]AttachmentKey{{"a", "c", "x-eth0"}}, AttachmentKey{"net", "c", "eth0"}, false},
		"same name, other borders": {[]AttachmentKey{{"a", "c", "x-eth0"}}, AttachmentKey{"net", "c-x", "eth0"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{})
			f.fake.replies["x ADD"] = errBanana
			for _, k := range test.holders {
				list := mustList(t, `{"name":"`+k.Network+`","cniVersion":"1.0.0","plugins":[{"type":"a"}]}`)
				_, err := f.AddNetworkList(t.Context(), list, &RuntimeConf{ContainerID: k.ContainerID, IfName: k.IfName, NetNS: "/n"})
				require.NoError(t, err)
			}
			list := mustList(t, `{"name":"`+test.left.Network+`","cniVersion":"1.0.0","plugins":[{"type":"x"}]}`)
			_, err := f.AddNetworkList(t.Context(), list, &RuntimeConf{ContainerID: test.left.ContainerID, IfName: test.left.IfName, NetNS: "/n"})
			require.Error(t, err)
			require.NoError(t, f.GCNetworkList(t.Context(), list, &GCArgs{}))
			pending, err := f.Pending(AttachmentKey{})
			require.NoError(t, err)
			assert.Equal(t, test.kept, len(pending) == 1)
		})
	}
}

// R25: whatever failed ADDs leave behind, an attachment in the valid set keeps its
// address.
func TestGCNeverDelsAValidAttachment_R25(t *testing.T) {
	f := newFixture(t, Options{})
	list := list3(t, `"cniVersion":"1.1.0",`)
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	f.fake.replies["two ADD"] = errBanana
	for range 2 {
		_, err = f.AddNetworkList(t.Context(), list, f.rt)
		require.Error(t, err)
	}
	f.rt.ContainerID = "c2"
	_, err = f.AddNetworkList(t.Context(), list, f.rt)
	require.Error(t, err)
	f.fake.take()
	require.NoError(t, f.GCNetworkList(t.Context(), list, valid("c1")))
	for _, r := range f.fake.take() {
		if r.command == "DEL" {
			assert.Equal(t, "c2", r.env["CNI_CONTAINERID"])
		}
	}
	assert.Equal(t, []string{"results/net-c1-eth0"}, f.store(nil).files(t), "the leftovers are dropped")
}

// What a failed ADD left of a valid attachment without a record is all that is known
// of it: GC keeps that for DEL, which runs with it.
func TestGCKeepsTheIntentOfAValidAttachment_R25_R30(t *testing.T) {
	f := newFixture(t, Options{})
	s := f.store(nil)
	fails(t, s, key{"net", "c1", "eth0"}, oneConfig)
	list := list3(t, `"cniVersion":"1.1.0",`)
	require.NoError(t, f.GCNetworkList(t.Context(), list, valid("c1")))
	assert.Equal(t, []string{"one GC", "two GC", "three GC"}, f.fake.calls(), "no DEL")
	assert.Len(t, s.files(t), 1)
	f.fake.take()
	require.NoError(t, f.GCNetworkList(t.Context(), list, &GCArgs{}))
	assert.Equal(t, []string{"one DEL", "one GC", "two GC", "three GC"}, f.fake.calls())
	assert.Empty(t, s.files(t))
}

// A leftover is cleaned with its own configuration, and together with the record
// that its attachment may have.
func TestGCCleansIntents(t *testing.T) {
	for _, c := range []struct {
		name    string
		record  bool
		configs []string
		dels    []string
	}{
		{"an intent alone", false, []string{"one"}, []string{"one DEL"}},
		{"several that ask for the same", false, []string{"one", "one", "one"}, []string{"one DEL"}},
		{"several that differ", false, []string{"a", "b"}, []string{"a DEL", "b DEL"}},
		{"a record as well", true, []string{"one"}, []string{"one DEL"}},
		{"a record that differs", true, []string{"a"}, []string{"a DEL", "one DEL"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			s := f.store(nil)
			k := key{"net", "c1", "eth0"}
			if c.record {
				keep(t, s, k, `{"cniVersion":"1.0.0"}`)
			}
			for _, plugin := range c.configs {
				fails(t, s, k, strings.Replace(oneConfig, `"one"`, `"`+plugin+`"`, 1))
			}
			require.NoError(t, f.GCNetworkList(t.Context(), list3(t, v1), &GCArgs{}))
			assert.ElementsMatch(t, c.dels, f.fake.calls())
			assert.Empty(t, s.files(t))
		})
	}
}

// Records that upstream wrote hold a list without its drop-ins.
func TestGCOfUpstreamsRecords(t *testing.T) {
	config := `{"name":"net","cniVersion":"1.0.0","plugins":[{"type":"one"}]}`
	for _, c := range []struct {
		name, config string
		want         []string
	}{
		{"the list as it is now has more", config, []string{"dropin DEL", "one DEL"}},
		{"the list was another", strings.Replace(config, `"one"`, `"old"`, 1), []string{"old DEL"}},
		{"none", "", []string{"dropin DEL", "one DEL"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			s := f.store(nil)
			k := key{"net", "c1", "eth0"}
			keep(t, s, k, `{"cniVersion":"1.0.0"}`)
			r := &record{key: k, config: []byte(c.config)}
			data := completeRecord(r.encodeIntent(), []byte(`{"cniVersion":"1.0.0"}`))
			theirs := strings.Replace(string(data), `"cnikit"`, `"x"`, 1)
			require.NoError(t, os.WriteFile(filepath.Join(s.resultsPath(), k.file()), []byte(theirs), 0o600))
			list := mustList(t, config)
			list.Plugins = append(list.Plugins, mustPlugin(t, `{"type":"dropin"}`))
			require.NoError(t, f.GCNetworkList(t.Context(), list, &GCArgs{}))
			assert.Equal(t, c.want, f.fake.calls())
		})
	}
}

// Another attachment under a valid one's first name is still stale.
func TestGCOfSharedNames(t *testing.T) {
	f := newFixture(t, Options{})
	s := f.store(nil)
	stale, live := key{"net", "a-b", "c"}, key{"net", "a", "b-c"}
	require.Equal(t, stale.file(), live.file())
	keep(t, s, stale, `{"cniVersion":"1.0.0"}`)
	keep(t, s, live, `{"cniVersion":"1.0.0"}`)
	args := &GCArgs{ValidAttachments: []types.GCAttachment{{ContainerID: "a", IfName: "b-c"}}}
	require.NoError(t, f.GCNetworkList(t.Context(), list3(t, v1), args))
	runs := f.fake.take()
	require.Len(t, runs, 1)
	assert.Equal(t, "a-b", runs[0].env["CNI_CONTAINERID"])
	r, err := s.read(live)
	require.NoError(t, err)
	assert.NotNil(t, r)
}

func TestGCStopsWithItsContext(t *testing.T) {
	f := newFixture(t, Options{})
	s := f.store(nil)
	for _, id := range []string{"a", "b", "c"} {
		keep(t, s, key{"net", id, "eth0"}, `{"cniVersion":"1.0.0"}`)
	}
	ctx, cancel := context.WithCancel(t.Context())
	f.fake.replies["DEL"] = func(run) ([]byte, error) { cancel(); return nil, nil }
	err := f.GCNetworkList(ctx, list3(t, v1), &GCArgs{})
	assert.ErrorIs(t, err, context.Canceled)
	assert.Len(t, f.fake.calls(), 1)
}

// A cache directory that cannot be listed is an error, not: no attachments.
func TestGCReportsAnUnreadableDirectory_R41(t *testing.T) {
	f := newFixture(t, Options{})
	require.NoError(t, os.WriteFile(filepath.Join(f.opts.CacheDir, "results"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(f.opts.CacheDir, "pending"), nil, 0o600))
	err := f.GCNetworkList(t.Context(), list3(t, `"cniVersion":"1.1.0",`), &GCArgs{})
	var damaged *RecordError
	require.ErrorAs(t, err, &damaged)
	assert.ErrorContains(t, err, "results")
	assert.ErrorContains(t, err, "pending")
	assert.Equal(t, []string{"one GC", "two GC", "three GC"}, f.fake.calls(), "the plugins' GC runs all the same")
	_, err = f.GetCachedAttachments("")
	assert.ErrorAs(t, err, &damaged)
	_, err = f.Attachments(AttachmentKey{})
	assert.ErrorAs(t, err, &damaged)
	_, err = f.Pending(AttachmentKey{})
	assert.ErrorAs(t, err, &damaged)
}

// A failed DEL of one plugin keeps the intents too.
func TestGCKeepsWhatItCouldNotDel(t *testing.T) {
	f := newFixture(t, Options{})
	s := f.store(nil)
	k := key{"net", "c1", "eth0"}
	keep(t, s, k, `{"cniVersion":"1.0.0"}`)
	fails(t, s, k, strings.Replace(oneConfig, `"one"`, `"a"`, 1))
	f.fake.replies["a DEL"] = errors.New("cherry")
	err := f.GCNetworkList(t.Context(), list3(t, v1), &GCArgs{})
	assert.EqualError(t, err, `failed to delete stale attachment c1 eth0: plugin type="a" failed (delete): cherry`)
	assert.Len(t, s.files(t), 2)
	f.fake.replies = nil
	require.NoError(t, f.GCNetworkList(t.Context(), list3(t, v1), &GCArgs{}), "and lets go of the lock")
	assert.Empty(t, s.files(t))
}

// A bare result beside what a failed ADD left is no ADD's: it does not keep GC from it.
func TestGCOfALeftoverBesideABareResult(t *testing.T) {
	f := newFixture(t, Options{})
	s, k := f.store(nil), key{"net", "c1", "eth0"}
	fails(t, s, k, oneConfig)
	require.NoError(t, os.WriteFile(filepath.Join(s.resultsPath(), k.file()), []byte(`{"cniVersion":"1.0.0"}`), 0o600))
	require.NoError(t, f.GCNetworkList(t.Context(), mustList(t, oneConfig), &GCArgs{}))
	assert.Equal(t, []string{"one DEL"}, slices.Compact(f.fake.calls()))
	assert.Empty(t, s.files(t))
}

// What an ADD records while what was left of another one is cleaned up stays.
func TestRecordMadeDuringCleanup(t *testing.T) {
	for name, clean := range map[string]func(f *fixture) error{
		"GC": func(f *fixture) error { return f.GCNetworkList(t.Context(), mustList(t, oneConfig), &GCArgs{}) },
		"DelAttachment": func(f *fixture) error {
			return f.DelAttachment(t.Context(), AttachmentKey{"net", "c1", "eth0"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{})
			s, k := f.store(nil), key{"net", "c1", "eth0"}
			fails(t, s, k, oneConfig)
			f.fake.replies["DEL"] = func(run) ([]byte, error) {
				keep(t, s, k, `{"cniVersion":"1.0.0"}`)
				return nil, nil
			}
			require.NoError(t, clean(f))
			assert.Equal(t, []string{"results/net-c1-eth0"}, s.files(t))
		})
	}
}
