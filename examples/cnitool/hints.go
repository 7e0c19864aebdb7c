package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cnikit/cnikit/libcni"
)

// hints says what to do about an error.
func (t *tool) hints(err error) (all []string) {
	if hint := t.hint(err); hint != "" {
		all = append(all, hint)
	}
	add := func(do string) {
		if do = "To do: " + do; !slices.Contains(all, do) {
			all = append(all, do)
		}
	}
	for _, e := range each(err) {
		var conf *libcni.ConfError
		if errors.As(e, &conf) {
			if slip := misspelt(conf.File); slip != "" {
				add("correct " + conf.File + ": " + slip)
			}
		}
	}
	if errors.As(err, new(libcni.NotFoundError)) || errors.As(err, new(libcni.NoConfigsFoundError)) {
		if set, err := libcni.LoadDir(t.confDir()); err == nil {
			for _, i := range t.slips(set) {
				all = append(all, i.File+" "+i.Error+".")
			}
		}
	}
	var advised *advisedError
	switch file := t.notDirectory(); {
	case errors.As(err, &advised):
		add(advised.do)
	case file != "" && errors.As(err, new(*libcni.RecordError)):
		add(file + " is not a directory: " + notDirectoryDo)
		return all
	}
	for _, e := range each(err) {
		var refused *refusedError
		if errors.As(e, &refused) {
			add(refused.do)
		} else if of, bad := isDamaged(e); bad && t.verb != "add" {
			known, _, _ := t.records(libcni.AttachmentKey{})
			add(t.damaged(of, known).Do)
		}
	}
	var recorded *recordedError
	if errors.As(err, &recorded) {
		all = append(all, recorded.do)
	}
	var failed *failedDel
	if errors.As(err, &failed) {
		all = append(all, failed.hints(t)...)
	}
	return all
}

// An advisedError is an error with what to do about it.
type advisedError struct {
	error
	do string
}

func (e *advisedError) Unwrap() error { return e.error }

// Format passes on what the error has to say.
func (e *advisedError) Format(s fmt.State, verb rune) { format(s, verb, e.error) }

// format writes an error as another one that is in it.
func format(s fmt.State, verb rune, err error) {
	if verb == 'v' && s.Flag('+') {
		fmt.Fprintf(s, "%+v", err)
		return
	}
	_, _ = io.WriteString(s, err.Error())
}

// hint says what to do about an error of this program's surroundings.
func (t *tool) hint(err error) string {
	var failed *failedAdd
	var called usageError
	var missing libcni.NotFoundError
	switch {
	case errors.As(err, &called) && called.command != "":
		return "Usage: cnitool " + usageOf(called.command)
	case errors.As(err, &called):
		return "Run cnitool without arguments for its usage."
	case errors.As(err, new(libcni.NoConfigsFoundError)):
		return "The directory is the one that NETCONFPATH names, by default /etc/cni/net.d."
	case errors.As(err, new(unreadError)):
		return "Correct the file first: the network may be in it."
	case errors.As(err, &missing) && missing.Name == podnetsOwn:
		return podnetsOwn + " is podnet's own network, which is in no file: podnet's Detach takes a container from it, or, by the record: " + t.command("clean", cmp.Or(t.container, "CONTAINER"))
	case errors.As(err, new(libcni.NotFoundError)):
		return "NETCONFPATH names another directory; the networks of this one: " + t.command("list")
	case errors.As(err, &failed) && failed.damaged:
		return "As far as one can tell it is attached already, and the record " + failed.record + " of that is damaged. To detach it, and to clean up after this ADD: " + t.command("del", failed.args...)
	case errors.As(err, &failed) && failed.record != "":
		return "It is attached already (record " + failed.record + "): a second ADD failed, and there is nothing to clean up after it."
	case errors.As(err, &failed) && failed.owner != nil:
		when := "when the container has ended"
		if failed.owner.Container != failed.container {
			when = "when that container has ended too"
		}
		return fmt.Sprintf("Interface %s is on record for %s (container %s): no DEL now, which would remove it. What this ADD left is cleaned up %s: %s",
			failed.owner.IfName, failed.owner.Network, failed.owner.Container, when, t.command("clean", failed.container))
	case errors.As(err, &failed):
		return "To clean up after it: " + t.command("del", failed.args...)
	}
	return ""
}

// command is how to run this program with the same networks, plugins and records,
// for a shell.
func (t *tool) command(name string, args ...string) string {
	var words []string
	for variable, usual := range map[string]string{"NETCONFPATH": usualConfDir, "CNI_PATH": usualPluginDir} {
		if value := t.getenv(variable); value != "" && value != usual {
			words = append(words, assign(variable, value))
		}
	}
	slices.Sort(words)
	words = append(words, "cnitool")
	if t.cache != "" {
		words = append(words, "--cache", quote(t.cache))
	}
	words = append(words, name)
	for _, arg := range args {
		words = append(words, quote(arg))
	}
	return strings.Join(words, " ")
}

// in is the same tool with other records.
func (t *tool) in(cache string) *tool {
	other := *t
	other.cache = cache
	return &other
}

// someNetNS stands for a network namespace that nobody knows. A shell takes it for an
// empty word while the variable is not set, which every command refuses.
const someNetNS = `"$NETNS"`

// settingNetNS is what to do before a command with someNetNS.
const settingNetNS = "with NETNS set to the path of its network namespace, or to where that was"

// netnsOr is a network namespace as an argument of command.
func netnsOr(netns string) string {
	if netns == "" {
		return someNetNS
	}
	return netns
}

// assign writes the assignment of a variable for a shell.
func assign(name, value string) string {
	if value == "" {
		return name + "="
	}
	return name + "=" + quote(value)
}

// quote writes a word for a shell.
func quote(word string) string {
	plain := func(r rune) bool {
		return strings.ContainsRune("/._-+:@%,=", r) || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	if word == someNetNS || word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
