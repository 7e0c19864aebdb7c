package invoke

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"time"
)

const (
	// readSize is how much is read from a pipe at once; results and log lines are
	// mostly shorter.
	readSize = 2 << 10
	// maxRead is how much is read at once from a plugin that writes a lot.
	maxRead = 64 << 10
	// maxTail is how much of a plugin's standard error is kept.
	maxTail = 64 << 10
	// maxLine is how long a line may be to be forwarded in one piece.
	maxLine = 64 << 10
	// maxPipe is as much as a pipe may hold: what a plugin wrote before it exited
	// is never more than that behind what was read.
	maxPipe = 1 << 20
)

// errTooMuchOutput stops a plugin that floods its standard output.
var errTooMuchOutput = errors.New("too much on standard output")

// reader reads the other end of one of a plugin's outputs until its end, and is
// told when to stop waiting for it.
type reader struct {
	file *os.File
	take func([]byte) error // an error ends the reading
	err  error              // take's, after done
	done chan struct{}
}

func newReader(file *os.File, take func([]byte) error) *reader {
	return &reader{file: file, take: take, done: make(chan struct{})}
}

func (r *reader) loop() {
	defer close(r.done)
	buf := make([]byte, readSize)
	for {
		n, err := r.file.Read(buf)
		if n > 0 {
			if r.err = r.take(buf[:n]); r.err != nil {
				return
			}
		}
		switch {
		case err == nil:
			if n == len(buf) && n < maxRead {
				buf = make([]byte, min(4*n, maxRead))
			}
		case errors.Is(err, os.ErrDeadlineExceeded):
			// Nobody is waited for any longer, but what was written is taken.
			for got := 0; got < maxPipe && r.err == nil; got += n {
				if n = readReady(r.file, buf); n <= 0 {
					return
				}
				r.err = r.take(buf[:n])
			}
			return
		default:
			return
		}
	}
}

// hurry says how long the output's other holders are waited for. What has been
// written before the call is read.
func (r *reader) hurry(until time.Time) {
	select {
	case <-r.done:
		return
	default:
	}
	if r.file.SetReadDeadline(until) != nil {
		// Pipes of this system know no deadlines.
		time.AfterFunc(time.Until(until), func() { _ = r.file.Close() })
	}
}

// close waits for the end of reading.
func (r *reader) close() {
	<-r.done
	_ = r.file.Close()
}

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
