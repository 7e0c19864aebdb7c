package invoke

import (
	"os"
	"strings"
)

// CNIArgs makes the environment of a plugin.
type CNIArgs interface {
	// AsEnv returns the whole environment, "KEY=value" each. nil stands for the
	// environment of this process as it is.
	AsEnv() []string
}

// Args are the parameters of the CNI protocol that travel in environment
// variables (specification, section 2, "Parameters").
type Args struct {
	Command     string      // CNI_COMMAND, the verb
	ContainerID string      // CNI_CONTAINERID
	NetNS       string      // CNI_NETNS
	PluginArgs  [][2]string // CNI_ARGS, as key=value pairs joined with semicolons
	// PluginArgsStr is CNI_ARGS as it is to be sent. It goes before PluginArgs.
	PluginArgsStr string
	IfName        string // CNI_IFNAME
	Path          string // CNI_PATH
}

var _ CNIArgs = (*Args)(nil)

// AsEnv returns this process's environment with the six CNI variables set. Of a
// name that occurs twice the later value stays; the list is sorted.
func (args *Args) AsEnv() []string {
	return EnvPolicy{}.Environ(args)
}

// vars returns the six variables of the protocol.
func (args *Args) vars() []string {
	cniArgs := args.PluginArgsStr
	if cniArgs == "" {
		cniArgs = joinArgs(args.PluginArgs)
	}
	return []string{
		"CNI_COMMAND=" + args.Command,
		"CNI_CONTAINERID=" + args.ContainerID,
		"CNI_NETNS=" + args.NetNS,
		"CNI_ARGS=" + cniArgs,
		"CNI_IFNAME=" + args.IfName,
		"CNI_PATH=" + args.Path,
	}
}

func joinArgs(pairs [][2]string) string {
	var b strings.Builder
	size := 0
	for _, kv := range pairs {
		size += len(kv[0]) + len("=") + len(kv[1]) + len(";")
	}
	b.Grow(size)
	for i, kv := range pairs {
		if i > 0 {
			b.WriteByte(';')
		}
		b.WriteString(kv[0])
		b.WriteByte('=')
		b.WriteString(kv[1])
	}
	return b.String()
}

// DelegateArgs is the environment in which a plugin runs another one: its own,
// with another verb.
type DelegateArgs struct {
	Command string // CNI_COMMAND
}

var _ CNIArgs = (*DelegateArgs)(nil)

// AsEnv returns this process's environment with CNI_COMMAND set, sorted.
func (d *DelegateArgs) AsEnv() []string {
	return mergeEnv(os.Environ(), "CNI_COMMAND="+d.Command)
}

// ArgsFromEnv returns the CNIArgs that leave a plugin the environment of this
// process.
func ArgsFromEnv() CNIArgs { return inherited{} }

type inherited struct{}

func (inherited) AsEnv() []string { return nil }
