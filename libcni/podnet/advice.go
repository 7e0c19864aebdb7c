package podnet

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/cnikit/cnikit/internal/shell"
	"github.com/cnikit/cnikit/libcni"
)

// exampleArgs are capability arguments by which plugins find what they have to remove,
// for commands that are to be typed.
var exampleArgs = [...][2]string{
	{"portMappings", `[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]`},
	{"bandwidth", `{"ingressRate":1000000,"ingressBurst":1000000,"egressRate":1000000,"egressBurst":1000000}`},
}

// delByHand advises to run DEL for an attachment whose record is damaged, with what the
// record does not tell any more. An empty netns stands for one that is not known.
func (m *Manager) delByHand(d *damaged, netns string) string {
	var with, instead []string
	if netns == "" {
		instead = append(instead, "the path of the network namespace for NETNS")
	}
	if takesArguments(d.list) {
		args := []string{}
		for _, example := range exampleArgs {
			if slices.ContainsFunc(capabilities(d.list), func(declared map[string]bool) bool { return declared[example[0]] }) {
				args = append(args, `"`+example[0]+`":`+example[1])
			}
		}
		with = []string{"CAP_ARGS=" + shell.Word("{"+strings.Join(args, ",")+"}")}
		instead = append(instead, "the capability arguments of ADD, a JSON object, for those of CAP_ARGS")
	}
	said := ""
	if instead != nil {
		said = " (with " + strings.Join(instead, ", and ") + ")"
	}
	return said + ", " + m.delCommand(d.AttachmentKey, netns, with...)
}

// delCommand is what to type for a DEL with the network's configuration. An empty netns
// stands for one that is not known.
func (m *Manager) delCommand(k libcni.AttachmentKey, netns string, settings ...string) string {
	if netns == "" {
		netns = "NETNS"
	}
	words := settings
	if m.opts.ConfDir != "/etc/cni/net.d" {
		words = append(words, "NETCONFPATH="+shell.Word(m.opts.ConfDir))
	}
	if dirs := strings.Join(m.opts.PluginDirs, string(filepath.ListSeparator)); dirs != "/opt/cni/bin" {
		words = append(words, "CNI_PATH="+shell.Word(dirs))
	}
	words = append(words, "cnitool", "--cache", shell.Word(m.opts.CacheDir), "del", "--container", k.ContainerID, "-i", k.IfName, k.Network, shell.Word(netns))
	return strings.Join(words, " ")
}
