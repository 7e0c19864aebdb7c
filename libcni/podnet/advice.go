package podnet

import (
	"path/filepath"
	"strings"

	"github.com/cnikit/cnikit/libcni"
)

// delCommand is what to type for a DEL with the network's configuration. An empty netns
// stands for one that is not known.
func (m *Manager) delCommand(k libcni.AttachmentKey, netns string, settings ...string) string {
	if netns == "" {
		netns = "NETNS"
	}
	words := settings
	if m.opts.ConfDir != "/etc/cni/net.d" {
		words = append(words, "NETCONFPATH="+shellWord(m.opts.ConfDir))
	}
	if dirs := strings.Join(m.opts.PluginDirs, string(filepath.ListSeparator)); dirs != "/opt/cni/bin" {
		words = append(words, "CNI_PATH="+shellWord(dirs))
	}
	words = append(words, "cnitool", "--cache", shellWord(m.opts.CacheDir), "del", "--container", k.ContainerID, "-i", k.IfName, k.Network, shellWord(netns))
	return strings.Join(words, " ")
}

// shellWord quotes what a shell would take apart.
func shellWord(word string) string {
	if strings.ContainsFunc(word, func(c rune) bool {
		return !strings.ContainsRune("/._-+=:@%,", c) && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	}) {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}
