package libcni

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// benchDirs are the file systems that records are measured on: the one of
// TMPDIR, and memory where there is some.
func benchDirs(b *testing.B) map[string]string {
	dirs := map[string]string{"disk": b.TempDir()}
	if dir, err := os.MkdirTemp("/dev/shm", "cnikit"); err == nil {
		b.Cleanup(func() { _ = os.RemoveAll(dir) })
		dirs["memory"] = dir
	}
	return dirs
}

// BenchmarkStore is what one ADD costs on disk: begin and commit.
func BenchmarkStore(b *testing.B) {
	result := []byte(`{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"/run/netns/c1"}],"ips":[{"address":"10.0.0.2/24","interface":0}],"dns":{}}`)
	for place, dir := range benchDirs(b) {
		for _, noSync := range []bool{false, true} {
			s := &store{dir: filepath.Join(dir, fmt.Sprint(noSync)), noSync: noSync}
			sync := map[bool]string{false: "sync", true: "nosync"}[noSync]
			n := 0
			next := func() *record { // each ADD is of another attachment, as a rule
				r := sampleRecord()
				n++
				r.container = fmt.Sprintf("c%08d", n)
				return r
			}
			b.Run(place+"/"+sync+"/add", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					in, err := s.begin(next())
					require.NoError(b, err)
					require.NoError(b, in.commit(result))
				}
			})
		}
		s := &store{dir: dir, noSync: true}
		k := sampleRecord().key
		in, err := s.begin(sampleRecord())
		require.NoError(b, err)
		require.NoError(b, in.commit(result))
		b.Run(place+"/read", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := s.read(k)
				require.NoError(b, err)
			}
		})
		b.Run(place+"/remove-nothing", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, s.remove(key{"net", "gone", "eth0"}))
			}
		})
	}
}

// BenchmarkThousandRecords is listing, by container as well, and a GC that finds
// nothing stale.
func BenchmarkThousandRecords(b *testing.B) {
	c := New([]string{filepath.FromSlash("/bin")}, Options{Exec: &nothing{}, CacheDir: benchDirs(b)["disk"], NoSync: true})
	s := c.store(nil)
	args := &GCArgs{}
	for i := range 1000 {
		r := sampleRecord()
		r.container = fmt.Sprintf("%064x", i)
		in, err := s.begin(r)
		require.NoError(b, err)
		require.NoError(b, in.commit([]byte(`{"cniVersion":"1.0.0"}`)))
		args.ValidAttachments = append(args.ValidAttachments, types.GCAttachment{ContainerID: r.container, IfName: "eth0"})
	}
	list := &NetworkConfigList{Name: "net", CNIVersion: "1.0.0", Plugins: []*PluginConfig{{Network: &types.PluginConf{Type: "one"}, Bytes: []byte(`{"type":"one"}`)}}}
	for _, bench := range []struct {
		name string
		do   func() error
	}{
		{"list", func() error { _, err := c.GetCachedAttachments(""); return err }},
		{"of-one-container", func() error {
			_, err := c.GetCachedAttachments(args.ValidAttachments[7].ContainerID)
			return err
		}},
		{"gc-nothing-stale", func() error { return c.GCNetworkList(context.Background(), list, args) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, bench.do())
			}
		})
	}
}

// nothing is an Exec whose plugins do nothing.
type nothing struct{ version.PluginDecoder }

func (*nothing) FindInPath(plugin string, _ []string) (string, error) { return plugin, nil }

func (*nothing) ExecPlugin(context.Context, string, []byte, []string) ([]byte, error) {
	return nil, nil
}

// BenchmarkGCOfLeftovers: ADDs that failed, each of another attachment, alone and beside
// records of another network. One of a thousand costs no more than one of a hundred.
func BenchmarkGCOfLeftovers(b *testing.B) {
	for _, size := range [][2]int{{100, 0}, {1000, 0}, {4000, 0}, {100, 4000}, {1000, 4000}} {
		n, records := size[0], size[1]
		b.Run(fmt.Sprintf("%d beside %d", n, records), func(b *testing.B) {
			fake := &fakeExec{replies: map[string]any{"ADD": errBanana}}
			c := New([]string{"/opt/cni/bin"}, Options{Exec: fake, CacheDir: b.TempDir(), NoSync: true})
			list, err := NetworkConfFromBytes([]byte(benchList))
			require.NoError(b, err)
			other, err := NetworkConfFromBytes([]byte(`{"cniVersion":"1.0.0","name":"other","plugins":[{"type":"x"}]}`))
			require.NoError(b, err)
			for i := range records {
				_, err := New([]string{"/opt/cni/bin"}, Options{Exec: &fakeExec{}, CacheDir: c.cacheDir, NoSync: true}).
					AddNetworkList(b.Context(), other, &RuntimeConf{ContainerID: fmt.Sprint("r", i), IfName: "eth0"})
				require.NoError(b, err)
			}
			for b.Loop() {
				b.StopTimer()
				for i := range n {
					_, err := c.AddNetworkList(b.Context(), list, &RuntimeConf{ContainerID: fmt.Sprint("c", i), IfName: "eth0"})
					require.Error(b, err)
				}
				fake.take()
				b.StartTimer()
				require.NoError(b, c.GCNetworkList(b.Context(), list, &GCArgs{}))
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "us/leftover")
		})
	}
}
