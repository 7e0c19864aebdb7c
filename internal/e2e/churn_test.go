//go:build linux

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
)

// runtimeVar makes a copy of the test binary a runtime that is there to be killed; its
// value is the seed of what it does.
const runtimeVar = "CNIKIT_E2E_RUNTIME"

// The containers of the churning runtime. The keeper was attached before by somebody else
// and has to stay so.
const (
	keeper  = "keeper"
	victims = 4
)

// churnList is the network it attaches them to.
const churnList = `{
	"cniVersion": "1.1.0",
	"name": "churn",
	"plugins": [
		{
			"type": "bridge", "bridge": "cni4", "isGateway": true,
			"ipam": {"type": "host-local", "subnet": "10.33.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]}
		},
		{"type": "portmap", "capabilities": {"portMappings": true}}
	]
}`

// churning returns the attachment of a container to churnList, for which a host port is
// mapped.
func churning(name string, port int) attachment {
	return attachment{ContainerID: name, NetNS: "/run/netns/" + name, IfName: "eth0", Capabilities: hostPort(port, 80)}
}

func churningVictims() []attachment {
	var all []attachment
	for i := range victims {
		all = append(all, churning(fmt.Sprintf("victim%d", i), 9000+i))
	}
	return all
}

// churn attaches and detaches the victims and collects garbage, at random and for ever, as a
// runtime does that does not remember what it did before it was killed: it tries to attach
// what is attached, the keeper too, and detaches what is not. What fails of that fails.
func churn() int {
	seed, err := strconv.ParseUint(os.Getenv(runtimeVar), 10, 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, random, lib := context.Background(), rand.New(rand.NewPCG(seed, seed)), cnikit(pluginsDir())
	kept, all := churning(keeper, 8999), churningVictims()
	attached := map[int]bool{}
	fmt.Println("ready")
	for {
		i := random.IntN(victims)
		switch n := random.IntN(20); {
		case n < 10:
			if _, err := lib.Add(ctx, churnList, all[i]); err == nil {
				attached[i] = true
			}
		case n < 16:
			delete(attached, i)
			_ = lib.Del(ctx, churnList, all[i])
		case n < 18:
			_, _ = lib.Add(ctx, churnList, kept)
		default:
			valid := []attachment{kept}
			for i := range attached {
				valid = append(valid, all[i])
			}
			_ = lib.GC(ctx, churnList, valid...)
		}
	}
}
