package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/cnikit/cnikit/invoke"
)

// watch is an invoke.Exec. It finds and runs plugins as the default one does,
// which is embedded, and tells what goes in and what comes out: all of it for
// ADD, a line for the other verbs.
type watch struct {
	*invoke.DefaultExec
	w           io.Writer
	indent, dir string
}

// newWatch returns a watch that tells w, each line indented, with dir written
// as $DIR. What the plugins write to their stderr goes to stderr.
func newWatch(w io.Writer, indent, dir string, stderr io.Writer) watch {
	exec := &invoke.DefaultExec{RawExec: &invoke.RawExec{Stderr: stderr}}
	return watch{DefaultExec: exec, w: w, indent: indent, dir: dir}
}

func (t watch) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	plugin := strings.TrimSuffix(filepath.Base(path), ".exe")
	var verb string
	var cniVars []string
	for _, v := range environ {
		if c, ok := strings.CutPrefix(v, "CNI_COMMAND="); ok {
			verb = c
		} else if strings.HasPrefix(v, "CNI_") && !strings.HasSuffix(v, "=") {
			cniVars = append(cniVars, v)
		}
	}

	if verb != "ADD" {
		var names []string
		for _, m := range members(stdin) {
			names = append(names, m.name)
		}
		t.line("%-12s %-5s  stdin: %s", plugin, verb, strings.Join(names, " "))
		return t.DefaultExec.ExecPlugin(ctx, path, stdin, environ)
	}

	t.line("%s %s", plugin, verb)
	t.line("  env     %s", strings.Join(cniVars, " "))
	t.object("  stdin   ", stdin)
	stdout, err := t.DefaultExec.ExecPlugin(ctx, path, stdin, environ)
	t.object("  stdout  ", stdout)
	t.line("")
	return stdout, err
}

func (t watch) line(format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), t.dir, "$DIR")
	fmt.Fprintln(t.w, strings.TrimRight(t.indent+text, " "))
}

// object prints a JSON object, one member a line, behind label. A member that
// is a long object itself is printed in the same way.
func (t watch) object(label string, data []byte) {
	for _, m := range members(data) {
		head := fmt.Sprintf("%s%-13s ", label, m.name)
		if inner := members(m.value); inner != nil && len(m.value) > 60 {
			t.object(head, m.value)
		} else {
			t.line("%s%s", head, m.value)
		}
		label = strings.Repeat(" ", len(label))
	}
}

type member struct {
	name  string
	value []byte
}

// members lists the members of a JSON object in their order, and nothing for
// other values.
func members(data []byte) []member {
	var list []member
	dec := json.NewDecoder(bytes.NewReader(data))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return nil
	}
	for dec.More() {
		var value json.RawMessage
		name, err := dec.Token()
		if err != nil || dec.Decode(&value) != nil {
			return list
		}
		var short bytes.Buffer
		_ = json.Compact(&short, value) // it was just decoded, so it is JSON
		list = append(list, member{name.(string), short.Bytes()})
	}
	return list
}
