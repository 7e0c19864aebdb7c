package libcni

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A damaged record is an error for those who need it, and none for DEL.
func TestDamagedRecordAndTheVerbs(t *testing.T) {
	other := completeRecord((&record{key: key{"net", "c2", "eth0"}}).encodeIntent(), []byte(`{}`))
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, path string)
		text   string
	}{
		{"text", func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, []byte("adfads"), 0o600)) },
			"decoding version from network config: invalid character 'a' looking for beginning of value"},
		{"empty", func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, nil, 0o600)) },
			"decoding version from network config: unexpected end of JSON input"},
		{"other kind", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte(`{"kind":"x"}`), 0o600))
		}, `record has wrong kind: "x"`},
		{"other identity", func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, other, 0o600)) },
			`record is of another attachment: network "net", container "c2", interface "eth0"`},
		{"directory", func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) }, "is a directory"},
		{"result of no version", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte(`{"cniVersion":"0.4567.0"}`), 0o600))
		}, `unsupported CNI result version "0.4567.0"`},
		{"null in a result of another version", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte(`{"cniVersion":"0.4.0","interfaces":[null]}`), 0o600))
		}, "/interfaces/0: JSON value is null, not an object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var warned []error
			f := newFixture(t, Options{Warn: warnings(&warned)})
			list := list3(t, v1)
			require.NoError(t, os.MkdirAll(filepath.Join(f.opts.CacheDir, "results"), 0o700))
			path := filepath.Join(f.opts.CacheDir, "results", "net-c1-eth0")
			c.damage(t, path)

			err := f.CheckNetworkList(t.Context(), list, f.rt)
			var damaged *RecordError
			require.ErrorAs(t, err, &damaged)
			assert.Equal(t, path, damaged.Path)
			assert.ErrorContains(t, err, `failed to get network "net" cached result: `)
			assert.ErrorContains(t, err, c.text)
			_, err = f.GetNetworkListCachedResult(list, f.rt)
			assert.ErrorAs(t, err, &damaged)
			assert.Empty(t, f.fake.calls())

			require.NoError(t, f.DelNetworkList(t.Context(), list, f.rt), "DEL is not stuck")
			runs := f.fake.take()
			require.Len(t, runs, 3)
			assert.Empty(t, runs[0].prev())
			require.NotEmpty(t, warned, "and the caller is told")
			assert.ErrorAs(t, warned[0], &damaged)
			assert.NoFileExists(t, path)
		})
	}
}

// A damaged record whose attachment has an intent as well is one fault.
func TestDamagedRecordIsToldOnce(t *testing.T) {
	f := newFixture(t, Options{})
	list := list3(t, v1)
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	f.fake.replies = map[string]any{"ADD": errors.New("second")}
	_, err = f.AddNetworkList(t.Context(), list, f.rt)
	require.Error(t, err)
	path := filepath.Join(f.opts.CacheDir, "results", "net-c1-eth0")
	require.NoError(t, os.WriteFile(path, nil, 0o600))

	for name, err := range map[string]error{
		"DelContainer": f.DelContainer(t.Context(), "c1"),
		"GC":           f.GCNetworkList(t.Context(), list, &GCArgs{}),
	} {
		require.Error(t, err, name)
		assert.Equal(t, 1, strings.Count(err.Error(), path), "%s: %v", name, err)
	}
}

// Legacy files hold the result alone.
func TestBareResults(t *testing.T) {
	f := newFixture(t, Options{})
	list := list3(t, v1)
	require.NoError(t, os.MkdirAll(filepath.Join(f.opts.CacheDir, "results"), 0o700))
	bare := `{ "cniVersion":"1.0.0", "ips":[{"address":"10.0.0.2/24"}] }`
	require.NoError(t, os.WriteFile(filepath.Join(f.opts.CacheDir, "results", "net-c1-eth0"), []byte(bare), 0o600))

	result, err := f.GetNetworkListCachedResult(list, f.rt)
	require.NoError(t, err)
	assert.Equal(t, "1.0.0", result.Version())
	_, _, err = f.GetNetworkListCachedConfig(list, f.rt)
	assert.EqualError(t, err, `read cached network "net" config has wrong kind: `, "upstream's text")
	attachments, err := f.GetCachedAttachments("")
	require.NoError(t, err)
	assert.Empty(t, attachments)
	require.NoError(t, f.GCNetworkList(t.Context(), list, &GCArgs{}), "it names no attachment that could be stale")
	assert.Empty(t, f.fake.calls())

	require.NoError(t, f.DelNetworkList(t.Context(), list, f.rt))
	assert.Equal(t, bare, f.fake.take()[0].prev())
	assert.Empty(t, f.store(nil).files(t))
}
