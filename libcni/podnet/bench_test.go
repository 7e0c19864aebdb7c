package podnet_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/libcni/podnet"
	"github.com/cnikit/cnikit/version"
)

// instant is an Exec whose plugins take no time.
type instant struct{ version.PluginDecoder }

func (*instant) FindInPath(plugin string, _ []string) (string, error) {
	return "/plugins/" + plugin, nil
}

func (*instant) ExecPlugin(context.Context, string, []byte, []string) ([]byte, error) {
	return []byte(`{"cniVersion":"1.1.0","interfaces":[{"name":"eth0","sandbox":"/proc/self/ns/net"}],"ips":[{"address":"10.0.0.2/24","interface":0}]}`), nil
}

// BenchmarkAttachDetach is what attaching and detaching costs besides the plugins, which
// take no time here: with podnet, and with the libcni calls that podnet makes.
func BenchmarkAttachDetach(b *testing.B) {
	const conf = `{"cniVersion":"1.1.0","name":"net","plugins":[{"type":"bridge"},{"type":"portmap"}]}`
	for _, parallel := range []int{1, 8, 32} {
		for _, standing := range []int{0, 200} {
			run := func(name string, attach, detach func(b *testing.B, id string)) {
				b.Run(fmt.Sprintf("%s/parallel=%d/standing=%d", name, parallel, standing), func(b *testing.B) {
					for i := range standing {
						id := fmt.Sprintf("standing%d", i)
						attach(b, id)
						defer detach(b, id)
					}
					var next atomic.Int64
					var all sync.WaitGroup
					b.ReportAllocs()
					b.ResetTimer()
					for range parallel { // containers, however many processors there are
						all.Go(func() {
							for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
								id := fmt.Sprintf("con%d", i)
								attach(b, id)
								detach(b, id)
							}
						})
					}
					all.Wait()
					b.StopTimer()
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "containers/s")
				})
			}
			dir := b.TempDir()
			list, err := libcni.NetworkConfFromBytes([]byte(conf))
			if err != nil {
				b.Fatal(err)
			}
			cni := libcni.New([]string{"/plugins"}, libcni.Options{
				Exec: &instant{}, CacheDir: filepath.Join(dir, "libcni"), NoSync: true, RefuseSecondAdd: true,
			})
			fatal := func(b *testing.B, err error) {
				if err != nil {
					b.Error(err)
				}
			}
			run("libcni", func(b *testing.B, id string) {
				_, err := cni.AddNetworkList(b.Context(), list, &libcni.RuntimeConf{ContainerID: id, NetNS: "/proc/self/ns/net", IfName: "eth0"})
				fatal(b, err)
			}, func(b *testing.B, id string) {
				fatal(b, cni.DelContainer(context.WithoutCancel(b.Context()), id))
			})
			m := openBench(b, dir, conf)
			run("podnet", func(b *testing.B, id string) {
				_, err := m.Attach(b.Context(), pod(id))
				fatal(b, err)
			}, func(b *testing.B, id string) {
				fatal(b, m.Detach(context.WithoutCancel(b.Context()), id))
			})
		}
	}
}

func openBench(b *testing.B, dir, conf string) *podnet.Manager {
	opts := podnet.Options{
		ConfDir: filepath.Join(dir, "net.d"), PluginDirs: []string{"/plugins"}, CacheDir: filepath.Join(dir, "cache"),
		NoLoopback: true, NoSync: true, Exec: &instant{}, MaxPlugins: -1,
	}
	writeFile(b, filepath.Join(opts.ConfDir, "10-net.conflist"), conf)
	m, err := podnet.Open(b.Context(), opts)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = m.Close() })
	return m
}
