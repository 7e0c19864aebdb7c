package invoke

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestQuoteIsBounded(t *testing.T) {
	assert.Equal(t, `"short"`, quote([]byte("short"), 100, head))
	assert.Equal(t, `"abcd"... (6 more bytes)`, quote([]byte("abcdefghij"), 4, head))
	assert.Equal(t, `(6 bytes before) ..."ghij"`, quote([]byte("abcdefghij"), 4, end))
	binary := quote(bytes.Repeat([]byte{0}, 1<<20), maxQuote, head)
	assert.Less(t, len(binary), maxQuote+100)
	assert.Greater(t, len(binary), maxQuote/2)
}

func TestClipIsBounded(t *testing.T) {
	long := strings.Repeat("ü", maxQuote)
	for _, keep := range []part{head, end} {
		text := clip("x"+long, keep)
		assert.Less(t, len(text), maxQuote+100)
		assert.True(t, strings.ToValidUTF8(text, "") == text, "no half characters")
	}
	assert.Equal(t, "short", clip("short", head))
}
