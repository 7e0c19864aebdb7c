// Multinet is the walk of the other model of container networks, Docker's CNM, on
// package podnet: two networks that do not reach each other, three containers, and
// one of them attached to the second network while it runs.
//
//	go run ./examples/multinet
//
// In CNM's words a container has a sandbox, and an endpoint for each network; in
// CNI's a network namespace, and an attachment for each network.
//
// It runs the real plugins bridge and host-local, in a sandbox: on Linux, without
// root. Where they are not installed it builds them, once.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cnikit/cnikit/examples/internal/sandbox"
	"github.com/cnikit/cnikit/libcni/podnet"
)

// conflist is a network on which containers reach each other, and nobody else.
const conflist = `{
  "cniVersion": "1.0.0",
  "name": %[1]q,
  "plugins": [
    {"type": "bridge", "bridge": %[1]q,
     "ipam": {"type": "host-local", "subnet": %[2]q, "dataDir": %[3]q}}
  ]
}
`

const before = `
      con1          con2                        con3
       | eth0        | eth0                      | eth0
  =====+=============+=====                 =====+=====
            backend                           frontend
`

const during = `
      con1          con2 -----------+           con3
       | eth0        | eth0         | eth1       | eth0
  =====+=============+=====    =====+============+=====
            backend                   frontend
`

func main() { sandbox.Main(story, "bridge", "host-local") }

func story(dir, plugins string) error {
	ctx := context.Background()
	manager, err := open(ctx, dir, plugins)
	if err != nil {
		return err
	}
	defer manager.Close()

	hosts := map[string]*container{}
	for _, c := range []struct{ name, network string }{{"con1", "backend"}, {"con2", "backend"}, {"con3", "frontend"}} {
		if hosts[c.name], err = start(dir, c.name); err != nil {
			return err
		}
		if err := attach(ctx, manager, hosts[c.name], c.network); err != nil {
			return err
		}
	}
	con1, con2, con3 := hosts["con1"], hosts["con2"], hosts["con3"]
	fmt.Print(before, "\n")
	con1.ask(con2, "backend")
	con3.ask(con2, "backend")
	con3.ask(con1, "backend")

	fmt.Println("\ncon2 is attached to frontend too, while it runs:")
	if err := attach(ctx, manager, con2, "frontend"); err != nil {
		return err
	}
	fmt.Print(during, "\n")
	con3.ask(con2, "frontend")
	con1.ask(con2, "backend")
	con3.ask(con1, "backend")

	fmt.Println("\ncon2 is detached from frontend, and stays on backend:")
	if err := manager.Detach(ctx, con2.name, "frontend"); err != nil {
		return err
	}
	con3.ask(con2, "frontend")
	con1.ask(con2, "backend")

	for _, c := range []*container{con1, con2, con3} {
		if err := c.stop(ctx, manager); err != nil {
			return err
		}
	}
	attachments, err := manager.Attachments("")
	fmt.Printf("\nAll are stopped. Attachments: %d\n", len(attachments))
	return err
}

// open writes the networks' configurations and opens a manager of them.
func open(ctx context.Context, dir, plugins string) (*podnet.Manager, error) {
	conf := filepath.Join(dir, "net.d")
	if err := os.Mkdir(conf, 0o755); err != nil {
		return nil, err
	}
	for _, n := range [][2]string{{"backend", "10.31.0.0/24"}, {"frontend", "10.32.0.0/24"}} {
		text := fmt.Appendf(nil, conflist, n[0], n[1], filepath.Join(dir, "addresses"))
		if err := os.WriteFile(filepath.Join(conf, n[0]+".conflist"), text, 0o644); err != nil {
			return nil, err
		}
	}
	return podnet.Open(ctx, podnet.Options{
		ConfDir: conf, PluginDirs: []string{plugins}, CacheDir: filepath.Join(dir, "cache"),
	})
}

// attach attaches a container to one more network, with the next interface that is
// free.
func attach(ctx context.Context, manager *podnet.Manager, c *container, network string) error {
	attached, err := manager.Attach(ctx, podnet.Pod{ID: c.name, NetNS: c.netns, Networks: []podnet.Network{{Name: network}}})
	if err != nil {
		return err
	}
	for _, a := range attached {
		c.addresses[a.Network] = a.Addresses[0].Prefix.Addr()
		fmt.Printf("%s: %s on %s, %s\n", c.name, a.IfName, a.Network, a.Addresses[0].Prefix)
	}
	return nil
}
