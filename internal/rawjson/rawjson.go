// Package rawjson takes JSON objects apart and puts them together again without
// decoding what it does not have to: numbers, escapes and members nobody here
// knows keep their bytes.
//
// It accepts exactly the texts that encoding/json accepts, and reports errors in
// encoding/json's words. All slices it returns are slices of the source: they
// must not be written to, and they keep the source alive.
package rawjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Member is one member of an object.
type Member struct {
	// Quoted is the key as it stands in the source, with its quotes.
	Quoted []byte
	// Value is the value as it stands in the source.
	Value []byte
	// Offset is where the value begins in the source, in bytes.
	Offset int

	// simple says that the key needs no decoding. The parser knows it for nothing;
	// the methods would otherwise look for escapes each time they are asked, which
	// is for every name that the key might be.
	simple bool
	node   int // in the Tree that the member is from
}

// plain is the function plain of the key.
func (m Member) plain() ([]byte, bool) {
	if m.simple {
		return m.Quoted[1 : len(m.Quoted)-1], true
	}
	return plain(m.Quoted)
}

// Key returns the decoded key.
func (m Member) Key() string {
	if s, ok := m.plain(); ok {
		return string(s)
	}
	s, _ := String(m.Quoted)
	return s
}

// Is reports whether the decoded key is name.
func (m Member) Is(name string) bool {
	if m.simple {
		return string(m.Quoted[1:len(m.Quoted)-1]) == name
	}
	return IsString(m.Quoted, name)
}

// Folds reports whether encoding/json would store the member in a struct field
// tagged name: the keys are equal but for their case.
func (m Member) Folds(name string) bool {
	if s, ok := m.plain(); ok {
		if string(s) == name {
			return true
		}
		if len(s) != len(name) {
			return false // ASCII folds to ASCII only within its length
		}
		return strings.EqualFold(string(s), name)
	}
	return strings.EqualFold(m.Key(), name)
}

// FoldsPrefix reports whether the key begins with prefix, in any case.
func (m Member) FoldsPrefix(prefix string) bool {
	s, ok := m.plain()
	if !ok {
		key := m.Key()
		return len(key) >= len(prefix) && strings.EqualFold(key[:len(prefix)], prefix)
	}
	return len(s) >= len(prefix) && strings.EqualFold(string(s[:len(prefix)]), prefix)
}

// Object is the members of an object in the order of the source, duplicates
// included.
type Object []Member

// Get returns the value of the member with that key. Of several the last one
// wins, as in encoding/json.
func (o Object) Get(key string) (Member, bool) {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].Is(key) {
			return o[i], true
		}
	}
	return Member{}, false
}

// Keys are names that the members of an object may have.
type Keys struct {
	names []string
	sizes uint64 // bit n: there is a name of n bytes
}

// KeysOf returns the keys of these names, each of less than 64 bytes.
func KeysOf(names ...string) *Keys {
	k := &Keys{names: names}
	for _, name := range names {
		k.sizes |= 1 << len(name)
	}
	return k
}

// Find returns the index of the name that the member's key is but for its case, see
// [Member.Folds], or -1. Most keys that nobody looks for have another length than all
// of the names.
func (k *Keys) Find(m Member) int {
	if s, ok := m.plain(); ok && k.sizes>>len(s)&1 == 0 {
		return -1
	}
	for i, name := range k.names {
		if m.Folds(name) {
			return i
		}
	}
	return -1
}

// Element is one element of an array.
type Element struct {
	Value  []byte
	Offset int
}

// Type is the type of a JSON value.
type Type byte

// The types of JSON.
const (
	Invalid Type = iota
	Null
	Bool
	Number
	Text
	Array
	Obj
)

// TypeOf tells a value's type from its first byte; the value is not checked.
func TypeOf(value []byte) Type {
	i := skipSpace(value, 0)
	if i == len(value) {
		return Invalid
	}
	switch c := value[i]; {
	case c == 'n':
		return Null
	case c == 't' || c == 'f':
		return Bool
	case c == '"':
		return Text
	case c == '[':
		return Array
	case c == '{':
		return Obj
	case c == '-' || c >= '0' && c <= '9':
		return Number
	}
	return Invalid
}

// GoType names the type that encoding/json gives such a value in an interface.
func (t Type) GoType() string {
	switch t {
	case Bool:
		return "bool"
	case Number:
		return "float64"
	case Text:
		return "string"
	case Array:
		return "[]interface {}"
	case Obj:
		return "map[string]interface {}"
	}
	return "<nil>"
}

// TypeError reports a value of another type than was asked for.
type TypeError struct {
	Want string // "object" or "array"
	Got  Type
}

func (e *TypeError) Error() string {
	return fmt.Sprintf("JSON value is %s, not an %s", e.Got.Noun(), e.Want)
}

// Noun is the type in a sentence: "a number", "null".
func (t Type) Noun() string {
	switch t {
	case Null:
		return "null"
	case Bool:
		return "a boolean"
	case Number:
		return "a number"
	case Text:
		return "a string"
	case Array:
		return "an array"
	case Obj:
		return "an object"
	}
	return "nothing"
}

// ParseObject checks that src is one JSON object, through and through, and
// returns its members. The error is a [*json.SyntaxError] for text that is not
// JSON and a [*TypeError] for another JSON value.
func ParseObject(src []byte) (Object, error) {
	return ParseObjectInto(make(Object, 0, 8), src)
}

// ParseObjectInto is [ParseObject] that appends the members to o[:0], for a
// caller that takes many objects apart one after the other.
func ParseObjectInto(o Object, src []byte) (Object, error) {
	i := skipSpace(src, 0)
	if i == len(src) || src[i] != '{' {
		return nil, wrongType(src, "object")
	}
	o, end := members(o[:0], src, i)
	if end < 0 || skipSpace(src, end) != len(src) {
		return nil, syntaxError(src)
	}
	return o, nil
}

// ParseArray is ParseObject for an array.
func ParseArray(src []byte) ([]Element, error) {
	i := skipSpace(src, 0)
	if i == len(src) || src[i] != '[' {
		return nil, wrongType(src, "array")
	}
	e, end := elements(src, i)
	if end < 0 || skipSpace(src, end) != len(src) {
		return nil, syntaxError(src)
	}
	return e, nil
}

// EachMember calls f with each member of src, which is known to be JSON, until f
// returns false. Of an object that is cut off f gets the members that are whole. It
// allocates nothing. The error is a [*TypeError] for another value than an object.
func EachMember(src []byte, f func(Member) bool) error {
	i := skipSpace(src, 0)
	if i == len(src) || src[i] != '{' {
		return wrongType(src, "object")
	}
	eachMember(src, i, 1, f)
	return nil
}

// EachElement is [EachMember] for an array.
func EachElement(src []byte, f func(Element) bool) error {
	i := skipSpace(src, 0)
	if i == len(src) || src[i] != '[' {
		return wrongType(src, "array")
	}
	eachElement(src, i, 1, f)
	return nil
}

// Valid reports whether src is one JSON value.
func Valid(src []byte) bool {
	i := skipValue(src, skipSpace(src, 0), 1)
	return i >= 0 && skipSpace(src, i) == len(src)
}

// String decodes a JSON string. It reports false for any other value.
func String(value []byte) (string, bool) {
	if s, ok := plain(value); ok {
		return string(s), true
	}
	var s string
	if len(value) == 0 || value[0] != '"' || json.Unmarshal(value, &s) != nil {
		return "", false
	}
	return s, true
}

// IsString reports whether value is a JSON string that decodes to s.
func IsString(value []byte, s string) bool {
	if in, ok := plain(value); ok {
		return string(in) == s
	}
	decoded, ok := String(value)
	return ok && decoded == s
}

// plain returns the inside of a quoted string that needs no decoding.
func plain(quoted []byte) ([]byte, bool) {
	if len(quoted) < 2 || quoted[0] != '"' || quoted[len(quoted)-1] != '"' {
		return nil, false
	}
	in := quoted[1 : len(quoted)-1]
	for _, c := range in {
		if !inString[c] || c >= utf8.RuneSelf {
			return nil, false
		}
	}
	return in, true
}

func wrongType(src []byte, want string) error {
	if !Valid(src) {
		return syntaxError(src)
	}
	return &TypeError{Want: want, Got: TypeOf(src)}
}

// syntaxError asks encoding/json what is wrong with src, so that the words and
// the offset are the ones that users know.
func syntaxError(src []byte) error {
	var raw json.RawMessage
	if err := json.Unmarshal(src, &raw); err != nil {
		return err
	}
	return fmt.Errorf("invalid JSON") // not reached while both accept the same texts
}

// Position turns a byte offset into a line and a column, both counted from 1;
// a column is a byte.
func Position(src []byte, offset int) (line, column int) {
	offset = min(max(offset, 0), len(src))
	before := src[:offset]
	return bytes.Count(before, []byte{'\n'}) + 1, offset - (bytes.LastIndexByte(before, '\n') + 1) + 1
}
