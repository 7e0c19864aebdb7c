package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
)

// badFile is a file of the directory that cannot be used, or may not mean what it
// seems to.
type badFile struct {
	File    string `json:"file"`
	Network string `json:"network,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Pointer string `json:"pointer,omitempty"`
	Error   string `json:"error"`
}

func badFiles(errs []*libcni.ConfError) []badFile {
	files := []badFile{}
	for _, e := range errs {
		files = append(files, badFile{e.File, e.Network, e.Line, e.Column, e.Pointer, e.Error()})
	}
	return files
}

// list shows the networks and their plugins. Of the verbs it runs VERSION only.
func (t *tool) list(ctx context.Context, _ []string) error {
	set, err := libcni.LoadDir(t.confDir())
	if err != nil {
		return err
	}
	shown := struct {
		Dir      string     `json:"dir"`
		Path     []string   `json:"path"`
		Networks []*network `json:"networks"`
		Bad      []badFile  `json:"bad"`
		Doubtful []badFile  `json:"doubtful"`
		Ignored  []ignored  `json:"ignored"`
	}{set.Dir, t.pluginDirs(), t.probe(ctx, set), badFiles(set.Bad), badFiles(set.Warnings), t.slips(set)}
	if t.json {
		err = t.print(shown)
	} else {
		err = t.listText(set, shown.Networks, shown.Ignored)
	}
	if err == nil && ctx.Err() != nil {
		return errInterrupted
	}
	if err == nil && (len(set.Bad) > 0 || len(set.Warnings) > 0 || len(shown.Ignored) > 0 || anyBroken(shown.Networks)) {
		err = errFound
	}
	return err
}

func anyBroken(networks []*network) bool {
	for _, n := range networks {
		for _, p := range n.Plugins {
			if p.err != nil {
				return true
			}
		}
	}
	return false
}

func (t *tool) listText(set *libcni.ConfSet, networks []*network, notRead []ignored) error {
	w := tabwriter.NewWriter(t.stdout, 0, 0, 3, ' ', 0)
	if len(networks) == 0 {
		fmt.Fprintf(w, "No network in %s.\n", set.Dir)
		if _, err := os.Stat(set.Dir); errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintln(w, "The directory is not there; NETCONFPATH names another one.")
		}
	}
	for i, n := range networks {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s   %s   %s\n", n.Name, n.CNIVersion, n.about())
		for _, p := range n.Plugins {
			name := p.Type
			if p.IPAM {
				name = "  " + name
			}
			fmt.Fprintf(w, "  %s\t%s\n", name, strings.Join(p.about(n), "\t"))
		}
		if err := w.Flush(); err != nil { // columns of their own for each network
			return err
		}
	}
	for _, n := range networks {
		if slices.ContainsFunc(n.Plugins, func(p *plugin) bool { return p.Path == "" }) {
			fmt.Fprintf(w, "\nPlugins are looked for in %s; CNI_PATH names other directories.\n", strings.Join(t.pluginDirs(), " "))
			break
		}
	}
	for _, part := range []struct {
		title string
		errs  []*libcni.ConfError
	}{{"Not usable", set.Bad}, {"Used, but doubtful", set.Warnings}} {
		for i, e := range part.errs {
			if i == 0 {
				fmt.Fprintf(w, "\n%s:\n", part.title)
			}
			fmt.Fprintf(w, "  %s\n    %s\n", e.Place(), e)
			if slip := misspelt(e.File); slip != "" && part.title == "Not usable" {
				fmt.Fprintf(w, "    %s\n", slip)
			}
		}
	}
	for i, e := range notRead {
		if i == 0 {
			fmt.Fprintln(w, "\nNot read:")
		}
		fmt.Fprintf(w, "  %s\n    %s\n", e.File, e.Error)
	}
	return w.Flush()
}

// about is the rest of the network's line.
func (n *network) about() string {
	parts := append([]string{filepath.Base(n.File)}, n.Verbs...)
	if n.Default {
		parts = append(parts, "(default)")
	}
	return strings.Join(parts, " ")
}

// about are the columns after the plugin's name.
func (p *plugin) about(n *network) []string {
	var columns []string
	switch {
	case p.Path == "":
		columns = []string{"NOT FOUND", "-"}
		if !errors.Is(p.err, invoke.ErrPluginNotFound) {
			columns[1] = p.Error
		}
	case p.interrupted:
		columns = []string{p.Path, "? (" + p.Error + ")"}
	case p.err != nil:
		columns = []string{p.Path, "FAILS: " + p.Error}
	case !p.speaks(n.CNIVersion):
		columns = []string{p.Path, p.span() + ", NOT " + n.CNIVersion}
	default:
		columns = []string{p.Path, p.span()}
	}
	if len(p.Capabilities) > 0 {
		columns = append(columns, strings.Join(p.Capabilities, " "))
	}
	for _, name := range p.Capabilities {
		if right := nearly(name, capabilities, 2); right != "" {
			columns = append(columns, fmt.Sprintf("(%s may be meant to be %s)", name, right))
		}
	}
	if p.File != n.File {
		columns = append(columns, "from "+filepath.Join(filepath.Base(filepath.Dir(p.File)), filepath.Base(p.File)))
	}
	return columns
}
