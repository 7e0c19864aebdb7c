package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/version"
)

// A tool is one run of the program: where it reads and writes, and its flags.
type tool struct {
	lookup         func(string) (string, bool) // of the environment
	stdout, stderr io.Writer

	namespaces []string // directories that programs keep network namespaces in

	ifName, cache    string
	container, netns string
	forget           bool
	verb             string // the command
	asked            string // the container that it is about; empty if there is none
	timeout          time.Duration
	verbose, json    bool
	quiet            bool // what plugins write to standard error is shown elsewhere
}

// A command runs with what stands after its name.
type command struct {
	run      func(t *tool, ctx context.Context, args []string) error
	min, max int  // of the arguments; as upstream, the verbs do not look at more of them
	probes   bool // --timeout is for each plugin, not for all of them together
}

var commands = map[string]command{
	"add":         {run: (*tool).add, min: 2, max: many},
	"check":       {run: (*tool).check, min: 2, max: many},
	"del":         {run: (*tool).del, min: 2, max: many},
	"gc":          {run: (*tool).gc, min: 1, max: many},
	"status":      {run: (*tool).status, min: 1, max: many},
	"list":        {run: (*tool).list, probes: true},
	"explain":     {run: (*tool).explain, min: 2, max: 3},
	"attachments": {run: (*tool).attachments, max: 1},
	"clean":       {run: (*tool).clean, min: 1, max: 1},
	"doctor":      {run: (*tool).doctor, probes: true},
}

const many = int(^uint(0) >> 1)

// errFound says that a command has printed that something is wrong.
var errFound = errors.New("something is wrong")

// errInterrupted says that a command was told to stop.
var errInterrupted = errors.New("interrupted")

// A usageError is about how the program was called.
type usageError struct {
	error
	command string // that was meant; empty if there is none
}

// main returns the exit status.
func (t *tool) main(ctx context.Context, args []string) int {
	err := t.run(ctx, args)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFound):
		return 2
	}
	t.complain(err)
	if ctx.Err() != nil && !errors.Is(err, errInterrupted) {
		t.tell("Interrupted: the plugin was ended for that.")
	}
	return 1
}

// complain writes an error and what to do about it.
func (t *tool) complain(err error) {
	t.report(err)
	for _, hint := range t.hints(err) {
		t.tell(hint)
	}
}

func (t *tool) run(ctx context.Context, args []string) error {
	args, err := t.parse(args)
	help := errors.Is(err, flag.ErrHelp)
	if err == nil && len(args) > 0 && args[0] == "help" {
		help, args = true, args[1:]
	}
	if help || err == nil && len(args) == 0 {
		text := usage
		if len(args) > 0 {
			if _, known := commands[args[0]]; !known {
				return usageError{fmt.Errorf("unknown command %q", args[0]), ""}
			}
			text = helpOn(args[0])
		}
		_, err := io.WriteString(t.stdout, text)
		return err
	}
	if err != nil {
		return usageError{err, ""}
	}
	c, known := commands[args[0]]
	name, args := args[0], args[1:]
	t.verb = name
	switch {
	case !known:
		return usageError{fmt.Errorf("unknown command %q", name), ""}
	case len(args) < c.min:
		return usageError{fmt.Errorf("%s: requires at least %d arg(s), only received %d", name, c.min, len(args)), name}
	case len(args) > c.max:
		return usageError{fmt.Errorf("%s: %q is too much", name, args[c.max]), name}
	}
	if t.timeout > 0 && !c.probes {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.timeout)
		defer cancel()
	}
	return c.run(t, ctx, args)
}

// parse sets the flags, wherever they stand, and returns the other arguments.
func (t *tool) parse(args []string) ([]string, error) {
	flags := flag.NewFlagSet("cnitool", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&t.ifName, "i", "", "")
	flags.StringVar(&t.ifName, "ifname", "", "")
	flags.StringVar(&t.cache, "cache", "", "")
	flags.StringVar(&t.container, "container", "", "")
	flags.StringVar(&t.netns, "netns", "", "")
	flags.BoolVar(&t.forget, "forget", false, "")
	flags.Func("timeout", "", func(text string) (err error) {
		if t.timeout, err = time.ParseDuration(text); err != nil {
			err = errors.New("want a number with a unit, as in 5s or 1m30s")
		}
		return err
	})
	flags.BoolVar(&t.verbose, "v", false, "")
	flags.BoolVar(&t.json, "json", false, "")

	args = slices.Clone(args)
	for i, arg := range args { // -ieth1, as upstream's flags may be written
		if name, found := strings.CutPrefix(arg, "-i"); found && name != "" && name[0] != '=' && !strings.HasPrefix(arg, "-ifname") {
			args[i] = "-i=" + name
		}
	}
	var rest []string
	for {
		if err := flags.Parse(args); err != nil {
			return rest, err
		}
		parsed := args[:len(args)-flags.NArg()]
		args = flags.Args()
		if len(args) == 0 || len(parsed) > 0 && parsed[len(parsed)-1] == "--" {
			return append(rest, args...), nil
		}
		rest, args = append(rest, args[0]), args[1:]
	}
}

// getenv is a variable of the environment; empty if it is not set.
func (t *tool) getenv(name string) string {
	value, _ := t.lookup(name)
	return value
}

// confDir is the directory of the networks.
func (t *tool) confDir() string { return cmp.Or(t.getenv("NETCONFPATH"), usualConfDir) }

// pluginDirs are the directories of the plugins.
func (t *tool) pluginDirs() []string {
	return filepath.SplitList(cmp.Or(t.getenv("CNI_PATH"), usualPluginDir))
}

const (
	usualConfDir   = "/etc/cni/net.d"
	usualPluginDir = "/opt/cni/bin"
)

// cacheDir is the directory of the records.
func (t *tool) cacheDir() string {
	if t.cache != "" {
		return t.cache
	}
	return libcni.CacheDir
}

// otherCache is the directory of podnet below that of the records, or the one above
// podnet's, if there are records in it; else empty. By default one is /var/lib/cni and
// the other /var/lib/cni/podnet.
func (t *tool) otherCache() string {
	dir := filepath.Clean(t.cacheDir())
	other := filepath.Join(dir, "podnet")
	if filepath.Base(dir) == "podnet" {
		other = filepath.Dir(dir)
	}
	for _, sub := range []string{"results", "pending"} {
		if names, _ := filepath.Glob(filepath.Join(other, sub, "[^.]*")); len(names) > 0 {
			return other
		}
	}
	return ""
}

// cni is the library, set up as the flags say.
func (t *tool) cni() *libcni.CNIConfig {
	return libcni.New(t.pluginDirs(), libcni.Options{
		Exec:     t.exec(),
		CacheDir: t.cache,
		Observer: t.observer(),
		// Who gives up does not give up what another plugin can still remove.
		ContinueOnDelError: t.forget,
		Warn: func(_ context.Context, err error) {
			if of, bad := isDamaged(err); bad && (t.verb == "del" || t.verb == "clean") {
				err = fmt.Errorf("record %s: %v; DEL goes on without it, with CNI_ARGS and CAP_ARGS, and for those that are not set with what is left of ADD's", of.Path, of.Err)
			}
			t.warn(err)
		},
	})
}

// exec runs plugins as processes. What they write to standard error goes to the
// program's, unless an observer shows it line by line.
func (t *tool) exec() invoke.Exec {
	raw := &invoke.RawExec{Stderr: t.stderr}
	if t.verbose || t.quiet || t.json {
		raw.Stderr = nil
	}
	return &invoke.DefaultExec{RawExec: raw, PluginDecoder: version.PluginDecoder{}}
}

// print writes JSON for programs.
func (t *tool) print(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.stdout, "%s\n", text)
	return err
}
