package libcni

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/internal/shell"
	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
)

// DEL from a record runs with what is recorded: to correct the file is no help, but
// DelNetworkList with the corrected one is, and the error says so.
func TestDelFromARecordSaysWhatCounts(t *testing.T) {
	wrong, corrected := `{"cniVersion":"1.1.0","name":"net","plugins":[{"type":"wrong"}]}`, `{"cniVersion":"1.1.0","name":"net","plugins":[{"type":"right"}]}`
	k := AttachmentKey{"net", "c1", "eth0"}
	dels := map[string]func(f *fixture) error{
		"DelAttachment": func(f *fixture) error { return f.DelAttachment(t.Context(), k) },
		"DelContainer":  func(f *fixture) error { return f.DelContainer(t.Context(), k.ContainerID) },
		"GC": func(f *fixture) error {
			return join(f.gcAttachments(t.Context(), mustNetwork(t, mustList(t, corrected)), nil)...)
		},
	}
	for _, made := range []bool{true, false} {
		for name, del := range dels {
			t.Run(fmt.Sprintf("%s, made: %v", name, made), func(t *testing.T) {
				f := newFixture(t, Options{})
				f.fake.replies["wrong DEL"] = errBanana
				if !made {
					f.fake.replies["wrong ADD"] = errBanana
				}
				_, err := f.AddNetworkList(t.Context(), mustList(t, wrong), f.rt)
				require.Equal(t, made, err == nil)
				path := onlyFile(t, f.opts.CacheDir)

				err = del(f)
				assert.ErrorIs(t, err, errBanana)
				assert.Equal(t, []string{"wrong", "DEL"}, []string{pluginError(t, err).Plugin, pluginError(t, err).Command})
				assert.NotContains(t, err.Error(), "record", "the text is the plugin's")
				assert.Equal(t, err.Error(), fmt.Sprint(err))
				assert.Equal(t, fmt.Sprintf("%q", err.Error()), fmt.Sprintf("%q", err))
				toDo := "if the recorded configuration or arguments are wrong (DEL ran with those, not with today's): DelNetworkList with corrected ones; where the network is configured: " +
					"cnitool --cache " + shell.Word(f.opts.CacheDir) + " del --container c1 -i eth0 net /run/netns/c1"
				assert.True(t, strings.HasSuffix(fmt.Sprintf("%+v", err), "\n    record:    "+path+"\n    to do:     "+toDo), "%+v", err)
				assert.Contains(t, fields(err), "record="+path+" toDo="+toDo)

				f.fake.missing = []string{"wrong"}
				err = del(f)
				assert.ErrorIs(t, err, invoke.ErrPluginNotFound)
				assert.Contains(t, fmt.Sprintf("%+v", err), "\n    to do:     install it again in ")
				assert.Contains(t, fmt.Sprintf("%+v", err), "\n    or:        "+toDo)
				assert.Contains(t, fields(err), " or="+toDo)

				require.NoError(t, f.DelNetworkList(t.Context(), mustList(t, corrected), f.rt), "as it says")
				require.NoError(t, del(f))
				attachments, err := f.Attachments(AttachmentKey{})
				require.NoError(t, err)
				pending, err := f.Pending(AttachmentKey{})
				require.NoError(t, err)
				assert.Empty(t, attachments)
				assert.Empty(t, pending)
			})
		}
	}
}

// Where what is recorded cannot be what is wrong, to run DEL with something else is no
// advice.
func TestDelFromARecordThatIsNotToBlame(t *testing.T) {
	const advice = "DelNetworkList with corrected ones"
	later := types.NewError(types.ErrTryAgainLater, "busy", "")
	over, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	given, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx     context.Context
		replies map[string]any
		missing []string
		advice  bool
	}{
		"the plugin fails":          {t.Context(), map[string]any{"DEL": errBanana}, nil, true},
		"it is missing":             {t.Context(), nil, []string{"one"}, true},
		"it hangs":                  {t.Context(), map[string]any{"DEL": context.DeadlineExceeded}, nil, true},
		"it asks for another time":  {t.Context(), map[string]any{"DEL": later}, nil, false},
		"no time was left for it":   {over, map[string]any{"DEL": context.DeadlineExceeded}, nil, false},
		"the caller had given up":   {given, map[string]any{"DEL": context.Canceled}, nil, false},
		"one fails, one asks":       {t.Context(), map[string]any{"DEL": later, "one DEL": errBanana}, nil, true},
		"one is missing, one asks":  {t.Context(), map[string]any{"DEL": later}, []string{"one"}, true},
		"both ask for another time": {t.Context(), map[string]any{"one DEL": later, "two DEL": later}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{ContinueOnDelError: true})
			_, err := f.AddNetworkList(t.Context(), mustList(t, `{"name":"net","cniVersion":"1.0.0","plugins":[{"type":"one"},{"type":"two"}]}`), f.rt)
			require.NoError(t, err)
			path := onlyFile(t, f.opts.CacheDir)
			f.fake.replies, f.fake.missing = c.replies, c.missing
			err = f.DelAttachment(c.ctx, AttachmentKey{"net", "c1", "eth0"})
			require.Error(t, err)
			text := fmt.Sprintf("%+v", err)
			assert.Contains(t, text, "\n    record:    "+path)
			assert.Equal(t, c.advice, strings.Contains(text, advice), text)
			assert.Equal(t, c.advice, strings.Contains(fields(err), advice), fields(err))
		})
	}
}

// A second ADD that fails says what is to be cleaned up, and that agrees with what is
// listed afterwards.
func TestSecondAddSaysWhatIsThere(t *testing.T) {
	list := list3(t, `"cniVersion":"1.1.0",`)
	for name, damaged := range map[string]bool{"good record": false, "damaged record": true} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{})
			_, err := f.AddNetworkList(t.Context(), list, f.rt)
			require.NoError(t, err)
			path := onlyFile(t, f.opts.CacheDir)
			if damaged {
				require.NoError(t, os.WriteFile(path, nil, 0o600))
			}
			f.fake.replies["ADD"] = errBanana
			_, err = f.AddNetworkList(t.Context(), list, f.rt)
			assert.EqualError(t, err, `plugin type="one" failed (add): plugin error: banana`)
			assert.Equal(t, error(errBanana), errors.Unwrap(err), "as without a record")
			_, listErr := f.Attachments(AttachmentKey{})
			pending, pendingErr := f.Pending(AttachmentKey{})
			require.NoError(t, pendingErr)
			assert.Len(t, pending, 1)
			if damaged {
				assert.ErrorContains(t, listErr, path)
				assert.True(t, strings.HasSuffix(fmt.Sprintf("%+v", err), "\n    record:    "+path+": it is attached already, and this record is damaged: decoding version from network config: unexpected end of JSON input"+
					"\n    to do:     run DEL with the network's configuration, which removes the record and cleans up after this ADD as well: "+
					"cnitool --cache "+shell.Word(f.opts.CacheDir)+" del --container c1 -i eth0 net /run/netns/c1"), "%+v", err)
			} else {
				require.NoError(t, listErr)
				assert.True(t, strings.HasSuffix(fmt.Sprintf("%+v", err), "\n    record:    "+path+": it is attached already, and DEL of that cleans up after this ADD as well"), "%+v", err)
				assert.NotContains(t, fields(err), "toDo")
			}
			require.NoError(t, f.DelNetworkList(t.Context(), list, f.rt), "as it says")
			_, err = f.Attachments(AttachmentKey{})
			require.NoError(t, err)
			pending, err = f.Pending(AttachmentKey{})
			require.NoError(t, err)
			assert.Empty(t, pending)

			_, err = f.AddNetworkList(t.Context(), list, f.rt)
			assert.NotContains(t, fmt.Sprintf("%+v", err), "record", "a first ADD")
		})
	}
}

func onlyFile(t *testing.T, cacheDir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(cacheDir, "*", "*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	return files[0]
}

func fields(err error) string {
	return slog.AnyValue(err).Resolve().String()
}

func TestDelCommand(t *testing.T) {
	k := key{"net", "c1", "eth0"}
	record := filepath.FromSlash("/var/lib/cni/results/x")
	assert.Equal(t, "cnitool del --container c1 -i eth0 net /run/netns/c1", delCommand(record, k, "/run/netns/c1"))
	assert.Equal(t, `cnitool del --container c1 -i eth0 net '/it'\''s a path'`, delCommand(record, k, "/it's a path"))
	assert.Equal(t, "cnitool del --container CONTAINER -i INTERFACE NETWORK NETNS", delCommand(record, key{}, ""))
	elsewhere := filepath.FromSlash("/my cache/pending/x")
	assert.Equal(t, "cnitool --cache '"+filepath.FromSlash("/my cache")+"' del --container c1 -i eth0 net NETNS", delCommand(elsewhere, k, ""))
}

// What Options and versions refuse has a remedy too.
func TestRefusalsSayWhatToDo(t *testing.T) {
	f := newFixture(t, Options{RefuseSecondAdd: true, RequireRecord: true})
	list := list3(t, v1)
	err := f.CheckNetworkList(t.Context(), list, f.rt)
	assert.Contains(t, fmt.Sprintf("%+v", err), "\n    to do:     name the cache directory of its ADD, or attach it")
	err = f.CheckNetworkList(t.Context(), list3(t, `"cniVersion":"0.3.1",`), f.rt)
	assert.Contains(t, fmt.Sprintf("%+v", err), "\n    to do:     set \"cniVersion\" 0.4.0 or newer in the network's configuration")

	_, err = f.AddNetworkList(t.Context(), list, f.rt)
	require.NoError(t, err)
	path := onlyFile(t, f.opts.CacheDir)
	_, err = f.AddNetworkList(t.Context(), list, f.rt)
	assert.Contains(t, fmt.Sprintf("%+v", err), "\n    to do:     run DEL before another ADD")
	assert.NotContains(t, fields(err), "record=")

	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err = f.AddNetworkList(t.Context(), list, f.rt)
	var damaged *RecordError
	require.ErrorAs(t, err, &damaged)
	assert.Contains(t, fmt.Sprintf("%+v", err), "\n    record:    "+path+"\n    to do:     run DEL with the network's configuration, which removes it: ")
	assert.Contains(t, fields(err), "record="+path+" toDo=run DEL with")
}
