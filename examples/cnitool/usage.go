package main

import (
	"slices"
	"strings"
)

// A part is some lines of the usage, and the commands that they are about.
type part struct {
	of   string // names of commands; empty: all of them
	text string
}

// concerns reports whether the part is about a command.
func (p part) concerns(command string) bool {
	return p.of == "" || slices.Contains(strings.Fields(p.of), command)
}

const (
	onInterface = "add check del explain"
	runsPlugins = "add check del gc status clean"
)

var (
	usageVerbs = []part{
		{"add", "add NETWORK NETNS             attach it, print the result"},
		{"check", "check NETWORK NETNS           ask the plugins whether it is as ADD left it"},
		{"del", "del NETWORK NETNS             detach it"},
		{"gc", "gc NETWORK [NETNS]            remove ALL attachments to the network"},
		{"status", "status NETWORK [NETNS]        ask the plugins whether they are ready for ADD"},
	}
	usageMore = []part{
		{"list", "list                          networks, their files and plugins; what is wrong with a file"},
		{"explain", `explain VERB NETWORK [NETNS]  what each plugin would get, as commands for a shell; run
                                there, ADD's lack prevResult, and nothing is put on record`},
		{"attachments", "attachments [CONTAINER]       what the records say: attached, pending, damaged"},
		{"clean", `clean CONTAINER               detach a container from everything, by its records; for a
                                damaged one with its network's configuration, if the file,
                                another record, an ID made by cnitool or --netns tells
                                the network namespace, and the same or CAP_ARGS (maybe
                                CAP_ARGS={}) the capability arguments, if plugins take any`},
		{"doctor", "doctor                        look for faults on this machine, and say what to do"},
	}
	usageFlags = []part{
		{onInterface, "-i, --ifname NAME            interface in the network namespace; by default CNI_IFNAME or eth0"},
		{onInterface, "--container ID               the container, for add, check, del and explain; see below"},
		{"clean", "--netns PATH                 clean: the network namespace, where a record is damaged"},
		{"clean", "--forget                     clean: then forget what could not be detached, and say so"},
		{onInterface + " gc attachments clean doctor", `--cache DIR                  where the records are; by default /var/lib/cni
                               (those of podnet: /var/lib/cni/podnet)`},
		{runsPlugins, `--timeout DURATION           end plugins after that time, as in 30s: all that the command
                               runs, together; by default never (SIGTERM, then SIGKILL)`},
		{"list doctor", `--timeout DURATION           list, doctor: end each plugin after that time; by default
                               after 5s`},
		{runsPlugins + " list doctor", "-v                           tell of every plugin that is run: time, standard error"},
		{"", "--json                       JSON instead of text, also for messages (one object a line)"},
	}
	usageEnvironment = []part{
		{"", "NETCONFPATH                  directory of the networks; by default /etc/cni/net.d"},
		{runsPlugins + " explain list doctor", "CNI_PATH                     directories of the plugins; by default /opt/cni/bin"},
		{onInterface + " clean", "CNI_ARGS                     arguments for the plugins, KEY=VALUE;..."},
		{onInterface + " clean", "CAP_ARGS                     capability arguments, a JSON object"},
		{"check del explain", `                             Where one is not set, not even to nothing, check and
                               del take what ADD had, by its record; del, where there is
                               none, what the latest ADD had that failed`},
		{"clean", `                             for damaged records; where one is not set, not even to
                               nothing, what is left of ADD's`},
		{onInterface, "CNI_IFNAME                   see -i"},
	}
	usageNotes = []part{
		{runsPlugins + " list doctor", `
With --json, durations in messages are text, as in "5.2ms", and a plugin's standard
error is a message for each line.`},
		{onInterface, `
The container ID is "cnitool-" and the beginning of the SHA-512 sum of NETNS as an
absolute path, unless --container says another one.`},
	}
	usageStatus = []part{
		{"", "0  done"},
		{"", "1  failed, or called wrongly; the reason is on standard error"},
		{"list attachments doctor clean del", "2  done, and something is wrong, which was printed:"},
		{"list", "   list: a file or a plugin that cannot be used, or a file that is not read"},
		{"attachments", "   attachments: a damaged record"},
		{"doctor", "   doctor: a FAULT or a warning"},
		{"clean", "   clean: a damaged record was left as it is, for want of the network namespace or CAP_ARGS,"},
		{"clean", "   or since the network namespace of --netns is another container's"},
		{"del", "   del: its record was damaged, and plugins did not get the capability arguments of ADD"},
		{"clean", "   clean --forget: something was forgotten whose DEL failed, or ran without that"},
	}
)

// usage is what the program says of itself.
var usage = `Cnitool attaches network namespaces to networks, and looks at what is there.

  cnitool [flags] COMMAND ...
  cnitool help COMMAND

Verbs, on the interface of a network namespace:
` + lines(usageVerbs, "") + `
More than the verbs:
` + lines(usageMore, "") + about("")

// about is the usage after the commands, as far as it is about one of them; all of
// it if the name is empty.
func about(command string) string {
	notes := ""
	for _, p := range usageNotes {
		if command == "" || p.concerns(command) {
			notes += p.text + "\n"
		}
	}
	return `
Flags, before or after the command's arguments:
` + lines(usageFlags, command) + `
Environment:
` + lines(usageEnvironment, command) + notes + `
Exit status:
` + lines(usageStatus, command)
}

// lines are the parts that are about a command, indented; all if its name is empty.
func lines(parts []part, command string) string {
	text := ""
	for _, p := range parts {
		if command == "" || p.concerns(command) {
			text += "  " + p.text + "\n"
		}
	}
	return text
}

// synopsis are the lines of one command.
func synopsis(command string) string {
	return lines(slices.DeleteFunc(slices.Concat(usageVerbs, usageMore), func(p part) bool { return p.of != command }), "")
}

// usageOf is how a command is called.
func usageOf(command string) string {
	called, _, _ := strings.Cut(strings.TrimSpace(synopsis(command)), "  ")
	if called == "" {
		return command
	}
	return called
}

// helpOn is what the usage says of one command.
func helpOn(command string) string { return synopsis(command) + about(command) }
