// Package shell writes words for commands that somebody is advised to type.
package shell

import "strings"

// Word returns the word as a POSIX shell takes it for one, quoted only where it would
// be taken apart.
func Word(word string) string {
	if word != "" && !strings.ContainsFunc(word, special) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func special(c rune) bool {
	return !strings.ContainsRune("/._-+=:@%,", c) && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
}
