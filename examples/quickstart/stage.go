package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"text/tabwriter"

	"github.com/cnikit/cnikit/types"
)

// stage is where the story happens, dir, and to whom it is told, w.
type stage struct {
	w   io.Writer
	dir string
}

// path is a file of the stage, with slashes: Windows takes them too, and JSON
// need not escape them.
func (s stage) path(name string) string { return path.Join(s.dir, name) }

func (s stage) say(format string, args ...any) { fmt.Fprintf(s.w, format, args...) }

func (s stage) step(title string) { s.say("\n--- %s\n\n", title) }

// table prints a result of ADD, one address of the container a line.
func (s stage) table(r types.Result) error {
	result, err := types.ViewResult(r)
	if err != nil {
		return err
	}
	tw := tabwriter.NewWriter(s.w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(tw, "  INTERFACE\tMAC\tADDRESS\tGATEWAY")
	for _, nic := range result.Container() {
		for _, a := range nic.Addresses {
			fmt.Fprintf(tw, "  %s\t%s\t%s\t%s\n", nic.Name, nic.MAC, a.Prefix, a.Gateway)
		}
	}
	return tw.Flush()
}

// files prints what an attachment consists of: what the plugins keep, and the
// runtime's own record of it.
func (s stage) files() {
	tw := tabwriter.NewWriter(s.w, 0, 0, 3, ' ', 0)
	for _, kept := range []struct{ dir, what string }{
		{"netns/web-1", "the container's interface"},
		{"addresses", "its address, and whose it is"},
		{"ports", "the host's ports, and where they lead"},
		{"cache/results", "the record: configuration, arguments and result, for CHECK and DEL"},
	} {
		entries, _ := fs.ReadDir(os.DirFS(s.path(kept.dir)), ".")
		if len(entries) == 0 {
			fmt.Fprintf(tw, "  $DIR/%s/\tempty\n", kept.dir)
		}
		for _, e := range entries {
			what := kept.what
			if data, err := os.ReadFile(s.path(kept.dir + "/" + e.Name())); err == nil && !strings.HasPrefix(string(data), "{") {
				what += ": " + strings.TrimSpace(string(data))
			}
			fmt.Fprintf(tw, "  $DIR/%s/%s\t%s\n", kept.dir, e.Name(), what)
		}
	}
	tw.Flush()
}
