package invoke

import (
	"fmt"
	"strconv"
	"strings"
)

// maxQuote bounds what an error repeats of a plugin's words, in bytes.
const maxQuote = 4 << 10

// part says which part of a long text is kept.
type part bool

const (
	head part = false
	end  part = true
)

// clip shortens text to what an error may quote and says how much is left out.
func clip(text string, keep part) string {
	left := len(text) - maxQuote
	switch {
	case left <= 0:
		return text
	case keep == end:
		return fmt.Sprintf("(%d bytes before) ...%s", left, strings.ToValidUTF8(text[left:], ""))
	}
	return fmt.Sprintf("%s... (%d more bytes)", strings.ToValidUTF8(text[:maxQuote], ""), left)
}

// quote returns the text in quotes, which is at most limit bytes long: one byte of
// text may take four.
func quote(text []byte, limit int, keep part) string {
	n := min(len(text), limit)
	for {
		piece := text[:n]
		if keep == end {
			piece = text[len(text)-n:]
		}
		quoted := strconv.Quote(string(piece))
		if len(quoted) > limit+2 {
			n = n * limit / len(quoted)
			continue
		}
		switch left := len(text) - n; {
		case left == 0:
			return quoted
		case keep == end:
			return fmt.Sprintf("(%d bytes before) ...%s", left, quoted)
		default:
			return fmt.Sprintf("%s... (%d more bytes)", quoted, left)
		}
	}
}
