package main

import "strings"

const usage = `Cnitool attaches network namespaces to networks, and looks at what is there.

  cnitool [flags] COMMAND ...
  cnitool help COMMAND

Verbs, on the interface of a network namespace:
  add NETWORK NETNS             attach it, print the result
  check NETWORK NETNS           ask the plugins whether it is as ADD left it
  del NETWORK NETNS             detach it
  gc NETWORK [NETNS]            remove ALL attachments to the network
  status NETWORK [NETNS]        ask the plugins whether they are ready for ADD

More than the verbs:
  list                          networks, their files and plugins; what is wrong with a file
  explain VERB NETWORK [NETNS]  what each plugin would get, as commands for a shell
  attachments [CONTAINER]       what the records say: attached, pending, damaged
  clean CONTAINER               detach a container from everything, by its records; for a
                                damaged one with its network's configuration, if it, another
                                record of the container or --netns tells the namespace
  doctor                        look for faults on this machine, and say what to do

Flags, before or after the command's arguments:
  -i, --ifname NAME            interface in the network namespace; by default CNI_IFNAME or eth0
  --container ID               the container, for add, check, del and explain; see below
  --netns PATH                 clean: the network namespace, where a record is damaged
  --forget                     clean: then forget what could not be detached, and say so
  --cache DIR                  where the records are; by default /var/lib/cni
                               (those of podnet: /var/lib/cni/podnet)
  --timeout DURATION           end plugins after that time, as in 30s: for list and doctor
                               each of them, by default after 5s; for the others all
                               together, by default never (SIGTERM, then SIGKILL)
  -v                           tell of every plugin that is run: time, standard error
  --json                       JSON instead of text, also for messages (one object a line)

Environment:
  NETCONFPATH                  directory of the networks; by default /etc/cni/net.d
  CNI_PATH                     directories of the plugins; by default /opt/cni/bin
  CNI_ARGS                     arguments for the plugins, KEY=VALUE;...
  CAP_ARGS                     capability arguments, a JSON object
  CNI_IFNAME                   see -i

With --json, durations in messages are text, as in "5.2ms", and a plugin's standard
error is a message for each line.

The container ID is "cnitool-" and the beginning of the SHA-512 sum of NETNS as an
absolute path, unless --container says another one.

Exit status:
  0  done
  1  failed, or called wrongly; the reason is on standard error
  2  done, and something is wrong, which was printed: list, a file or a plugin that
     cannot be used; attachments, a damaged record; doctor, a FAULT or a warning;
     clean, a damaged record was left as it is, for want of the network namespace;
     clean --forget, something was forgotten whose DEL failed, or ran without that
`

// usageOf is how a command is called.
func usageOf(name string) string {
	for line := range strings.Lines(usage) {
		if strings.HasPrefix(line, "  "+name+" ") {
			synopsis, _, _ := strings.Cut(strings.TrimSpace(line), "  ")
			return synopsis
		}
	}
	return name
}

// helpOn is what the usage says of one command, and the flags.
func helpOn(name string) string {
	about, found := "", false
	for line := range strings.Lines(usage) {
		if found && !strings.HasPrefix(line, "          ") {
			break
		}
		if strings.HasPrefix(line, "  "+name+" ") {
			found = true
		}
		if found {
			about += line
		}
	}
	_, rest, _ := strings.Cut(usage, "\nFlags")
	return about + "\nFlags" + rest
}
