package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/cnikit/cnikit/libcni"
)

// arguments are those of an ADD.
type arguments struct {
	args         [][2]string
	capabilities map[string]any
	known        bool // the capabilities are all that there were
}

// A source says where arguments are from that the environment does not set.
type source struct {
	doubtful bool // CNI_ARGS are those of an ADD that failed, perhaps for them
	lost     bool // the capability arguments of ADD were in a record that is damaged
}

// argumentsOfAdd takes the arguments that are not set in the environment from the
// record of the attachment. DEL, where there is none, takes those of the latest ADD that
// failed, or what is left of a damaged record.
func (t *tool) argumentsOfAdd(verb string, list *libcni.NetworkConfigList, rt *libcni.RuntimeConf) (from source) {
	if verb != "CHECK" && verb != "DEL" {
		return from
	}
	key := libcni.AttachmentKey{Network: list.Name, ContainerID: rt.ContainerID, IfName: rt.IfName}
	records, bad, _ := t.records(key)
	var attached, failed *record
	for i := range records {
		switch r := &records[i]; {
		case r.State == "attached":
			attached = r
		case failed == nil || r.Since.After(failed.Since):
			failed = r
		}
	}
	then := arguments{}
	switch {
	case attached != nil:
		then = attached.then
	case verb == "DEL":
		if failed != nil {
			then, from.doubtful = failed.then, true
		}
		for _, d := range bad {
			for _, s := range d.suspects {
				if s.AttachmentKey == key {
					from.lost = s.lost()
					if s.then.known {
						then, from.doubtful = s.then, false
					}
				}
			}
		}
	}
	if t.take(rt, then) {
		from.doubtful = false
	}
	if _, set := t.lookup("CAP_ARGS"); set {
		from.lost = false
	}
	return from
}

// take makes those arguments rt's that the environment does not set; it reports whether
// it sets CNI_ARGS, or there are none.
func (t *tool) take(rt *libcni.RuntimeConf, then arguments) bool {
	_, set := t.lookup("CNI_ARGS")
	if !set {
		rt.Args = then.args
	}
	if _, set := t.lookup("CAP_ARGS"); !set {
		rt.CapabilityArgs = then.capabilities
	}
	return set || len(rt.Args) == 0
}

// takesArguments reports whether a plugin of the list takes capability arguments.
func takesArguments(list *libcni.NetworkConfigList) bool {
	for _, p := range list.Plugins {
		for _, on := range p.Network.Capabilities {
			if on {
				return true
			}
		}
	}
	return false
}

var (
	ofArguments    = regexp.MustCompile(`"(cniArgs|capabilityArgs)"\s*:`)
	afterArguments = regexp.MustCompile(`"(result|cnikit)"\s*:`)
)

// argumentsLeft finds the arguments of ADD in a record that was cut off. All writers put
// the same members behind them, so that where one of those is, nothing else was there.
func argumentsLeft(data []byte) (then arguments) {
	then.known = afterArguments.Match(data)
	for _, at := range ofArguments.FindAllSubmatchIndex(data, 2) {
		d := json.NewDecoder(bytes.NewReader(data[at[1]:]))
		d.UseNumber()
		if string(data[at[2]:at[3]]) == "cniArgs" {
			_ = d.Decode(&then.args)
			continue
		}
		then.capabilities = nil
		then.known = d.Decode(&then.capabilities) == nil
	}
	return then
}

// A lack is what nothing tells that DEL needs.
type lack struct{ netns, args bool }

func (l lack) or(other lack) lack { return lack{l.netns || other.netns, l.args || other.args} }

// setting is what to do before a command of commandWith.
func (l lack) setting() string {
	var all []string
	if l.netns {
		all = append(all, settingNetNS)
	}
	if l.args {
		all = append(all, settingCapArgs)
	}
	return strings.Join(all, ", and ")
}

// settingCapArgs is what to do before a command with someCapArgs.
const settingCapArgs = "with CAP_ARGS set to the capability arguments of ADD, or to {} if it had none"

// someCapArgs has a shell refuse the command while the variable is not set.
const someCapArgs = `CAP_ARGS="${CAP_ARGS?}" `

// commandWith is command, with what is to be set before; the network namespace is among
// the arguments.
func (t *tool) commandWith(missing lack, name string, args ...string) string {
	command := t.command(name, args...)
	if missing.args {
		command = someCapArgs + command
	}
	return command
}

// lostArguments is what is said of a DEL without the capability arguments of ADD.
const lostArguments = "plugins did not get the capability arguments of ADD, and what those asked for, such as port mappings, may be left"
