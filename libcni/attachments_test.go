package libcni

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAttachments(t *testing.T) {
	f := newFixture(t, Options{})
	attachments, err := f.Attachments(AttachmentKey{})
	require.NoError(t, err)
	assert.Empty(t, attachments, "no directory yet")
	cached, err := f.GetCachedAttachments("")
	require.NoError(t, err)
	assert.Empty(t, cached)

	list := list3(t, v1)
	f.rt.Args = [][2]string{{"a", "b"}}
	f.rt.CapabilityArgs = map[string]any{"m": "x"}
	f.fake.replies["ADD"] = `{"cniVersion":"1.0.0","x":1}`
	for _, id := range []string{"c2", "c1"} {
		f.rt.ContainerID = id
		_, err := f.AddNetworkList(t.Context(), list, f.rt)
		require.NoError(t, err)
	}
	torn := filepath.Join(f.opts.CacheDir, "results", "net-c3-eth0")
	require.NoError(t, os.WriteFile(torn, nil, 0o600))
	copied := filepath.Join(f.opts.CacheDir, "results", "net-c1-eth0.bak")
	data, err := os.ReadFile(filepath.Join(f.opts.CacheDir, "results", "net-c1-eth0"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(copied, data, 0o600))

	attachments, err = f.Attachments(AttachmentKey{})
	assert.ErrorIs(t, err, ErrForeignRecord)
	for _, path := range []string{torn, copied} {
		assert.Contains(t, fmt.Sprintf("%+v", recordErrors(err)), path)
	}
	require.Len(t, attachments, 2, "damaged ones are reported beside the good ones")
	a := attachments[1]
	assert.Equal(t, "c2", attachments[0].ContainerID, "oldest first")
	assert.Equal(t, AttachmentKey{"net", "c1", "eth0"}, a.AttachmentKey)
	assert.Equal(t, string(list.Bytes), string(a.Config))
	assert.Equal(t, "/run/netns/c1", a.NetNS)
	assert.Equal(t, f.rt.Args, a.Args)
	assert.Equal(t, f.rt.CapabilityArgs, a.CapabilityArgs)
	assert.Equal(t, `{"cniVersion":"1.0.0","x":1}`, string(a.Result))
	assert.False(t, a.Created.IsZero())
	assert.Equal(t, filepath.Join(f.opts.CacheDir, "results", "net-c1-eth0"), a.Path)

	for _, c := range []struct {
		match AttachmentKey
		n     int
	}{
		{AttachmentKey{ContainerID: "c1"}, 1}, {AttachmentKey{Network: "net"}, 2}, {AttachmentKey{IfName: "eth0"}, 2},
		{AttachmentKey{ContainerID: "c"}, 0}, {AttachmentKey{Network: "ne"}, 0}, {AttachmentKey{IfName: "eth"}, 0}, {AttachmentKey{"net", "c2", "eth0"}, 1},
	} {
		attachments, _ := f.Attachments(c.match)
		assert.Len(t, attachments, c.n, "%+v", c.match)
	}

	cached, err = f.GetCachedAttachments("")
	require.NoError(t, err, "as upstream: what cannot be read is left out")
	require.Len(t, cached, 2)
	assert.Equal(t, []string{"c1", "c2"}, []string{cached[0].ContainerID, cached[1].ContainerID}, "in the order of names")
	assert.Equal(t, f.rt.CapabilityArgs, cached[0].CapabilityArgs)
	cached, err = f.GetCachedAttachments("c2")
	require.NoError(t, err)
	assert.Len(t, cached, 1)
}

func TestRecordErrorTellsItsPath(t *testing.T) {
	err := error(&RecordError{Path: "/cache/results/x", Err: os.ErrPermission})
	const text = "record /cache/results/x: permission denied"
	assert.EqualError(t, err, text)
	assert.Equal(t, text, fmt.Sprint(err))
	assert.Equal(t, `"`+text+`"`, fmt.Sprintf("%q", err))
	assert.Equal(t, text+"\n    record:    /cache/results/x\n    to do:     run as the directory's owner, as a rule root, or choose another cache directory", fmt.Sprintf("%+v", err))
	assert.Equal(t, "[error="+text+" record=/cache/results/x toDo=run as the directory's owner, as a rule root, or choose another cache directory]", err.(*RecordError).LogValue().String())
	assert.ErrorIs(t, err, os.ErrPermission)

	err = terse(err)
	assert.EqualError(t, err, "permission denied")
	assert.Equal(t, "permission denied\n    record:    /cache/results/x\n    to do:     run as the directory's owner, as a rule root, or choose another cache directory", fmt.Sprintf("%+v", err))
}

func TestRecordErrorSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		err  *RecordError
		toDo string
	}{
		"before any plugin":    {&RecordError{Err: os.ErrPermission, unused: true}, "make the cache directory usable"},
		"under another's name": {foreign(&record{}).(*RecordError), "give it the name of its own attachment"},
		"bare result":          {&RecordError{Path: "/cache/results/x", Err: errBareResult}, "run DEL with the network's configuration, which removes it: cnitool --cache /cache del"},
		"ADD is under way":     {&RecordError{Err: ErrAddRunning}, "wait for it, or end it"},
		"anything else":        {&RecordError{Err: errBanana}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if c.toDo == "" {
				assert.NotContains(t, fmt.Sprintf("%+v", c.err), "to do")
				return
			}
			assert.Contains(t, filepath.ToSlash(fmt.Sprintf("%+v", c.err)), "\n    to do:     "+c.toDo)
		})
	}
}

func TestDamagedRecordSaysWhatToDo(t *testing.T) {
	f := newFixture(t, Options{})
	list := list3(t, v1)
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	path := filepath.Join(f.opts.CacheDir, "results", "net-c1-eth0")
	require.NoError(t, os.Truncate(path, 100))
	_, listed := f.Attachments(AttachmentKey{})
	for name, err := range map[string]error{
		"Attachments":   listed,
		"DelAttachment": f.DelAttachment(t.Context(), AttachmentKey{Network: "net", ContainerID: "c1", IfName: "eth0"}),
		"DelContainer":  f.DelContainer(t.Context(), "c1"),
		"GC":            f.GCNetworkList(t.Context(), list, &GCArgs{}),
	} {
		assert.ErrorContains(t, err, "record "+path+": ", name)
		assert.Contains(t, fmt.Sprintf("%+v", err), "to do:     run DEL with the network's configuration", name)
	}
	err = f.CheckNetworkList(t.Context(), list, f.rt)
	assert.NotContains(t, err.Error(), path, "upstream's suite compares the text")
	assert.Contains(t, fmt.Sprintf("%+v", err), "record:    "+path)
	var warned error
	f.opts.Warn = func(_ context.Context, err error) { warned = err }
	require.NoError(t, f.DelNetworkList(t.Context(), list, f.rt))
	assert.ErrorContains(t, warned, "record "+path+": ")
	assert.Contains(t, fmt.Sprintf("%+v", warned), "to do:     nothing: DEL goes on without the record", "who runs DEL is not told to run DEL")
	listedAfter, err := f.Attachments(AttachmentKey{})
	require.NoError(t, err)
	assert.Empty(t, listedAfter)
}

// recordErrors returns the paths of the RecordErrors that an error joins.
func recordErrors(err error) (paths []string) {
	switch e := err.(type) {
	case *RecordError:
		return []string{e.Path}
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			paths = append(paths, recordErrors(err)...)
		}
	}
	return paths
}
