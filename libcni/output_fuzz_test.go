package libcni

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzPluginOutput: whatever a plugin prints, no verb panics; and what ADD accepts
// CHECK and DEL can read, and have to pass on: also when the configuration has
// another version by then.
func FuzzPluginOutput(f *testing.F) {
	versions := []string{"", "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4", "0.4.0", "1.0", "1.0.0", "1.1", "1.1.0"}
	for _, reply := range []string{
		`{}`, `null`, `[]`, ``, `{"cniVersion":"1.0.0"`, `{"code":7,"msg":"x"}`, `{"cniVersion":"9.9.9"}`,
		`{"cniVersion":"1.1.0","interfaces":[{"name":"eth0","mtu":1500}],"ips":[{"interface":0,"address":"10.0.0.2/24"}],"routes":[{"dst":"::/0","table":1}],"vendor":1e400}`,
		`{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.0.0.2/24"}]}`,
		`{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.2/24","routes":[{"dst":"0.0.0.0/0"}]}}`,
		`{"cniVersion":"1.0.0","interfaces":[null],"ips":[null],"routes":[null]}`,
		`{"CNIVERSION":"0.3.1","cniVersion":"1.0.0","IPs":null}`,
	} {
		for i := range versions {
			f.Add([]byte(reply), byte(i), byte(len(versions)-1-i))
		}
	}
	dir := f.TempDir() // which each run leaves empty
	f.Fuzz(func(t *testing.T, reply []byte, at, later byte) {
		fx := newFixture(t, Options{NoSync: true, CacheDir: dir})
		fx.fake.replies = map[string]any{"one ADD": string(reply), "two ADD": string(reply)}
		list := mustList(t, `{"name":"net","plugins":[{"type":"one"},{"type":"two"}]}`)
		list.CNIVersion = versions[int(at)%len(versions)]
		result, err := fx.AddNetworkList(t.Context(), list, fx.rt)
		adds := fx.fake.take()
		if err != nil {
			require.Nil(t, result)
			require.NotEmpty(t, err.Error())
			require.NoError(t, fx.DelNetworkList(t.Context(), list, fx.rt))
			require.Empty(t, fx.store(nil).files(t))
			return
		}
		recorded, err := fx.GetNetworkListCachedResult(list, fx.rt)
		require.NoError(t, err)
		require.Equal(t, result.Version(), recorded.Version())
		attachments, err := fx.Attachments(AttachmentKey{})
		require.NoError(t, err)
		require.Len(t, attachments, 1)

		prev := adds[1].prev() // one's reply as two got it, and two replied the same
		if list.Supports("CHECK") {
			require.NoError(t, fx.CheckNetworkList(t.Context(), list, fx.rt))
			for _, r := range fx.fake.take() {
				require.Equal(t, prev, r.prev())
			}
		}
		edited := *list
		edited.CNIVersion = versions[int(later)%len(versions)]
		_ = fx.CheckNetworkList(t.Context(), &edited, fx.rt) // may be a version that cannot hold it
		fx.fake.take()
		require.NoError(t, fx.DelNetworkList(t.Context(), list, fx.rt))
		if list.Supports("CHECK") { // prevResult came to both with 0.4.0
			for _, r := range fx.fake.take() {
				require.Equal(t, prev, r.prev())
			}
		}
		require.Empty(t, fx.store(nil).files(t))
	})
}
