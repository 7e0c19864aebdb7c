package fakeexec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/invoke/invoketest"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

const conflist = `{"cniVersion": "1.0.0", "name": "web", "plugins": [
	{"type": "bridge"},
	{"type": "portmap", "capabilities": {"portMappings": true}}
]}`

const result = `{"cniVersion": "1.0.0", "ips": [{"address": "10.22.0.7/24"}]}`

// publisher returns one that runs fake in place of plugins and keeps its records
// in dir.
func publisher(dir string, fake *invoketest.Exec) *Publisher {
	list, err := libcni.NetworkConfFromBytes([]byte(conflist))
	if err != nil {
		panic(err)
	}
	cni := libcni.New([]string{"/opt/cni/bin"}, libcni.Options{Exec: fake, CacheDir: dir})
	return &Publisher{CNI: cni, Network: list}
}

// TestPublish: both plugins are run for this container, and portmap is told the port.
func TestPublish(t *testing.T) {
	fake := invoketest.NewExec(t,
		invoketest.Run{Command: "ADD", Plugin: "bridge", ContainerID: "web-1", Reply: result},
		invoketest.Run{Command: "ADD", Plugin: "portmap", ContainerID: "web-1",
			Stdin: `{"runtimeConfig": {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}}`,
			Env:   []string{"CNI_IFNAME=eth0", "CNI_NETNS=/run/netns/web-1"}},
	)
	address, err := publisher(t.TempDir(), fake).Publish(t.Context(), "web-1", "/run/netns/web-1", 8080)
	require.NoError(t, err)
	assert.Equal(t, "10.22.0.7", address.String())
}

// TestPublishTriesAgain: a second passes between the tries, in no time at all.
func TestPublishTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := types.NewError(types.ErrTryAgainLater, "another program holds the lock", "")
		fake := invoketest.NewExec(t,
			invoketest.Run{Command: "ADD", Plugin: "bridge", Err: busy},
			invoketest.Run{Command: "DEL", Plugin: "portmap"},
			invoketest.Run{Command: "DEL", Plugin: "bridge"},
			invoketest.Run{Command: "ADD", Plugin: "bridge", Reply: result},
			invoketest.Run{Command: "ADD", Plugin: "portmap"},
		)
		begin := time.Now()
		_, err := publisher(t.TempDir(), fake).Publish(t.Context(), "web-1", "/run/netns/web-1", 8080)
		require.NoError(t, err)
		assert.Equal(t, time.Second, time.Since(begin))
	})
}

// TestPublishCleansUp: whatever goes wrong, the plugins get their DEL, and no
// record is left.
func TestPublishCleansUp(t *testing.T) {
	for name, tc := range map[string]struct {
		fails invoketest.Run
		check func(t *testing.T, err error)
	}{
		"a plugin says no": {
			invoketest.Run{Err: types.NewError(100, "port 8080 is taken", "")},
			func(t *testing.T, err error) {
				var said *types.Error
				require.ErrorAs(t, err, &said)
				assert.Equal(t, "port 8080 is taken", said.Msg)
			},
		},
		"a plugin crashes": {
			invoketest.Run{ExitCode: 2, Stderr: "panic: nil map"},
			func(t *testing.T, err error) { assert.ErrorContains(t, err, "portmap") },
		},
		"a plugin hangs": {
			invoketest.Run{Hang: true},
			func(t *testing.T, err error) { assert.ErrorIs(t, err, context.DeadlineExceeded) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tc.fails.Command, tc.fails.Plugin = "ADD", "portmap"
				fake := invoketest.NewExec(t,
					invoketest.Run{Command: "ADD", Plugin: "bridge", Reply: result},
					tc.fails,
					invoketest.Run{Command: "DEL", Plugin: "portmap"},
					invoketest.Run{Command: "DEL", Plugin: "bridge"},
				)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				dir := t.TempDir()
				_, err := publisher(dir, fake).Publish(ctx, "web-1", "/run/netns/web-1", 8080)
				tc.check(t, err)
				left, err := filepath.Glob(filepath.Join(dir, "*", "*"))
				require.NoError(t, err)
				assert.Empty(t, left)
			})
		})
	}
}

// Example shows what such a test says when the code and it do not agree: the code
// passes on the wrong port, and one plugin is never run.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	t := &printer{}
	fake := invoketest.NewExec(t,
		invoketest.Run{Command: "ADD", Plugin: "bridge", Reply: result},
		invoketest.Run{Command: "ADD", Plugin: "portmap", Stdin: `{"runtimeConfig": {"portMappings": [{"hostPort": 8080}]}}`},
		invoketest.Run{Command: "ADD", Plugin: "bandwidth"},
	)
	rt := &libcni.RuntimeConf{ContainerID: "web-1", NetNS: "/run/netns/web-1", IfName: "eth0", CapabilityArgs: map[string]any{
		"portMappings": []map[string]any{{"hostPort": 80}},
	}}
	p := publisher(dir, fake)
	if _, err := p.CNI.AddNetworkList(context.Background(), p.Network, rt); err == nil {
		panic(errors.New("an unexpected run has to fail"))
	}
	t.cleanup()
	// Output:
	// invoketest: run 2: ADD portmap container=web-1 ifname=eth0: not as expected
	//   stdin /runtimeConfig/portMappings/0/hostPort: got 80, want 8080
	// invoketest: expected, and not run
	//   ADD bandwidth
}

// A printer takes the place of a testing.T that fails.
type printer struct{ cleanup func() }

func (*printer) Helper()                           {}
func (p *printer) Cleanup(f func())                { p.cleanup = f }
func (*printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
