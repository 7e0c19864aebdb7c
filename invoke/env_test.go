package invoke_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/cnikit/cnikit/invoke"
)

// cleanEnv leaves the process exactly the variables named.
func cleanEnv(t *testing.T, env ...string) {
	t.Helper()
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if name == "" {
			continue // a drive's directory on Windows
		}
		t.Setenv(name, "") // brings it back after the test
		os.Unsetenv(name)
	}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
}

func withoutDrives(env []string) []string {
	return slices.DeleteFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "=") })
}

func TestEnvironment(t *testing.T) {
	args := &invoke.Args{
		Command:     "ADD",
		ContainerID: "some-container-id",
		NetNS:       "/some/netns/path",
		PluginArgs:  [][2]string{{"KEY1", "VALUE1"}, {"KEY2", "a=b"}},
		IfName:      "eth7",
		Path:        "/some/cni/path",
	}
	process := []string{"PATH=/bin", "HTTP_PROXY=http://secret@proxy", "CNI_COMMAND=DEL", "CNI_ARGS=old", "CNI_IFNAME=eth0", "A_B=2", "A=1"}
	tests := []struct {
		name   string
		policy invoke.EnvPolicy
		want   []string
	}{
		{"everything is inherited", invoke.EnvPolicy{}, []string{
			"A=1",
			"A_B=2",
			"CNI_ARGS=KEY1=VALUE1;KEY2=a=b",
			"CNI_COMMAND=ADD",
			"CNI_CONTAINERID=some-container-id",
			"CNI_IFNAME=eth7",
			"CNI_NETNS=/some/netns/path",
			"CNI_PATH=/some/cni/path",
			"HTTP_PROXY=http://secret@proxy",
			"PATH=/bin",
		}},
		{"an allow-list and variables of its own", invoke.EnvPolicy{
			Allow: []string{"PATH", "A", "MISSING", "CNI_IFNAME"},
			Set:   []string{"PATH=/usr/sbin:/sbin", "LANG=C", "LANG=C.UTF-8", "CNI_COMMAND=GC"},
		}, []string{
			"A=1",
			"CNI_ARGS=KEY1=VALUE1;KEY2=a=b",
			"CNI_COMMAND=ADD",
			"CNI_CONTAINERID=some-container-id",
			"CNI_IFNAME=eth7",
			"CNI_NETNS=/some/netns/path",
			"CNI_PATH=/some/cni/path",
			"LANG=C.UTF-8",
			"PATH=/usr/sbin:/sbin",
		}},
		{"an empty allow-list", invoke.EnvPolicy{Allow: []string{}}, []string{
			"CNI_ARGS=KEY1=VALUE1;KEY2=a=b",
			"CNI_COMMAND=ADD",
			"CNI_CONTAINERID=some-container-id",
			"CNI_IFNAME=eth7",
			"CNI_NETNS=/some/netns/path",
			"CNI_PATH=/some/cni/path",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cleanEnv(t, process...)
			assert.Equal(t, tt.want, withoutDrives(tt.policy.Environ(args)))
		})
	}
	t.Run("AsEnv inherits everything", func(t *testing.T) {
		cleanEnv(t, process...)
		assert.Equal(t, tests[0].want, withoutDrives(args.AsEnv()))
	})
}

func TestArgsAsString(t *testing.T) {
	args := &invoke.Args{PluginArgs: [][2]string{{"K", "V"}}, PluginArgsStr: "as=it;is"}
	assert.Contains(t, args.AsEnv(), "CNI_ARGS=as=it;is")
	args = &invoke.Args{}
	assert.Contains(t, args.AsEnv(), "CNI_ARGS=")
}

func TestDelegateArgs(t *testing.T) {
	cleanEnv(t, "CNI_COMMAND=DEL", "CNI_IFNAME=eth0", "PATH=/bin")
	assert.Equal(t, []string{"CNI_COMMAND=ADD", "CNI_IFNAME=eth0", "PATH=/bin"},
		withoutDrives((&invoke.DelegateArgs{Command: "ADD"}).AsEnv()))
}

func TestArgsFromEnv(t *testing.T) {
	assert.Equal(t, []string(nil), invoke.ArgsFromEnv().AsEnv())
}

func BenchmarkEnviron(b *testing.B) {
	for i := range 40 { // a service's
		b.Setenv(fmt.Sprintf("%c%c_VARIABLE_%d", 'A'+i*7%26, 'A'+i*11%26, i), "value")
	}
	args := &invoke.Args{Command: "ADD", ContainerID: "c", PluginArgs: [][2]string{{"K8S_POD_NAME", "web"}, {"K8S_POD_NAMESPACE", "default"}}}
	b.ReportAllocs()
	for b.Loop() {
		_ = args.AsEnv()
	}
}
