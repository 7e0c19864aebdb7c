package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cnikit/cnikit/libcni"
)

// An ignored entry of the directory of the networks is not read.
type ignored struct {
	File  string `json:"file"`
	Error string `json:"error"`

	meant bool // by its name it was to be read
}

// endings are those of the files that are read.
var endings = []string{".conf", ".conflist", ".json"}

// ignored are the entries that may have been put there to be read: files whose ending
// is nearly right, and directories.
func (t *tool) ignored(set *libcni.ConfSet) []ignored {
	found := []ignored{}
	entries, _ := os.ReadDir(set.Dir)
	for _, e := range entries {
		path := filepath.Join(set.Dir, e.Name())
		of := slices.IndexFunc(set.Networks, func(n *libcni.NetworkFile) bool { return n.Name == e.Name() })
		switch ending := filepath.Ext(e.Name()); {
		case e.IsDir() && slices.Contains(endings, ending):
			found = append(found, ignored{path, "is a directory, and not read", true})
		case e.IsDir() && of < 0:
			found = append(found, ignored{path, "is a directory, and not read: no network that can be used has its name", false})
		case e.IsDir() && !set.Networks[of].LoadOnlyInlinedPlugins:
			found = append(found, ignoredDropins(path)...)
		case e.IsDir():
			found = append(found, ignored{path, "is not read: its network has loadOnlyInlinedPlugins", false})
		default:
			if right := nearly(ending, endings, 2); right != "" {
				found = append(found, ignored{path, fmt.Sprintf("is not read: its name ends in %s, not in %s", ending, right), true})
			}
		}
	}
	return found
}

// slips are those that by their names were to be read.
func (t *tool) slips(set *libcni.ConfSet) []ignored {
	return slices.DeleteFunc(t.ignored(set), func(i ignored) bool { return !i.meant })
}

// ignoredDropins are those of a network's drop-in folder.
func ignoredDropins(dir string) (found []ignored) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		ending := filepath.Ext(e.Name())
		if ending != ".conf" && (slices.Contains(endings, ending) || nearly(ending, endings, 2) != "") {
			found = append(found, ignored{filepath.Join(dir, e.Name()), "is not read: of a drop-in folder only *.conf is", true})
		}
	}
	return found
}

// misspelt says which key of a file that cannot be used is nearly one that counts;
// empty if there is none.
func misspelt(file string) string {
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<22 {
		return ""
	}
	data, _ := os.ReadFile(file)
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil {
		return ""
	}
	known := []string{"cniVersion", "cniVersions", "name", "plugins", "type", "disableCheck", "disableGC", "loadOnlyInlinedPlugins"}
	left := slices.DeleteFunc(slices.Clone(known), func(key string) bool { _, there := object[key]; return there })
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if slices.Contains(known, key) {
			continue
		}
		if right := nearly(key, left, 2); right != "" && !strings.EqualFold(key, right) {
			return fmt.Sprintf("%q may be meant to be %q", key, right)
		}
	}
	return ""
}

// capabilities are those of the CNI conventions.
var capabilities = []string{
	"portMappings", "ipRanges", "bandwidth", "dns", "ips", "mac", "infinibandGUID", "deviceID", "aliases", "cgroupPath",
}

// nearly returns which of several words another one may have been meant to be: of
// those that differ by up to so many letters, and by at most one in four, the nearest.
// A word with anything but letters, as in an editor's backup, is meant as it is.
func nearly(word string, words []string, most int) (right string) {
	if strings.ContainsFunc(strings.TrimPrefix(word, "."), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) || slices.Contains(words, word) {
		return ""
	}
	for _, w := range words {
		d := distance(strings.ToLower(word), strings.ToLower(w))
		if limit := min(most, len(w)/4); d <= limit && (right == "" || d < distance(strings.ToLower(word), strings.ToLower(right))) {
			right = w
		}
	}
	return right
}

// distance is the number of letters that are too many, missing, wrong or changed
// places with the next one.
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	before, above, row := rows[0], rows[1], rows[2]
	for j := range above {
		above[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			row[j+1] = min(above[j]+change, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
