// Runtime is the network part of a small container runtime, on package podnet: a
// container gets a network namespace and an address, reaches another one, is
// checked, and is detached; what the runtime lost is found again.
//
//	go run ./examples/runtime
//
// It runs the real plugins bridge and host-local, in a sandbox: on Linux, without
// root. Where they are not installed it builds them, once. runtime.go is the
// runtime, this file the story.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cnikit/cnikit/examples/internal/sandbox"
	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/types"
)

// conflist is what an administrator puts into /etc/cni/net.d.
const conflist = `{
  "cniVersion": "1.0.0",
  "name": "web",
  "plugins": [
    {"type": "bridge", "bridge": "web0",
     "ipam": {"type": "host-local", "subnet": "10.22.0.0/24", "dataDir": "$DIR/addresses"}}
  ]
}
`

func main() { sandbox.Main(story, "bridge", "host-local") }

func story(dir, plugins string) error {
	say := func(format string, args ...any) {
		fmt.Println(strings.ReplaceAll(fmt.Sprintf(format, args...), dir, "$DIR"))
	}
	for _, name := range []string{"net.d", "netns"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
	}
	conf := strings.ReplaceAll(conflist, "$DIR", dir)
	if err := os.WriteFile(filepath.Join(dir, "net.d", "10-web.conflist"), []byte(conf), 0o644); err != nil {
		return err
	}
	ctx := context.Background()
	manager, err := podnet.Open(ctx, podnet.Options{
		ConfDir:    filepath.Join(dir, "net.d"),
		PluginDirs: []string{plugins},
		CacheDir:   filepath.Join(dir, "cache"),
	})
	if err != nil {
		return err
	}
	defer manager.Close()
	runtime := &Runtime{Net: manager, Dir: filepath.Join(dir, "netns")}

	say("The network, in $DIR/net.d/10-web.conflist:\n\n%s", conflist)
	web, err := runtime.Start(ctx, "web-1")
	if err != nil {
		return err
	}
	db, err := runtime.Start(ctx, "db-1")
	if err != nil {
		return err
	}
	for _, c := range []*Container{web, db} {
		say("%-5s  eth0 %s in %s", c.ID, c.Address, c.NetNS)
	}
	if err := db.Serve(); err != nil {
		return err
	}
	answer, err := web.Ask(db.Address)
	if err != nil {
		return err
	}
	say("web-1 asks %s: %q", db.Address, answer)

	if err := manager.Check(ctx, "db-1"); err != nil {
		return err
	}
	say("\nCHECK of db-1: it is as ADD left it")
	reservation := filepath.Join(dir, "addresses", "web", db.Address.String())
	if err := os.Remove(reservation); err != nil {
		return err
	}
	err = manager.Check(ctx, "db-1")
	say("CHECK again, after somebody removed %s:\n  %v", reservation, err)
	var plugin *invoke.PluginError
	if errors.As(err, &plugin) {
		say("  said by %s, run for %s on %s of %s, exit status %d", plugin.Plugin, plugin.Command, plugin.IfName, plugin.ContainerID, plugin.ExitCode)
	}

	say("\nStopping db-1.")
	if err := runtime.Stop(ctx, db); err != nil {
		return err
	}
	if _, err = web.Ask(db.Address); err == nil {
		return errors.New("db-1 still answers")
	}
	say("web-1 asks %s: no answer", db.Address)

	say("\nThe runtime crashes, as it were, and loses web-1: the network namespace is gone, the address still taken.")
	if err := sandbox.RemoveNetns(web.NetNS); err != nil {
		return err
	}
	leftovers, err := manager.GC(ctx, podnet.GCArgs{Valid: []types.GCAttachment{}})
	for _, l := range leftovers {
		say("GC has detached %s %s from %s", l.ContainerID, l.IfName, l.Network)
	}
	if err != nil {
		return err
	}
	say("\nWhat is left:")
	return left(dir, say)
}

// left shows what attachments would have left behind: addresses, records, and
// interfaces beside the bridge.
func left(dir string, say func(string, ...any)) error {
	addresses, err := filepath.Glob(filepath.Join(dir, "addresses", "web", "10.*"))
	if err != nil {
		return err
	}
	records, err := filepath.Glob(filepath.Join(dir, "cache", "results", "*"))
	if err != nil {
		return err
	}
	names, err := interfaces()
	for range 100 { // the kernel takes its time over those of a lost namespace
		if err != nil || len(names) <= 2 {
			break
		}
		time.Sleep(20 * time.Millisecond)
		names, err = interfaces()
	}
	if err != nil {
		return err
	}
	say("  addresses taken: %d\n  records: %d\n  interfaces of the host: %s", len(addresses), len(records), strings.Join(names, " "))
	return nil
}

// interfaces are the names of the host's.
func interfaces() (names []string, err error) {
	all, err := net.Interfaces()
	for _, i := range all {
		names = append(names, i.Name)
	}
	return names, err
}
