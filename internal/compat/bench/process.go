package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// ErrNoCompiler says that a row cannot be measured for want of a C compiler.
var ErrNoCompiler = errors.New("no gcc to build the C plugin with")

// cPlugin is the smallest plugin there can be: it reads its request to the end
// and answers.
const cPlugin = `#include <unistd.h>
static const char reply[] = %q;
int main(void) {
	char b[65536];
	while (read(0, b, sizeof b) > 0) {}
	return write(1, reply, sizeof reply - 1) == sizeof reply - 1 ? 0 : 1;
}
`

const goPlugin = `package main

import (
	"io"
	"os"
)

const reply = %q

func main() {
	if _, err := io.ReadAll(os.Stdin); err != nil {
		os.Exit(1)
	}
	os.Stdout.WriteString(reply)
}
`

// plugin returns a directory with one of the two plugins, under the name of every
// plugin of a chain.
func (b *Bench) plugin(language string) (string, error) {
	if dir := b.plugins[language]; dir != "" {
		return dir, nil
	}
	source, text, build := "main.go", goPlugin, []string{"go", "build", "-o", "bridge", "main.go"}
	if language == "c" {
		source, text, build = "main.c", cPlugin, []string{"gcc", "-O2", "-static", "-o", "bridge", "main.c"}
		if _, err := exec.LookPath("gcc"); err != nil {
			return "", ErrNoCompiler
		}
	}
	dir, err := writeFiles(b.dir, "plugin-"+language, map[string][]byte{source: fmt.Appendf(nil, text, reply)})
	if err != nil {
		return "", err
	}
	cmd := exec.Command(build[0], build[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the plugin: %w: %s", err, out)
	}
	for _, name := range []string{"portmap", "firewall"} {
		if err := os.Link(filepath.Join(dir, "bridge"), filepath.Join(dir, name)); err != nil {
			return "", err
		}
	}
	b.plugins[language] = dir
	return dir, nil
}

// processRow runs one process.
func processRow(language string) func(*Bench, string, library) (*op, error) {
	return func(b *Bench, _ string, lib library) (*op, error) {
		dir, err := b.plugin(language)
		if err != nil {
			return nil, err
		}
		path, stdin, environ := filepath.Join(dir, "bridge"), conflist(networkName, 1), append(os.Environ(), "CNI_COMMAND=ADD")
		run := lib.RawExec()
		return &op{wall: true, run: func(int) (any, error) {
			out, err := run.ExecPlugin(context.Background(), path, stdin, environ)
			return string(out), err
		}}, nil
	}
}

// burstRow attaches many containers at once: one operation is an ADD by each of
// the callers, a chain of 3 processes each.
func burstRow(callers, limit int) func(*Bench, string, library) (*op, error) {
	return func(b *Bench, dir string, lib library) (*op, error) {
		bin, err := b.plugin("c")
		if err != nil {
			return nil, err
		}
		list, err := lib.Parse(conflist(networkName, 3))
		if err != nil {
			return nil, err
		}
		r, all := lib.Runtime(dir, []string{bin}, nil, limit), containers(callers)
		return &op{each: callers, wall: true, run: func(int) (any, error) {
			results, errs := make([]any, callers), make([]error, callers)
			var wg sync.WaitGroup
			for i := range callers {
				wg.Go(func() { results[i], errs[i] = r.Add(list, all[i]) })
			}
			wg.Wait()
			return results, errors.Join(errs...)
		}}, nil
	}
}
