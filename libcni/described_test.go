package libcni

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func jsonLog(err error) string {
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Error("failed", "err", err)
	return b.String()
}

// What an operator is shown of a verb's error names plugin, verb and attachment or
// the record's file, whatever words and other errors are around it.
func TestErrorsOfVerbsTellAllTheyKnow(t *testing.T) {
	f := newFixture(t, Options{ContinueOnDelError: true, Rollback: true})
	list := list3(t, `"cniVersion":"1.1.0",`)
	_, err := f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	path := filepath.Join(f.opts.CacheDir, "results", "net-c0-eth0")
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	failing := func(id, verb string) {
		f.rt.ContainerID = id
		f.fake.replies = map[string]any{"two " + verb: errBanana}
	}

	for _, c := range []struct {
		name string
		err  func() error
		want []string
	}{
		{"ADD, rolled back in vain", func() error {
			failing("c2", "ADD")
			f.fake.replies["one DEL"] = errors.New("cherry")
			_, err := f.AddNetworkList(t.Context(), list, f.rt)
			return err
		}, []string{"banana", "ADD", "c2", "rollback: ", "cherry", "DEL", "one", "two"}},
		{"CHECK of a damaged record", func() error { f.rt.ContainerID = "c0"; return f.CheckNetworkList(t.Context(), list, f.rt) },
			[]string{`failed to get network`, "decoding version", path}},
		{"DEL that goes on", func() error { failing("c1", "DEL"); return f.DelNetworkList(t.Context(), list, f.rt) },
			[]string{"banana", "DEL", "c1", "eth0", "two", "net"}},
		{"GC", func() error { failing("c1", "DEL"); return f.GCNetworkList(t.Context(), list, &GCArgs{}) },
			[]string{path, "failed to delete stale attachment c1 eth0", "banana", "DEL", "two"}},
		{"DEL of a container", func() error { failing("c1", "DEL"); return f.DelContainer(t.Context(), "c1") },
			[]string{"attachment to network net as eth0", "banana", "DEL", "two"}},
		{"STATUS", func() error { failing("c1", "STATUS"); return f.GetStatusNetworkList(t.Context(), list) },
			[]string{"banana", "STATUS", "two", "net"}},
		{"listing", func() error { _, err := f.Attachments(AttachmentKey{}); return err }, []string{path}},
		{"ADD without an executable", func() error {
			f.fake.missing = []string{"three"}
			defer func() { f.fake.missing = nil }()
			_, err := f.AddNetworkList(t.Context(), list, f.rt)
			return err
		}, []string{"failed to find plugin", "ADD", "three", "c1"}},
		{"VERSION", func() error {
			f.fake.missing = []string{"three"}
			defer func() { f.fake.missing = nil }()
			_, err := f.ValidateNetworkList(t.Context(), list)
			return err
		}, []string{"failed to find plugin", "VERSION", "three", "net"}},
		{"ADD that cannot be recorded", func() error {
			results := filepath.Join(f.opts.CacheDir, "results")
			require.NoError(t, os.RemoveAll(results))
			require.NoError(t, os.WriteFile(results, nil, 0o600))
			_, err := f.AddNetworkList(t.Context(), list, f.rt)
			return err
		}, []string{"failed to set network", "results"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.err()
			require.Error(t, err)
			for _, text := range []string{fmt.Sprintf("%+v", err), jsonLog(err)} {
				for _, part := range c.want {
					assert.Contains(t, text, part)
				}
			}
			for _, format := range []string{"%v", "%s"} {
				assert.Equal(t, err.Error(), fmt.Sprintf(format, err))
			}
			assert.Equal(t, fmt.Sprintf("%q", err.Error()), fmt.Sprintf("%q", err))
		})
	}
}

func TestDescribedOfForeignErrors(t *testing.T) {
	for _, within := range []error{errors.New("banana"), odd("banana"), &described{"inner", odd("banana")}} {
		err := &described{"outer", within}
		assert.EqualError(t, err, "outer: "+within.Error())
		assert.Equal(t, err.Error(), err.LogValue().String())
		assert.ErrorIs(t, err, within)
	}
}

// odd is an error that gives log/slog no group.
type odd string

func (e odd) Error() string        { return string(e) }
func (e odd) LogValue() slog.Value { return slog.StringValue("odd") }
