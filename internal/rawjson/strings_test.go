package rawjson

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestStrings(t *testing.T) {
	var s Strings
	var got, want []string
	for i := range 1000 { // more than fit at first
		text := "text " + strconv.Itoa(i)
		for _, value := range []string{strconv.Quote(text), `"\u0061` + text + `"`} {
			decoded, ok := s.String([]byte(value))
			assert.True(t, ok)
			same, _ := String([]byte(value))
			got, want = append(got, decoded), append(want, same)
		}
	}
	assert.Equal(t, want, got)
	for _, value := range []string{`1`, `null`, `"`, ``, `"\x"`, "\"\n\""} {
		_, ok := s.String([]byte(value))
		assert.False(t, ok, value)
	}
	empty, ok := s.String([]byte(`""`))
	assert.True(t, ok)
	assert.Empty(t, empty)
}
