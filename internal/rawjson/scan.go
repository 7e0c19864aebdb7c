package rawjson

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// The functions of this file walk over JSON text. Each takes the index of the
// first byte of what it skips and returns the index after its last byte, or -1
// when the text there is not JSON.

// maxDepth is encoding/json's limit on nesting.
const maxDepth = 10000

func skipSpace(s []byte, i int) int {
	if i < len(s) && s[i] > ' ' {
		return i // mostly there is none; small enough to be inlined
	}
	return skipSpaces(s, i)
}

func skipSpaces(s []byte, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}

// members appends the members of the object that begins at i.
func members(o Object, s []byte, i int) (Object, int) {
	end := eachMember(s, i, 1, func(m Member) bool { o = append(o, m); return true })
	return o, end
}

// eachMember walks over the object that begins at i, until f, which may be nil,
// returns false; then it returns -1 as well.
func eachMember(s []byte, i, depth int, f func(Member) bool) int {
	if i = skipSpace(s, i+1); i < len(s) && s[i] == '}' {
		return i + 1
	}
	for i < len(s) && s[i] == '"' {
		key, simple := i, false
		if i, simple = skipKey(s, i); i < 0 {
			return -1
		}
		quoted := s[key:i]
		if i = skipSpace(s, i); i == len(s) || s[i] != ':' {
			return -1
		}
		start := skipSpace(s, i+1)
		if i = skipValue(s, start, depth+1); i < 0 {
			return -1
		}
		if f != nil && !f(Member{Quoted: quoted, Value: s[start:i], Offset: start, simple: simple}) {
			return -1
		}
		if i = skipSpace(s, i); i == len(s) {
			return -1
		}
		if s[i] == '}' {
			return i + 1
		}
		if s[i] != ',' {
			return -1
		}
		i = skipSpace(s, i+1)
	}
	return -1
}

// elements collects the elements of the array that begins at i.
func elements(s []byte, i int) ([]Element, int) {
	e := make([]Element, 0, 4)
	end := eachElement(s, i, 1, func(v Element) bool { e = append(e, v); return true })
	return e, end
}

// eachElement is eachMember for the array that begins at i.
func eachElement(s []byte, i, depth int, f func(Element) bool) int {
	if i = skipSpace(s, i+1); i < len(s) && s[i] == ']' {
		return i + 1
	}
	for {
		start := i
		if i = skipValue(s, start, depth+1); i < 0 {
			return -1
		}
		if f != nil && !f(Element{Value: s[start:i], Offset: start}) {
			return -1
		}
		if i = skipSpace(s, i); i == len(s) {
			return -1
		}
		if s[i] == ']' {
			return i + 1
		}
		if s[i] != ',' {
			return -1
		}
		i = skipSpace(s, i+1)
	}
}

// skipValue checks and skips a value of any type.
func skipValue(s []byte, i, depth int) int {
	if i >= len(s) {
		return -1
	}
	switch s[i] {
	case '"':
		return skipString(s, i)
	case '{':
		return skipObject(s, i, depth)
	case '[':
		return skipArray(s, i, depth)
	case 't':
		return skipWord(s, i, "true")
	case 'f':
		return skipWord(s, i, "false")
	case 'n':
		return skipWord(s, i, "null")
	}
	return skipNumber(s, i)
}

func skipObject(s []byte, i, depth int) int {
	if depth > maxDepth {
		return -1
	}
	if i = skipSpace(s, i+1); i < len(s) && s[i] == '}' {
		return i + 1
	}
	for i < len(s) && s[i] == '"' {
		if i = skipString(s, i); i < 0 {
			return -1
		}
		if i = skipSpace(s, i); i == len(s) || s[i] != ':' {
			return -1
		}
		if i = skipValue(s, skipSpace(s, i+1), depth+1); i < 0 {
			return -1
		}
		if i = skipSpace(s, i); i == len(s) {
			return -1
		}
		if s[i] == '}' {
			return i + 1
		}
		if s[i] != ',' {
			return -1
		}
		i = skipSpace(s, i+1)
	}
	return -1
}

func skipArray(s []byte, i, depth int) int {
	if depth > maxDepth {
		return -1
	}
	if i = skipSpace(s, i+1); i < len(s) && s[i] == ']' {
		return i + 1
	}
	for {
		if i = skipValue(s, i, depth+1); i < 0 {
			return -1
		}
		if i = skipSpace(s, i); i == len(s) {
			return -1
		}
		if s[i] == ']' {
			return i + 1
		}
		if s[i] != ',' {
			return -1
		}
		i = skipSpace(s, i+1)
	}
}

func skipWord(s []byte, i int, word string) int {
	if len(s)-i < len(word) || string(s[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}

// skipKey is skipString that tells whether the string needs no decoding.
func skipKey(s []byte, i int) (end int, simple bool) {
	for end = i + 1; end+8 <= len(s); end += 8 {
		w := binary.LittleEndian.Uint64(s[end:])
		if found := (special(w) | w) & highBits; found != 0 {
			if end += bits.TrailingZeros64(found) / 8; s[end] == '"' {
				return end + 1, true
			}
			break
		}
	}
	for end < len(s) && inString[s[end]] && s[end] < utf8.RuneSelf {
		end++
	}
	if end < len(s) && s[end] == '"' {
		return end + 1, true
	}
	return skipString(s, i), false
}

// inString are the bytes that mean nothing but themselves within a string.
var inString = func() (table [256]bool) {
	for c := range table {
		table[c] = c >= 0x20 && c != '"' && c != '\\'
	}
	return table
}()

const (
	lowBits  = 0x0101010101010101
	highBits = 0x80 * lowBits
)

// special sets the highest bit of each byte of w that is a quote, a backslash or a
// control character. The lowest that is set is right; above it there may be more than
// there should be, since a subtraction borrows from the next byte.
func special(w uint64) uint64 {
	control := w - 0x20*lowBits
	quote := w ^ '"'*lowBits
	backslash := w ^ '\\'*lowBits
	return (control&^w | (quote-lowBits)&^quote | (backslash-lowBits)&^backslash) & highBits
}

// skipString looks at eight bytes at once: nothing gained or lost for keys, twice as
// fast over the configuration in a record, which is the most of it (BenchmarkValid).
func skipString(s []byte, i int) int {
	for i++; i < len(s); i++ {
		for i+8 <= len(s) {
			if found := special(binary.LittleEndian.Uint64(s[i:])); found != 0 {
				i += bits.TrailingZeros64(found) / 8
				break
			}
			i += 8
		}
		if i == len(s) {
			return -1
		}
		switch c := s[i]; {
		case inString[c]:
		case c == '"':
			return i + 1
		case c < 0x20:
			return -1
		case c == '\\':
			if i++; i == len(s) {
				return -1
			}
			switch s[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if len(s)-i < 5 || !isHex(s[i+1]) || !isHex(s[i+2]) || !isHex(s[i+3]) || !isHex(s[i+4]) {
					return -1
				}
				i += 4
			default:
				return -1
			}
		}
	}
	return -1
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func skipNumber(s []byte, i int) int {
	if i < len(s) && s[i] == '-' {
		i++
	}
	switch {
	case i < len(s) && s[i] == '0':
		i++
	default:
		if i = skipDigits(s, i); i < 0 {
			return -1
		}
	}
	if i < len(s) && s[i] == '.' {
		if i = skipDigits(s, i+1); i < 0 {
			return -1
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		return skipDigits(s, i)
	}
	return i
}

// skipDigits skips one digit or more.
func skipDigits(s []byte, i int) int {
	start := i
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	if i == start {
		return -1
	}
	return i
}
