// Cnialias writes the alias module: github.com/containernetworking/cni with
// this library in place of libcni and pkg/invoke.
//
//	cnialias DIR
//
// DIR must be empty or not exist. Run it with `go -C internal/compat run`, so
// that it finds the version of upstream that this library is measured against.
// It ends with the two replace directives that a program's go.mod needs.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/cnikit/cnikit/internal/compat/alias"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: cnialias DIR")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "cnialias:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	o := alias.Options{}
	if o.Upstream, err = alias.ModuleDir("", alias.Upstream); err != nil {
		return err
	}
	if o.Ours, err = alias.ModuleDir("", alias.Ours); err != nil {
		return err
	}
	if err := alias.Generate(dir, o); err != nil {
		return err
	}
	fmt.Printf("replace %s => %s\nreplace %s => %s\n", alias.Upstream, dir, alias.Ours, o.Ours)
	return nil
}
