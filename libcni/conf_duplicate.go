package libcni

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/cnikit/cnikit/internal/rawjson"
)

// ErrDuplicateKey is in the warning about an object that has a key more than once;
// found by errors.Is. The last one counts.
var ErrDuplicateKey = errors.New("key is there more than once, the last one counts")

// maxDuplicates bounds what is said about one file, and maxLook how deep it is
// looked into: each level costs a pass over what is below it.
const (
	maxDuplicates = 16
	maxLook       = 32
)

// duplicateKeys returns a warning for each key that stands again in its object, at
// the place where it does. Bytes that are no JSON have none: parsing
// them says so.
func duplicateKeys(filename string, src []byte) []*ConfError {
	if !rawjson.Valid(src) {
		return nil
	}
	var found []*ConfError
	walkDuplicates(src, "", 0, maxLook, func(pointer, key string, offset int) bool {
		w := fault(pointer, offset, fmt.Errorf("%q: %w", key, ErrDuplicateKey)).located("", src)
		w.File = filename
		found = append(found, w)
		return len(found) < maxDuplicates
	})
	return found
}

// walkDuplicates calls f for each key of value, or of what is in it, that its object
// had before, until f returns false. Offset is where value begins, levels how many
// are looked at.
func walkDuplicates(value []byte, pointer string, offset, levels int, f func(pointer, key string, offset int) bool) bool {
	if levels == 0 {
		return true
	}
	more := true
	switch rawjson.TypeOf(value) {
	case rawjson.Obj:
		seen := map[string]bool{}
		_ = rawjson.EachMember(value, func(m rawjson.Member) bool {
			key := m.Key()
			at := pointer + pointerTo(key)
			if seen[key] {
				more = f(at, key, offset+m.Offset)
			}
			seen[key] = true
			more = more && walkDuplicates(m.Value, at, offset+m.Offset, levels-1, f)
			return more
		})
	case rawjson.Array:
		n := 0
		_ = rawjson.EachElement(value, func(e rawjson.Element) bool {
			more = walkDuplicates(e.Value, pointer+"/"+strconv.Itoa(n), offset+e.Offset, levels-1, f)
			n++
			return more
		})
	}
	return more
}
