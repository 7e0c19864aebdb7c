//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	configSecret     = "correct-horse"
	argsSecret       = "battery-staple"
	capabilitySecret = "tr0ub4dor"
)

// observedList has a secret; what it says to stderr is sbr's own.
const observedList = `{
	"cniVersion": "1.1.0",
	"name": "observed",
	"disableCheck": true,
	"plugins": [
		{
			"type": "bridge", "bridge": "seen0", "org.example.password": "` + configSecret + `",
			"ipam": {"type": "static", "addresses": [{"address": "10.52.0.2/24"}]}
		},
		{"type": "tuning", "mtu": 1400, "capabilities": {"org.example.token": true}},
		{"type": "sbr"}
	]
}`

// A logLine is what LogObserver writes.
type logLine struct {
	Level, Msg, Command, Plugin, Network, ContainerID, IfName, Path, Line, Error string
	Elapsed                                                                      *int64
	Exit                                                                         *int
}

// TestLogObserver: what the log has of a chain of real plugins, and what it has not.
func TestLogObserver(t *testing.T) {
	alone(t, rootless, func(t *testing.T) {
		needLinkKind(t, "bridge")
		secrets := types.Capabilities{Extra: map[string]any{"org.example.token": capabilitySecret}}
		args := types.Args{{"IgnoreUnknown", "1"}, {"TOKEN", argsSecret}}

		observed := func(t *testing.T, level slog.Level, act func(t *testing.T, g *guest)) (string, []logLine) {
			t.Helper()
			var text bytes.Buffer
			g := newGuest(t, observedList, "guest", secrets, args)
			log := slog.New(slog.NewJSONHandler(&text, &slog.HandlerOptions{Level: level}))
			g.cni = libcni.New([]string{pluginsDir()}, libcni.Options{Observer: invoke.LogObserver(log)})
			act(t, g)
			g.container.remove(t)
			var lines []logLine
			for decoder := json.NewDecoder(strings.NewReader(text.String())); decoder.More(); {
				var line logLine
				require.NoError(t, decoder.Decode(&line))
				lines = append(lines, line)
			}
			return text.String(), lines
		}
		addAndDel := func(t *testing.T, g *guest) {
			_, err := g.cni.AddNetworkList(t.Context(), g.list, g.rt)
			require.NoError(t, err)
			require.NoError(t, g.cni.DelNetworkList(t.Context(), g.list, g.rt))
		}

		t.Run("info", func(t *testing.T) {
			text, lines := observed(t, slog.LevelInfo, addAndDel)
			var runs []string
			said := map[string]int{}
			for _, l := range lines {
				assert.Equal(t, "INFO", l.Level)
				assert.Equal(t, "observed", l.Network)
				assert.Equal(t, "guest", l.ContainerID)
				assert.Equal(t, "eth0", l.IfName)
				if l.Line != "" {
					assert.Equal(t, "cni plugin stderr", l.Msg)
					said[l.Command+" "+l.Plugin]++
					continue
				}
				assert.Equal(t, "cni plugin done", l.Msg)
				assert.Equal(t, pluginsDir()+"/"+l.Plugin, l.Path)
				require.NotNil(t, l.Elapsed)
				assert.Positive(t, *l.Elapsed)
				require.NotNil(t, l.Exit)
				assert.Zero(t, *l.Exit)
				runs = append(runs, l.Command+" "+l.Plugin)
			}
			assert.Equal(t, []string{"ADD bridge", "ADD tuning", "ADD sbr", "DEL sbr", "DEL tuning", "DEL bridge"}, runs)
			assert.Positive(t, said["ADD sbr"], "what sbr says to stderr")
			assert.Positive(t, said["DEL sbr"], "what sbr says to stderr")
			assertNoSecrets(t, text)
		})
		t.Run("failure", func(t *testing.T) {
			text, lines := observed(t, slog.LevelInfo, func(t *testing.T, g *guest) {
				g.ip(t, "link add eth0 type veth peer name other") // the name is taken
				_, err := g.cni.AddNetworkList(t.Context(), g.list, g.rt)
				require.Error(t, err)
				require.NoError(t, g.cni.DelNetworkList(t.Context(), g.list, g.rt))
			})
			require.NotEmpty(t, lines)
			failed := lines[0]
			assert.Equal(t, "ERROR", failed.Level)
			assert.Equal(t, "cni plugin failed", failed.Msg)
			assert.Equal(t, "ADD bridge", failed.Command+" "+failed.Plugin)
			require.NotNil(t, failed.Exit)
			assert.Equal(t, 1, *failed.Exit)
			assert.Contains(t, failed.Error, "already exists")
			assertNoSecrets(t, text)
		})
		t.Run("debug", func(t *testing.T) {
			text, _ := observed(t, slog.LevelDebug, addAndDel)
			for _, secret := range []string{configSecret, argsSecret, capabilitySecret} {
				assert.Contains(t, text, secret, "it was there to be told")
			}
		})
	})
}

func assertNoSecrets(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{configSecret, argsSecret, capabilitySecret} {
		assert.NotContains(t, text, secret)
	}
}
