package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

// A damaged record is a file that tells of no attachment any more.
type damaged struct {
	Path  string `json:"path"`
	Error string `json:"error"`
	Do    string `json:"do"`

	suspects []suspect
}

// A suspect is an attachment that a damaged record may be of.
type suspect struct {
	libcni.AttachmentKey
	netns string // empty: nobody knows
	then  arguments
	takes bool // a plugin of its network takes capability arguments
}

// lost reports whether plugins are to get capability arguments that nothing tells.
func (s *suspect) lost() bool { return s.takes && !s.then.known }

// damaged says what can be done about a damaged record; known are the other records.
func (t *tool) damaged(of *libcni.RecordError, known []record) damaged {
	d := damaged{Path: of.Path, Error: of.Err.Error(), suspects: t.suspects(of)}
	var commands []string
	missing := lack{}
	for i := range d.suspects {
		s := &d.suspects[i]
		if s.netns == "" {
			s.netns = t.netnsOf(s.AttachmentKey, known)
		}
		for _, r := range known {
			if !s.then.known && r.key() == s.AttachmentKey && r.then.known { // of an ADD of the same that failed
				s.then = r.then
			}
		}
		missing = missing.or(lack{s.netns == "", s.lost()})
		commands = append(commands, t.commandWith(lack{args: s.lost()}, "del", append(t.attachment(s.AttachmentKey), s.Network, netnsOr(s.netns))...))
	}
	switch {
	case len(commands) > 0:
		d.Do = "to detach it with its network's configuration"
		if missing != (lack{}) {
			d.Do += ", " + missing.setting()
		}
		d.Do += ": " + strings.Join(commands, " or, if it is another's: ")
	case filepath.Base(filepath.Dir(of.Path)) == "pending":
		d.Do = "its name tells of no attachment; if nobody has it open (fuser -v " + quote(of.Path) + "), remove it: rm " + quote(of.Path)
	default:
		d.Do = t.withoutNetwork(of)
	}
	return d
}

// withoutNetwork is what to do about a damaged record of a network that is not in the
// directory, or in a file of it that cannot be used.
func (t *tool) withoutNetwork(of *libcni.RecordError) string {
	name := filepath.Base(of.Path)
	forget, container := "network, container and interface are in the file's name: ", "CONTAINER"
	left, _ := leftOf(of.Path)
	switch parts := strings.Split(name, "-"); {
	case t.asked != "" && strings.Contains(name, "-"+t.asked+"-"):
		forget, container = "", t.asked
	case left["containerId"] != "" && strings.Contains(name, "-"+left["containerId"]+"-"):
		forget, container = "", left["containerId"]
	case strings.HasPrefix(name, podnetsOwn+"-") && strings.Count(name, "-") > 2:
		rest := strings.TrimPrefix(name, podnetsOwn+"-")
		forget, container = "", rest[:strings.LastIndex(rest, "-")]
	case len(parts) == 3:
		forget, container = "", parts[1]
	}
	giveUp := "give it up: " + forget + t.command("clean", "--forget", container)
	if strings.HasPrefix(name, podnetsOwn+"-") {
		return podnetsOwn + " is podnet's own network, which is in no file: podnet's Detach of the container cleans it up; or " + giveUp
	}
	if set, err := libcni.LoadDir(t.confDir()); err == nil {
		for _, bad := range set.Bad {
			if rest, found := strings.CutPrefix(name, bad.Network+"-"); found && bad.Network != "" {
				if at := strings.LastIndex(rest, "-"); container == "CONTAINER" && at > 0 {
					giveUp = "give it up: " + t.command("clean", "--forget", rest[:at])
				}
				return fmt.Sprintf("%s, the file of its network, cannot be used (%v): correct it and run this again; or %s", bad.Place(), bad, giveUp)
			}
		}
		for _, bad := range set.Bad {
			if bad.Network == "" {
				return fmt.Sprintf("%s is malformed (%v), and may be the file of its network: correct it and run this again; or %s", bad.Place(), bad, giveUp)
			}
		}
	}
	return fmt.Sprintf("its network is not in %s: put the configuration there and run this again, or %s", t.confDir(), giveUp)
}

// podnetsOwn is the network that podnet brings along.
const podnetsOwn = "cni-loopback"

// attachment are the arguments that name an attachment beside network and namespace.
func (t *tool) attachment(key libcni.AttachmentKey) []string {
	args := []string{"--container", key.ContainerID}
	if key.IfName != t.usualIfName() {
		args = append(args, "-i", key.IfName)
	}
	return args
}

// netnsOf finds out the network namespace of an attachment whose own record does not
// tell it: an ADD of the same that failed has it, or all else that the container has
// is in one, or the container is one of this program's, whose ID comes from the path.
func (t *tool) netnsOf(key libcni.AttachmentKey, known []record) string {
	others := map[string]bool{}
	for _, r := range known {
		switch {
		case r.NetNS == "" || r.Container != key.ContainerID:
		case r.Network == key.Network && r.IfName == key.IfName:
			return r.NetNS
		default:
			others[r.NetNS] = true
		}
	}
	if len(others) == 1 {
		for netns := range others {
			return netns
		}
	}
	for _, dir := range t.namespaces {
		names, _ := os.ReadDir(dir)
		for _, name := range names {
			if path := filepath.Join(dir, name.Name()); containerID(path) == key.ContainerID {
				return path
			}
		}
	}
	return ""
}

// suspects tells from the file's name, and from what can still be read of it, which
// attachments to networks of the directory it may be of.
func (t *tool) suspects(of *libcni.RecordError) (all []suspect) {
	name := filepath.Base(of.Path)
	set, err := libcni.LoadDir(t.confDir())
	if parts := strings.SplitN(name, "+", 4); filepath.Base(filepath.Dir(of.Path)) == "pending" {
		if len(parts) == 4 {
			s := suspect{AttachmentKey: libcni.AttachmentKey{Network: parts[0], ContainerID: parts[1], IfName: parts[2]}}
			if err == nil {
				n, getErr := set.Get(s.Network)
				s.takes = getErr == nil && takesArguments(n.NetworkConfigList)
			}
			all = append(all, s)
		}
		return all
	}
	if err != nil {
		return nil
	}
	name, _, _ = strings.Cut(name, "#")
	left, then := map[string]string{}, arguments{}
	if !errors.Is(of, libcni.ErrForeignRecord) {
		left, then = leftOf(of.Path)
	}
	for _, n := range set.Networks {
		rest, found := strings.CutPrefix(name, n.Name+"-")
		if !found || left["networkName"] != "" && left["networkName"] != n.Name {
			continue
		}
		at := strings.LastIndex(rest, "-")
		if id := left["containerId"]; id != "" {
			if at = len(id); !strings.HasPrefix(rest, id+"-") {
				continue
			}
		}
		if at < 0 || types.ValidateContainerID(rest[:at]) != nil || types.ValidateInterfaceName(rest[at+1:]) != nil {
			continue
		}
		all = append(all, suspect{libcni.AttachmentKey{Network: n.Name, ContainerID: rest[:at], IfName: rest[at+1:]}, left["netns"], then, takesArguments(n.NetworkConfigList)})
	}
	return all
}

var strand = regexp.MustCompile(`"(networkName|containerId|netns)"\s*:\s*("(?:[^"\\]|\\.)*")`)

// leftOf finds whole strings in a record that was cut off, and the arguments of ADD.
func leftOf(path string) (left map[string]string, then arguments) {
	left = map[string]string{}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() > 1<<22 {
		return left, then
	}
	data, _ := os.ReadFile(path)
	for _, m := range strand.FindAllSubmatch(data, -1) {
		var value string
		if _, twice := left[string(m[1])]; !twice && json.Unmarshal(m[2], &value) == nil {
			left[string(m[1])] = value
		}
	}
	return left, argumentsLeft(data)
}

// isDamaged reports whether an error says that a file could be read, and tells of no
// attachment.
func isDamaged(err error) (*libcni.RecordError, bool) {
	var of *libcni.RecordError
	if !errors.As(err, &of) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, libcni.ErrAddRunning) {
		return nil, false
	}
	_, statErr := os.Lstat(of.Path)
	return of, statErr == nil
}

// keyOf takes the name of a container's record apart.
func keyOf(path, container string) (key libcni.AttachmentKey, found bool) {
	name, _, _ := strings.Cut(filepath.Base(path), "#")
	network, ifname, found := strings.Cut(name, "-"+container+"-")
	return libcni.AttachmentKey{Network: network, ContainerID: container, IfName: ifname}, found
}
