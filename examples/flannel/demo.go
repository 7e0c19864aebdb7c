package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

// conflist is what clusters install as /etc/cni/net.d/10-flannel.conflist, with
// the demonstration's own files.
const conflist = `{
  "name": "cbr0",
  "cniVersion": "0.3.1",
  "plugins": [
    {"type": "flannel", "subnetFile": "$DIR/subnet.env", "dataDir": "$DIR/flannel",
     "delegate": {"hairpinMode": true, "isDefaultGateway": true, "files": "$DIR/bridge"}},
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`

// subnetEnv is what flanneld writes about a node that has got a subnet.
const subnetEnv = `FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.%d.1/24
FLANNEL_MTU=1450
FLANNEL_IPMASQ=true
`

// A stage is where the demonstration takes place.
type stage struct {
	io.Writer
	dir   string
	depth int // of plugins that run inside each other
}

// demo tells the life of one attachment.
func demo(ctx context.Context, w io.Writer) error {
	dir, err := os.MkdirTemp("", "flannel-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Mkdir(filepath.Join(dir, "bridge"), 0o700); err != nil {
		return err
	}
	s := &stage{Writer: w, dir: filepath.ToSlash(dir)}

	list, err := libcni.NetworkConfFromBytes([]byte(strings.ReplaceAll(conflist, "$DIR", s.dir)))
	if err != nil {
		return err
	}
	plugins := &invoke.InProcess{Plugins: map[string]*invoke.Plugin{
		"bridge":  {Add: addBridge, Del: delBridge},
		"portmap": {}, // passes on the result that it gets
	}}
	plugins.Plugins["flannel"] = flannel{exec: plugins}.plugin()
	cni := libcni.New(nil, libcni.Options{Exec: plugins, CacheDir: filepath.Join(dir, "cache"), Observer: s.observer()})
	pod := &libcni.RuntimeConf{ContainerID: "pod-1", NetNS: "/run/netns/pod-1", IfName: "eth0"}
	if pod.CapabilityArgs, err = (&types.Capabilities{
		PortMappings: []types.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}},
	}).CapabilityArgs(); err != nil {
		return err
	}

	s.say("The network, as installed on every node ($DIR is a temporary directory):\n\n%s", conflist)
	s.say("\n--- ADD before flanneld has run\n\n")
	if _, err = cni.AddNetworkList(ctx, list, pod); err == nil {
		return errors.New("ADD should have failed")
	}

	s.say("\n--- flanneld writes subnet.env: this node has 10.244.7.0/24. ADD again\n\n")
	if err := s.flanneld(7); err != nil {
		return err
	}
	result, err := cni.AddNetworkList(ctx, list, pod)
	if err != nil {
		return err
	}
	view, err := types.ViewResult(result)
	if err != nil {
		return err
	}
	s.say("\n  The pod's address: %s\n", view.IPs(types.AsGiven))
	if err := s.show("flannel", "bridge"); err != nil {
		return err
	}

	s.say("\n--- The node gets another subnet, 10.244.9.0/24. DEL: from what was saved, not from subnet.env\n\n")
	if err := s.flanneld(9); err != nil {
		return err
	}
	if err := cni.DelNetworkList(ctx, list, pod); err != nil {
		return err
	}
	if err := s.show("flannel", "bridge"); err != nil {
		return err
	}
	s.say("\nDone.\n")
	return nil
}

func (s *stage) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	_, _ = io.WriteString(s, strings.ReplaceAll(text, s.dir, "$DIR"))
}

// flanneld writes about the node's subnet.
func (s *stage) flanneld(subnet int) error {
	return os.WriteFile(filepath.Join(s.dir, "subnet.env"), fmt.Appendf(nil, subnetEnv, subnet), 0o600)
}

// observer tells of each plugin what it is asked and how it ends.
func (s *stage) observer() *invoke.Observer {
	return &invoke.Observer{
		Start: func(ctx context.Context, call *invoke.Call) context.Context {
			s.depth++
			s.say("%s%s %s\n", strings.Repeat("  ", s.depth), call.Command, typeOf(call.Stdin))
			s.say("%s    %s\n", strings.Repeat("  ", s.depth), call.Stdin)
			return ctx
		},
		End: func(_ context.Context, call *invoke.Call, o *invoke.Outcome) {
			if o.Err != nil {
				s.say("%sfailed: %v\n", strings.Repeat("  ", s.depth+2), o.Err)
			}
			s.depth--
		},
	}
}

// show lists the files of some directories.
func (s *stage) show(dirs ...string) error {
	for _, dir := range dirs {
		entries, err := os.ReadDir(filepath.Join(s.dir, dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if len(entries) == 0 {
			s.say("  $DIR/%s/ is empty\n", dir)
		}
		for _, e := range entries {
			s.say("  $DIR/%s/%s\n", dir, e.Name())
		}
	}
	return nil
}
