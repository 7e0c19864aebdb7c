package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestNearly: what looks like a slip is one, what is put aside on purpose is not.
func TestNearly(t *testing.T) {
	for word, want := range map[string]string{
		".confilst": ".conflist", ".conflst": ".conflist", ".conflists": ".conflist", ".Conflist": ".conflist",
		".confg": ".conf", ".cnof": ".conf", ".CONF": ".conf", ".jsn": ".json", ".josn": ".json",
		".conf": "", ".conflist": "", ".json": "", "": "", ".": "", ".bak": "", ".off": "", ".old": "", ".orig": "", ".md": "",
		".conf~": "", ".conf1": "", ".disabled": "", ".swp": "", ".yaml": "", ".rpmsave": "",
	} {
		assert.Equal(t, want, nearly(word, endings, 2), word)
	}
}

// TestDistance counts slips of the finger.
func TestDistance(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "ab", 2},
		{"plugin", "plugins", 1},
		{"plugins", "plugin", 1},
		{"plugnis", "plugins", 1},
		{"plagins", "plugins", 1},
		{"pulgnis", "plugins", 2},
		{"abc", "cab", 2},
	} {
		assert.Equal(t, tc.want, distance(tc.a, tc.b), "%s %s", tc.a, tc.b)
	}
}
