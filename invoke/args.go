package invoke

import (
	"strings"
)

// CNIArgs makes the environment of a plugin.
type CNIArgs interface {
	// AsEnv returns the whole environment, "KEY=value" each. nil stands for the
	// environment of this process as it is.
	AsEnv() []string
}

// Args are the parameters of the CNI protocol that travel in environment
// variables (specification, section 2, "Parameters"). Nothing is checked here:
// libcni does so beforehand, with the Validate functions of package types.
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

// vars returns the six variables of the protocol, sorted. They lie in one piece of memory.
func (args *Args) vars() []string {
	vars := [...][2]string{
		{"CNI_ARGS=", args.PluginArgsStr},
		{"CNI_COMMAND=", args.Command},
		{"CNI_CONTAINERID=", args.ContainerID},
		{"CNI_IFNAME=", args.IfName},
		{"CNI_NETNS=", args.NetNS},
		{"CNI_PATH=", args.Path},
	}
	pairs := args.PluginArgs
	if args.PluginArgsStr != "" {
		pairs = nil
	}
	size := 0
	for _, v := range vars {
		size += len(v[0]) + len(v[1])
	}
	for _, kv := range pairs {
		size += len(kv[0]) + len("=") + len(kv[1]) + len(";")
	}
	var b strings.Builder
	b.Grow(size)
	env := make([]string, len(vars))
	for i, v := range vars {
		begin := b.Len()
		b.WriteString(v[0])
		b.WriteString(v[1])
		if v[0] == "CNI_ARGS=" {
			joinArgs(&b, pairs)
		}
		env[i] = b.String()[begin:]
	}
	return env
}

func joinArgs(b *strings.Builder, pairs [][2]string) {
	for i, kv := range pairs {
		if i > 0 {
			b.WriteByte(';')
		}
		b.WriteString(kv[0])
		b.WriteByte('=')
		b.WriteString(kv[1])
	}
}

// DelegateArgs is the environment in which a plugin runs another one: its own,
// with another verb.
type DelegateArgs struct {
	Command string // CNI_COMMAND
}

var _ CNIArgs = (*DelegateArgs)(nil)

// AsEnv returns this process's environment with CNI_COMMAND set, sorted.
func (d *DelegateArgs) AsEnv() []string {
	return mergeEnv(nil, "CNI_COMMAND="+d.Command)
}

// ArgsFromEnv returns the CNIArgs that leave a plugin the environment of this
// process.
func ArgsFromEnv() CNIArgs { return inherited{} }

type inherited struct{}

func (inherited) AsEnv() []string { return nil }
