package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
)

// A Row is one line of the table: work that both libraries do.
type Row struct {
	Name string
	// Least and Aim are how many times as fast as upstream this library is to be.
	Least, Aim float64
	// Allocs is the most allocations that one operation may cost this library; 0:
	// not held to any.
	Allocs float64

	setup func(*Bench, string, library) (*op, error)
}

// An op is a row's work on one of the libraries.
type op struct {
	// prepare makes the operations 0 to n-1 possible, once each. It is not
	// measured. Nil: there is nothing to prepare.
	prepare func(n int) error
	// run does one operation. What it returns is compared as JSON.
	run func(i int) (any, error)
	// exec is the plugins' side, if that is a fake.
	exec *fakeExec
	// each is how many ADDs are one operation; 0: that is not counted.
	each int
	// once says that only one operation can be prepared at a time.
	once bool
	// wall says that others than the calling thread do the work.
	wall bool
}

// Bench is a place to measure in.
type Bench struct {
	dir     string // in memory, where the system has such a place
	plugins map[string]string
}

// New makes a place. It must be closed.
func New() (*Bench, error) {
	parent := "/dev/shm"
	if _, err := os.Stat(parent); err != nil {
		parent = ""
	}
	dir, err := os.MkdirTemp(parent, "cnikit-bench-")
	if err != nil {
		return nil, err
	}
	return &Bench{dir: dir, plugins: map[string]string{}}, nil
}

// Close removes it.
func (b *Bench) Close() error { return os.RemoveAll(b.dir) }

// pair sets a row up for both libraries, upstream first.
func (b *Bench) pair(r *Row) (pair [2]*op, err error) {
	for i, lib := range libraries {
		dir, err := os.MkdirTemp(b.dir, "")
		if err != nil {
			return pair, err
		}
		if pair[i], err = r.setup(b, dir, lib); err != nil {
			return pair, fmt.Errorf("%s: %s: %w", r.Name, lib, err)
		}
	}
	return pair, nil
}

// Equal does the row's work once with each library. The error says in what the
// outcomes differ, or what the plugins were asked.
func (b *Bench) Equal(r *Row) error {
	pair, err := b.pair(r)
	if err != nil {
		return err
	}
	return r.equal(pair)
}

func (r *Row) equal(pair [2]*op) error {
	var outcomes [2]any
	for i, o := range pair {
		outcome, err := o.observe()
		if err != nil {
			return fmt.Errorf("%s: %s: %w", r.Name, libraries[i], err)
		}
		if outcomes[i], err = normal(outcome); err != nil {
			return err
		}
	}
	if !reflect.DeepEqual(outcomes[0], outcomes[1]) {
		return fmt.Errorf("%s: upstream %v, here %v", r.Name, outcomes[0], outcomes[1])
	}
	return nil
}

// observe does the work once and returns all that can be seen of it.
func (o *op) observe() (any, error) {
	if o.prepare != nil {
		if err := o.prepare(1); err != nil {
			return nil, err
		}
	}
	if o.exec == nil {
		return o.run(0)
	}
	o.exec.requests = []json.RawMessage{}
	result, err := o.run(0)
	requests := o.exec.requests
	o.exec.requests = nil
	return map[string]any{"result": result, "requests": requests}, err
}

// normal returns a value as what its JSON decodes to.
func normal(v any) (decoded any, err error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return decoded, d.Decode(&decoded)
}

// writeFiles writes files, by name, into a new directory of dir.
func writeFiles(dir, name string, files map[string][]byte) (string, error) {
	dir = filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return "", err
		}
	}
	return dir, nil
}
