package rawjson

import "strings"

// Strings decodes strings as [String] does, into one piece of memory: for many short
// strings that live equally long. The zero value is ready to use.
type Strings struct{ text strings.Builder }

// String decodes a JSON string. It reports false for any other value.
func (s *Strings) String(value []byte) (string, bool) {
	in, ok := plain(value)
	if !ok {
		return String(value)
	}
	if s.text.Cap() == 0 {
		s.text.Grow(512)
	}
	from := s.text.Len()
	s.text.Write(in)
	return s.text.String()[from:], true // what grows later leaves this one where it is
}

// Key is [Member.Key].
func (s *Strings) Key(m Member) string {
	key, _ := s.String(m.Quoted)
	return key
}
