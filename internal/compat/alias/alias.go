// Package alias writes a module that is named github.com/containernetworking/cni
// and whose libcni and pkg/invoke are github.com/cnikit/cnikit's. All other
// packages of it are upstream's own, copied from the module cache. Put in
// upstream's place with a replace directive, it makes any program that imports
// upstream run on this library without a change to that program.
package alias

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	// Upstream is the module that the generated one replaces.
	Upstream = "github.com/containernetworking/cni"
	// Ours is the module that the generated one leads to.
	Ours = "github.com/cnikit/cnikit"
)

// Packages maps each package of upstream that is replaced to ours, both as
// paths below their module.
var Packages = map[string]string{
	"libcni":     "libcni",
	"pkg/invoke": "invoke",
}

// Options says what is generated from what. Both directories are absolute.
type Options struct {
	Upstream string // directory with upstream's source, as in the module cache
	Ours     string // directory with this library's source
	// Tests copies upstream's tests of the replaced packages as well, to be
	// run against this library.
	Tests bool
}

// Generate writes the module into dir, which it creates. A directory that has
// anything in it is refused.
func Generate(dir string, o Options) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty", dir)
	}
	if err := copyUpstream(dir, o); err != nil {
		return err
	}
	for theirs, ours := range Packages {
		if err := writePackage(filepath.Join(dir, theirs), filepath.Join(o.Upstream, theirs), Ours+"/"+ours); err != nil {
			return err
		}
	}
	return writeModule(dir, o)
}

// copyUpstream copies upstream's Go files: the code of the packages that stay
// and, if asked for, the tests of those that are replaced.
func copyUpstream(dir string, o Options) error {
	return filepath.WalkDir(o.Upstream, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		rel, err := filepath.Rel(o.Upstream, path)
		if err != nil {
			return err
		}
		_, replaced := Packages[filepath.ToSlash(filepath.Dir(rel))]
		if test := strings.HasSuffix(rel, "_test.go"); test != replaced || test && !o.Tests {
			return nil
		}
		return copyFile(filepath.Join(dir, rel), path)
	})
}

// CopyTree copies a module's source out of the module cache, writable.
func CopyTree(dir, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return copyFile(filepath.Join(dir, rel), path)
	})
}

func copyFile(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}
