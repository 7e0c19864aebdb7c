// Quickstart attaches one container to a network and detaches it again, and
// tells every step. It needs Go and nothing else: no root, no kernel feature,
// no plugin installed.
//
//	go run ./examples/quickstart
//
// The runtime is this program. The plugins are this program too, copied to a
// directory under other names and started from there as the processes that
// plugins are; where a real plugin would configure the kernel, they write
// files. main.go is the runtime's side, plugins.go the plugins' side,
// protocol.go what the two say to each other, and watch.go shows it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

func main() {
	// A copy of this program that is named after a plugin is that plugin.
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	if p, ok := plugins[name]; ok {
		os.Exit(p.main())
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
	fmt.Println("\nDone. $DIR is removed.")
}

// conflist is what an administrator would put into /etc/cni/net.d: a network,
// and the plugins that an attachment to it goes through, in order.
const conflist = `{
  "cniVersion": "1.0.0",
  "name": "demo",
  "plugins": [
    {
      "type": "demo-nic",
      "ipam": {"type": "demo-ipam", "subnet": "10.22.0.0/24", "dataDir": "$DIR/addresses"}
    },
    {
      "type": "demo-portmap",
      "capabilities": {"portMappings": true},
      "dataDir": "$DIR/ports"
    }
  ]
}
`

// run is the whole story, told to w. It leaves no file behind.
func run(ctx context.Context, w io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "cnikit-quickstart-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s := stage{w: w, dir: filepath.ToSlash(dir)}
	if err := s.set(); err != nil {
		return err
	}

	network, err := libcni.NetworkConfFromFile(s.path("net.d/10-demo.conflist"))
	if err != nil {
		return err
	}
	cni := libcni.NewCNIConfigWithCacheDir([]string{s.path("bin")}, s.path("cache"), newWatch(w, "  ", s.dir, w))
	capabilities := types.Capabilities{
		PortMappings: []types.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}},
	}
	args, err := capabilities.CapabilityArgs()
	if err != nil {
		return err
	}
	attachment := &libcni.RuntimeConf{
		ContainerID:    "web-1",
		NetNS:          s.path("netns/web-1"),
		IfName:         "eth0",
		CapabilityArgs: args,
	}

	s.step("ADD: attach container web-1 to the network, as eth0")
	s.say(`  Each plugin gets its configuration, completed: the second one with the
  first one's result (prevResult), and with what the runtime has for the
  capability that it declares (runtimeConfig).

`)
	result, err := cni.AddNetworkList(ctx, network, attachment)
	if err != nil {
		return err
	}
	s.say("The result, which the runtime gets back:\n\n")
	if err := s.table(result); err != nil {
		return err
	}
	s.say("\nWhat exists now:\n\n")
	s.files()

	s.step("CHECK: is everything still as ADD left it?")
	if err := cni.CheckNetworkList(ctx, network, attachment); err != nil {
		return err
	}
	s.say("  Yes. The record gave CHECK the result of ADD, as prevResult.\n")

	s.step("The cached result: asked of the record, no plugin runs")
	cached, err := cni.GetNetworkListCachedResult(network, attachment)
	if err != nil {
		return err
	}
	if err := s.table(cached); err != nil {
		return err
	}

	s.step("CHECK again, after somebody took the reservation of the address away")
	if err := os.Remove(s.path("addresses/10.22.0.2")); err != nil {
		return err
	}
	err = cni.CheckNetworkList(ctx, network, attachment)
	var failed *invoke.PluginError
	if !errors.As(err, &failed) {
		return fmt.Errorf("CHECK did not fail in a plugin, but returned: %w", err)
	}
	s.say("  No: %v\n  %s %s on %s %s, code %d, exit status %d\n", err,
		failed.Plugin, failed.Command, failed.ContainerID, failed.IfName, failed.Code, failed.ExitCode)

	s.step("DEL: detach, in reverse order")
	if err := cni.DelNetworkList(ctx, network, attachment); err != nil {
		return err
	}
	s.say("\nWhat exists now:\n\n")
	s.files()

	s.step("DEL again: what is gone already is no error, and there is no prevResult now")
	return cni.DelNetworkList(ctx, network, attachment)
}

// set puts up what a machine with CNI has: a network configuration, plugins on
// a path, and a container's network namespace, which is a directory here.
func (s stage) set() error {
	for _, d := range []string{"net.d", "bin", "netns/web-1", "addresses", "ports", "cache"} {
		if err := os.MkdirAll(s.path(d), 0o755); err != nil {
			return err
		}
	}
	conf := strings.ReplaceAll(conflist, "$DIR", s.dir)
	if err := os.WriteFile(s.path("net.d/10-demo.conflist"), []byte(conf), 0o644); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for name := range plugins {
		if runtime.GOOS == "windows" {
			name += ".exe"
		}
		if err := copyProgram(s.path("bin/"+name), self); err != nil {
			return err
		}
	}

	s.say(`A container runtime attaches a container to a network by running plugins:
programs that read what to do from CNI_* variables and a configuration from
stdin, and answer on stdout. Here are three, and a network made of them. The
third, demo-ipam, is run by demo-nic: lines behind a bar are from inside it.
Everything is in one temporary directory, $DIR = %s

$DIR/net.d/10-demo.conflist:

%s`, s.dir, conflist)
	return nil
}

// copyProgram copies, because a link to a program that runs cannot be removed
// on Windows.
func copyProgram(to, from string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}
