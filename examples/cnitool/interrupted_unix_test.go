//go:build unix

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestInterrupted: who is interrupted while a plugin hangs judges nobody.
func TestInterrupted(t *testing.T) {
	for _, command := range []string{"doctor", "list", "status hangs"} {
		t.Run(command, func(t *testing.T) {
			m := newMachine(t)
			m.conf("10-hangs.conflist", `{"cniVersion": "1.1.0", "name": "hangs", "plugins": [{"type": "hangs"}]}`)
			m.conf("20-good.conflist", good)
			asked := filepath.Join(m.dir, "asked")
			m.script("hangs", "echo > "+asked+"; exec sleep 1000")
			ctx, interrupt := context.WithCancel(t.Context())
			go func() {
				for _, err := os.Stat(asked); err != nil && t.Context().Err() == nil; _, err = os.Stat(asked) {
					time.Sleep(time.Millisecond)
				}
				interrupt()
			}()
			stdout, stderr, status := m.callUntil(ctx, append([]string{"--timeout=10m"}, strings.Fields(command)...)...)
			assert.Equal(t, 1, status)
			want := "Error: interrupted"
			if command == "status hangs" {
				want = "\nInterrupted: the plugin was ended for that."
			}
			assert.Contains(t, stderr, want)
			assert.NotRegexp(t, "FAULT|FAILS|VERSION fails", stdout)
			if command != "status hangs" {
				assert.Contains(t, stdout, "interrupted before it had answered VERSION")
			}
			if command == "doctor" {
				assert.Contains(t, stdout, "attachments: 0")
				assert.NotContains(t, stdout, "ready")
			}
		})
	}
}

// script installs a plugin that is a shell script.
func (m *machine) script(name, text string) {
	m.t.Helper()
	dir := filepath.Join(m.dir, "bin")
	require.NoError(m.t, os.MkdirAll(dir, 0o755))
	require.NoError(m.t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755))
	if all := filepath.SplitList(m.env["CNI_PATH"]); all[len(all)-1] != dir {
		m.env["CNI_PATH"] += string(filepath.ListSeparator) + dir
	}
}
