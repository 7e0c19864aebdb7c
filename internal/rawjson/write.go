package rawjson

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
)

// Field is a member to be written: a key, not yet quoted, and a raw value.
type Field struct {
	Key   string
	Value []byte
}

// Splice appends an object to dst: the members of o for which keep reports true,
// byte for byte and in their order, then the fields. A nil keep keeps all.
func Splice(dst []byte, o Object, keep func(Member) bool, fields ...Field) []byte {
	dst = append(dst, '{')
	for _, m := range o {
		if keep == nil || keep(m) {
			dst = appendMember(dst, m)
		}
	}
	for _, f := range fields {
		dst = appendField(dst, f)
	}
	return append(dst, '}')
}

// SpliceSorted is Splice of all members and the fields in one order, by key, with no
// white space between the tokens of the members' values. Both must be sorted: see
// [Object.Sorted].
func SpliceSorted(dst []byte, o Object, fields ...Field) []byte {
	dst = append(dst, '{')
	for i := range o {
		m := &o[i]
		for len(fields) > 0 && m.compare(fields[0].Key) > 0 {
			dst, fields = appendField(dst, fields[0]), fields[1:]
		}
		dst = append(comma(dst, '{'), m.Quoted...)
		dst = AppendCompact(append(dst, ':'), m.Value)
	}
	for _, f := range fields {
		dst = appendField(dst, f)
	}
	return append(dst, '}')
}

// Sorted sorts the members by key, in place, and returns them with only the last
// of equal keys.
func (o Object) Sorted() Object {
	inOrder := true
	for i := 1; i < len(o) && inOrder; i++ {
		inOrder = compareKeys(&o[i-1], &o[i]) < 0
	}
	if inOrder {
		return o
	}
	if !sortFew(o) {
		slices.SortStableFunc(o, func(a, b Member) int { return compareKeys(&a, &b) })
	}
	n := 0
	for i := range o {
		if i+1 < len(o) && compareKeys(&o[i], &o[i+1]) == 0 {
			continue
		}
		if n < i {
			o[n] = o[i]
		}
		n++
	}
	return o[:n]
}

// sortFew sorts objects of usual size, stably: by the first bytes of their keys as
// numbers, and each member is moved once. It takes a third of the time of comparing
// and swapping members (BenchmarkSorted). False: o is as it was.
func sortFew(o Object) bool {
	const few = 16
	if len(o) > few {
		return false
	}
	var order [few]struct {
		first uint64
		at    int
	}
	for i := range o {
		m := &o[i]
		if !m.simple {
			return false
		}
		first := firstBytes(m.Quoted[1 : len(m.Quoted)-1])
		at := i
		for at > 0 && (first < order[at-1].first ||
			first == order[at-1].first && compareKeys(m, &o[order[at-1].at]) < 0) {
			order[at] = order[at-1]
			at--
		}
		order[at].first, order[at].at = first, i
	}
	var members [few]Member
	copy(members[:], o)
	for i := range o {
		o[i] = members[order[i].at]
	}
	return true
}

// firstBytes is a number that orders texts without zero bytes as their first eight
// bytes do.
func firstBytes(s []byte) (n uint64) {
	if len(s) >= 8 {
		return binary.BigEndian.Uint64(s)
	}
	for _, c := range s {
		n = n<<8 | uint64(c)
	}
	return n << (8 * (8 - len(s)))
}

func compareKeys(a, b *Member) int {
	if a.simple && b.simple {
		return bytes.Compare(a.Quoted[1:len(a.Quoted)-1], b.Quoted[1:len(b.Quoted)-1])
	}
	return strings.Compare(a.Key(), b.Key())
}

// compare is compareKeys with a key that is decoded.
func (m Member) compare(key string) int {
	if s, ok := m.plain(); ok {
		return cmp.Compare(string(s), key)
	}
	return strings.Compare(m.Key(), key)
}

func appendField(dst []byte, f Field) []byte {
	dst = AppendString(comma(dst, '{'), f.Key)
	return append(append(dst, ':'), f.Value...)
}

func appendMember(dst []byte, m Member) []byte {
	dst = append(comma(dst, '{'), m.Quoted...)
	dst = append(dst, ':')
	return append(dst, m.Value...)
}

// comma appends a comma unless dst ends with the opening bracket. No value ends
// with one, so what stands before is the bracket that was just written.
func comma(dst []byte, open byte) []byte {
	if dst[len(dst)-1] == open {
		return dst
	}
	return append(dst, ',')
}

// AppendString appends s as a JSON string.
func AppendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // a string always has a JSON form
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// AppendSorted appends the object with its members sorted by key, the last of
// equal keys kept, and no white space between tokens. With deep set, objects
// within are sorted in the same way; numbers and strings keep their bytes
// always. The members must come from a successful parse.
func AppendSorted(dst []byte, o Object, deep bool) []byte {
	o = slices.Clone(o).Sorted()
	if !deep {
		return SpliceSorted(dst, o)
	}
	dst = append(dst, '{')
	for _, m := range o {
		dst = append(comma(dst, '{'), m.Quoted...)
		dst = appendDeep(append(dst, ':'), m.Value)
	}
	return append(dst, '}')
}

func appendDeep(dst, value []byte) []byte {
	switch TypeOf(value) {
	case Obj:
		o, _ := members(nil, value, 0)
		return AppendSorted(dst, o, true)
	case Array:
		elems, _ := elements(value, 0)
		dst = append(dst, '[')
		for _, e := range elems {
			dst = appendDeep(comma(dst, '['), e.Value)
		}
		return append(dst, ']')
	default:
		return append(dst, value...)
	}
}

// AppendCompact appends a valid value without the white space between tokens.
func AppendCompact(dst, value []byte) []byte {
	from := 0 // what is not yet written
	for i := 0; i < len(value); {
		switch c := value[i]; c {
		case ' ', '\n', '\t', '\r':
			dst = append(dst, value[from:i]...)
			i = skipSpaces(value, i)
			from = i
		case '"':
			if i = skipString(value, i); i < 0 {
				return append(dst, value[from:]...)
			}
		default:
			i++
		}
	}
	return append(dst, value[from:]...)
}

// EqualCompact reports whether two valid values differ in nothing but the white
// space between tokens.
func EqualCompact(a, b []byte) bool {
	i, j := 0, 0
	for {
		i, j = skipSpace(a, i), skipSpace(b, j)
		if i == len(a) || j == len(b) {
			return i == len(a) && j == len(b)
		}
		if a[i] != b[j] {
			return false
		}
		if a[i] == '"' {
			end := skipString(a, i)
			if end < 0 || !bytes.HasPrefix(b[j:], a[i:end]) {
				return false
			}
			i, j = end, j+end-i
			continue
		}
		i, j = i+1, j+1
	}
}
