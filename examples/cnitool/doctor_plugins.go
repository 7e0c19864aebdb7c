package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/cnikit/cnikit/invoke"
)

// plugins looks at the directories of the plugins, and at the plugins that the
// networks need.
func (d *doctor) plugins(networks []*network) {
	dirs := d.pluginDirs()
	if d.getenv("CNI_PATH") == "" {
		d.say(note, "plugins", "CNI_PATH", "", "is not set: looking in %s", strings.Join(dirs, " "))
	}
	for _, dir := range dirs {
		switch {
		case dir == "":
			d.say(warning, "plugins", "CNI_PATH", "remove the empty entry", "has an empty entry, which is not looked at")
			continue
		case !filepath.IsAbs(dir):
			d.say(warning, "plugins", dir, "write the whole path", "depends on the working directory")
		}
		d.directory("plugins", dir, "install plugins there, or take it out of CNI_PATH")
	}
	seen := map[string]bool{}
	for _, n := range networks {
		for _, p := range n.Plugins {
			if !seen[p.Type] {
				seen[p.Type] = true
				d.program(p)
			}
			for _, name := range p.Capabilities {
				if right := nearly(name, capabilities, 2); right != "" {
					d.say(warning, "plugins", p.File, "correct it: until then "+p.Type+" gets no "+right,
						"capability %q of %s may be meant to be %q", name, p.Type, right)
				}
			}
			if p.err == nil && !p.speaks(n.CNIVersion) {
				d.say(fault, "plugins", p.Path, "install a build that supports that, or set cniVersion to one that this supports in "+n.File,
					"supports %s, and network %s has %s", p.span(), n.Name, n.CNIVersion)
			}
		}
	}
}

// program looks at one plugin.
func (d *doctor) program(p *plugin) {
	info, err := os.Stat(p.Path)
	var failed *invoke.PluginError
	switch {
	case p.Path == "":
		d.say(fault, "plugins", p.Type, "install it, or name its directory in CNI_PATH", "%v", p.err)
		return
	case p.interrupted:
		d.say(note, "plugins", p.Path, "", "%v", p.err)
	case errors.As(p.err, new(*lateError)):
		d.say(fault, "plugins", p.Path, `see what it waits for: echo '{"cniVersion":"1.1.0"}' | CNI_COMMAND=VERSION `+quote(p.Path), "%v", p.err)
	case err == nil && runtime.GOOS != "windows" && info.Mode()&0o111 == 0:
		d.say(fault, "plugins", p.Path, "chmod 755 "+quote(p.Path), "is not executable (%s)", lsMode(info.Mode()))
	case errors.Is(p.err, syscall.ENOEXEC), errors.Is(p.err, os.ErrNotExist):
		d.say(fault, "plugins", p.Path, "install a build for this system, or the interpreter that it names", "cannot be started: %v", p.err)
	case errors.As(p.err, &failed) && failed.ExitCode == 0:
		d.say(fault, "plugins", p.Path, "install it again: it is no CNI plugin, or not a whole one", "does not answer VERSION as a plugin does: %s", strings.TrimPrefix(p.err.Error(), "decoding version info: "))
	case p.err != nil:
		d.say(fault, "plugins", p.Path, `run it by hand: echo '{"cniVersion":"1.1.0"}' | CNI_COMMAND=VERSION `+quote(p.Path), "VERSION fails: %v", p.err)
	default:
		d.say(fine, "plugins", p.Path, "", "supports %s", p.span())
	}
	d.writable("plugins", p.Path)
}

// directory says whether a directory is there and safe; install is what to do if
// it is not there.
func (d *doctor) directory(area, path, install string) (there bool) {
	_, err := os.ReadDir(path)
	var failed *os.PathError
	switch {
	case errors.Is(err, os.ErrNotExist):
		d.say(fault, area, path, install, "is not there")
		return false
	case errors.Is(err, os.ErrPermission):
		d.say(fault, area, path, "run cnitool as root", "may not be read by this user")
		return false
	case errors.As(err, &failed):
		d.say(fault, area, path, install, "%v", failed.Err)
		return false
	}
	d.writable(area, path)
	return true
}

// writable complains about files that others can change: what is in them, or what
// they run, has the rights of the runtime.
func (d *doctor) writable(area, path string) {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" {
		return
	}
	who := ""
	switch mode := info.Mode(); {
	case mode&0o002 != 0:
		who = "everybody"
	case mode&0o020 != 0:
		who = "its group"
	default:
		return
	}
	d.say(warning, area, path, fmt.Sprintf("chmod go-w %s", quote(path)), "can be changed by %s (%s): that gives away the rights of the runtime", who, lsMode(info.Mode()))
}

// lsMode writes a mode as ls does.
func lsMode(mode fs.FileMode) string {
	text := []byte(mode.Perm().String())
	if mode.IsDir() {
		text[0] = 'd'
	}
	for _, special := range []struct {
		bit    fs.FileMode
		at     int
		letter string // with execution, without
	}{{fs.ModeSetuid, 3, "sS"}, {fs.ModeSetgid, 6, "sS"}, {fs.ModeSticky, 9, "tT"}} {
		switch {
		case mode&special.bit == 0:
		case text[special.at] == 'x':
			text[special.at] = special.letter[0]
		default:
			text[special.at] = special.letter[1]
		}
	}
	return string(text)
}
