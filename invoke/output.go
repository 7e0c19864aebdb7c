package invoke

import (
	"bytes"
	"errors"
	"io"
	"strings"
)

const (
	// maxTail is how much of a plugin's standard error is kept.
	maxTail = 64 << 10
	// maxLine is how long a line may be to be forwarded in one piece.
	maxLine = 64 << 10
)

// errTooMuchOutput stops a plugin that floods its standard output.
var errTooMuchOutput = errors.New("too much on standard output")

// bounded collects a plugin's standard output.
type bounded struct {
	data []byte
	max  int
}

func (b *bounded) take(p []byte) error {
	if len(b.data)+len(p) > b.max {
		return errTooMuchOutput
	}
	b.data = append(b.data, p...)
	return nil
}

// tail keeps the end of a plugin's standard error and forwards all of it, line by
// line, so that the lines of plugins that run at the same time stay whole.
type tail struct {
	forward io.Writer
	line    func(string)

	data    []byte
	cut     bool
	partial []byte
}

func (t *tail) take(p []byte) error {
	t.data = append(t.data, p...)
	if over := len(t.data) - maxTail; over > maxTail {
		t.data = append(t.data[:0], t.data[over:]...)
		t.cut = true
	}
	if t.forward == nil && t.line == nil {
		return nil
	}
	t.partial = append(t.partial, p...)
	whole := bytes.LastIndexByte(t.partial, '\n') + 1
	if len(t.partial)-whole > maxLine {
		whole = len(t.partial)
	}
	t.pass(whole)
	return nil
}

// flush passes on a last line that has no newline.
func (t *tail) flush() { t.pass(len(t.partial)) }

// pass hands on the first n bytes of what waits.
func (t *tail) pass(n int) {
	if n == 0 {
		return
	}
	if t.forward != nil {
		_, _ = t.forward.Write(t.partial[:n]) // informational: its failure must not fail the plugin
	}
	if t.line != nil {
		for line := range strings.Lines(string(t.partial[:n])) {
			t.line(strings.TrimRight(line, "\r\n"))
		}
	}
	t.partial = append(t.partial[:0], t.partial[n:]...)
}

// String returns the part that was kept.
func (t *tail) String() string {
	data := t.data[max(0, len(t.data)-maxTail):]
	if t.cut || len(data) < len(t.data) {
		return "... " + string(data)
	}
	return string(data)
}
