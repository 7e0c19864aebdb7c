package libcni

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Of a key that stands twice the last one counts, and the place is reported.
func TestDuplicateKeysAreReported(t *testing.T) {
	set, err := LoadFS(fstest.MapFS{
		"10-net.conflist": {Data: []byte("{\"name\":\"net\",\n \"plugins\":[{\"type\":\"a\",\"ipam\":{\"x~/\":1,\n\"x~/\":2}, \"type\":\"b\"}]}")},
		"net/10.conf":     {Data: []byte("{\"type\":\"c\",\n\"prevResult\":{}, \"mtu\":1, \"mtu\":2}")},
		"20-solo.conf":    {Data: []byte(`{"name":"solo","type":"a","typ\u0065":"d"}`)},
		"30-good.conf":    {Data: []byte(`{"name":"good","type":"a","x":[{"k":1},{"k":1}],"y":{"k":1},"K":1}`)},
		"40-bad.conf":     {Data: []byte(`{"name":"bad","name":"worse","type":1}`)},
	}, ".")
	require.NoError(t, err)
	var got []string
	for _, w := range set.Warnings {
		assert.ErrorIs(t, w, ErrDuplicateKey)
		got = append(got, w.Network+" "+w.Place())
	}
	assert.Equal(t, []string{
		"net 10-net.conflist:3:7 (/plugins/0/ipam/x~0~1)",
		"net 10-net.conflist:3:18 (/plugins/0/type)",
		"net net/10.conf:2:33 (/mtu)",
		"solo 20-solo.conf:1:39 (/type)",
	}, got)
	assert.EqualError(t, set.Warnings[1], `"type": key is there more than once, the last one counts`)
	net, err := set.Get("net")
	require.NoError(t, err)
	assert.Equal(t, []string{"b", "c"}, pluginTypes(net.NetworkConfigList))
	assert.Len(t, set.Bad, 1, "a bad file is an error, not a warning")
}

func TestDuplicateKeysAreBounded(t *testing.T) {
	for name, src := range map[string]string{
		"many keys": `{"a":[` + strings.Repeat(`{"a":1,"a":1},`, 100_000) + `1]}`,
		"deep":      strings.Repeat(`{"a":1,"a":`, 9_000) + "1" + strings.Repeat("}", 9_000),
		"unique":    strings.Repeat(`{"a":`, 9_000) + `"` + strings.Repeat("x", maxConfSize-100_000) + `"` + strings.Repeat("}", 9_000),
		"no JSON":   `{"a":1,"a":1`,
	} {
		start := time.Now()
		found := duplicateKeys(name, []byte(src))
		assert.Less(t, time.Since(start), 10*time.Second, name)
		if name == "no JSON" || name == "unique" {
			assert.Empty(t, found)
			continue
		}
		assert.Len(t, found, maxDuplicates, name)
		assert.Contains(t, fmt.Sprintf("%+v", found[0]), "at:        "+name+":1:")
	}
}
