package invoke_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inProcess runs a plugin in the process with a request of the given verb.
func inProcess(ctx context.Context, p *invoke.Plugin, verb, stdin string, edit ...func(*invoke.Args)) ([]byte, error) {
	exec := &invoke.InProcess{Plugins: map[string]*invoke.Plugin{"p": p}, Exec: replies("", errors.New("not asked"))}
	path, err := exec.FindInPath("p", nil)
	if err != nil {
		return nil, err
	}
	args := &invoke.Args{Command: verb, ContainerID: "c1", NetNS: "/ns", IfName: "eth0", PluginArgsStr: "K=V", Path: "/a:/b"}
	for _, f := range edit {
		f(args)
	}
	return exec.ExecPlugin(ctx, path, []byte(stdin), args.AsEnv())
}

const inProcessConf = `{"cniVersion":"1.0.0","name":"n","type":"p","ipam":{"type":"host-local"},"big":9007199254740993}`

func result(t testing.TB, v, text string) types.Result {
	t.Helper()
	r, err := version.NewResult(v, []byte(text))
	require.NoError(t, err)
	return r
}

func TestInProcessRequest(t *testing.T) {
	t.Parallel()
	var got *invoke.Request
	_, err := inProcess(t.Context(), &invoke.Plugin{Del: func(_ context.Context, r *invoke.Request) error {
		got = r
		return nil
	}}, "DEL", inProcessConf)
	require.NoError(t, err)
	assert.Equal(t, "DEL", got.Command)
	assert.Equal(t, "c1", got.ContainerID)
	assert.Equal(t, "/ns", got.Netns)
	assert.Equal(t, "eth0", got.IfName)
	assert.Equal(t, "K=V", got.Args)
	assert.Equal(t, "/a:/b", got.Path)
	assert.Equal(t, inProcessConf, string(got.StdinData))
	assert.Equal(t, "n", got.Conf.Name)
	assert.Equal(t, "host-local", got.Conf.IPAM.Type)
	assert.Contains(t, got.Environ, "CNI_CONTAINERID=c1")
	prev, err := got.PrevResult()
	require.NoError(t, err)
	assert.Nil(t, prev)
}

func TestInProcessReply(t *testing.T) {
	t.Parallel()
	const prev = `{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/8","vendor":9007199254740993}]}`
	withPrev := inProcessConf[:len(inProcessConf)-1] + `,"prevResult":` + prev + `}`
	ours := result(t, "1.0.0", `{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.9/8"}]}`)
	add := func(r types.Result) *invoke.Plugin {
		return &invoke.Plugin{Add: func(context.Context, *invoke.Request) (types.Result, error) { return r, nil }}
	}
	for name, tc := range map[string]struct {
		plugin      *invoke.Plugin
		verb, stdin string
		want        string
	}{
		"result":                {add(ours), "ADD", inProcessConf, `{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.9/8"}]}`},
		"older version asked":   {add(ours), "ADD", `{"cniVersion":"0.4.0","name":"n"}`, `{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.0.0.9/8"}],"dns":{}}`},
		"no version asked":      {add(ours), "ADD", `{"name":"n"}`, `{"cniVersion":"0.1.0","ip4":{"ip":"10.0.0.9/8"},"dns":{}}`},
		"short version asked":   {add(ours), "ADD", `{"cniVersion":"1.1","name":"n"}`, `{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.9/8"}]}`},
		"nil result":            {add(nil), "ADD", withPrev, prev},
		"nil function":          {&invoke.Plugin{}, "ADD", withPrev, prev},
		"nothing at all":        {&invoke.Plugin{}, "ADD", inProcessConf, `{"cniVersion":"1.0.0"}`},
		"no function for DEL":   {&invoke.Plugin{}, "DEL", withPrev, ""},
		"no function for CHECK": {&invoke.Plugin{}, "CHECK", withPrev, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reply, err := inProcess(t.Context(), tc.plugin, tc.verb, tc.stdin)
			require.NoError(t, err)
			if tc.want == prev || tc.want == "" {
				assert.Equal(t, tc.want, string(reply))
			} else {
				assert.JSONEq(t, tc.want, string(reply))
			}
		})
	}
}

func TestInProcessErrors(t *testing.T) {
	t.Parallel()
	fails := func(err error) *invoke.Plugin {
		return &invoke.Plugin{Del: func(context.Context, *invoke.Request) error { return err }}
	}
	var unset types.Result = (*brokenResult)(nil)
	for name, tc := range map[string]struct {
		plugin      *invoke.Plugin
		verb, stdin string
		edit        func(*invoke.Args)
		code        uint
		text        string
		is          error
	}{
		"error object":     {plugin: fails(types.NewError(11, "later", "why")), code: 11, text: "later; why"},
		"wrapped":          {plugin: fails(fmt.Errorf("no: %w", types.NewError(7, "bad", ""))), code: 7, text: "bad"},
		"foreign":          {plugin: fails(fmt.Errorf("reading: %w", fs.ErrNotExist)), code: 999, text: "reading: file does not exist", is: fs.ErrNotExist},
		"panic":            {plugin: &invoke.Plugin{Del: func(context.Context, *invoke.Request) error { panic("boom") }}, code: 999, text: `plugin "p" panicked: boom`},
		"goexit":           {plugin: &invoke.Plugin{Del: func(context.Context, *invoke.Request) error { runtime.Goexit(); return nil }}, code: 999, text: `plugin "p" ended its goroutine`},
		"broken result":    {plugin: &invoke.Plugin{Add: func(context.Context, *invoke.Request) (types.Result, error) { return unset, nil }}, verb: "ADD", code: 999, text: `plugin "p" panicked: `},
		"unknown verb":     {verb: "FROB", code: 4, text: "unknown CNI_COMMAND: FROB"},
		"no verb":          {edit: func(a *invoke.Args) { a.Command = "" }, code: 4, text: "required env variables [CNI_COMMAND] missing"},
		"no names":         {edit: func(a *invoke.Args) { a.ContainerID, a.IfName = "", "" }, code: 4, text: "required env variables [CNI_CONTAINERID,CNI_IFNAME] missing"},
		"no namespace":     {verb: "ADD", edit: func(a *invoke.Args) { a.NetNS = "" }, code: 4, text: "required env variables [CNI_NETNS] missing"},
		"not JSON":         {stdin: "{", code: 6, text: "decoding the network config: unexpected end of JSON input"},
		"no name":          {stdin: "{}", code: 7, text: "missing network name"},
		"unsupported":      {plugin: &invoke.Plugin{Versions: []string{"0.4.0"}}, code: 1, text: `incompatible CNI versions; config is "1.0.0", plugin supports ["0.4.0"]`},
		"unknown version":  {stdin: `{"cniVersion":"7.0.0","name":"n"}`, code: 1, text: "incompatible CNI versions"},
		"CHECK too early":  {verb: "CHECK", stdin: `{"cniVersion":"0.3.1","name":"n"}`, code: 1, text: "config version 0.3.1 does not allow CHECK"},
		"GC too early":     {verb: "GC", code: 1, text: "config version 1.0.0 does not allow GC"},
		"STATUS too early": {verb: "STATUS", code: 1, text: "config version 1.0.0 does not allow STATUS"},
		"bad prevResult":   {verb: "ADD", stdin: `{"cniVersion":"1.0.0","name":"n","prevResult":{"ips":[null]}}`, code: 999, text: "/ips/0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.plugin == nil {
				tc.plugin = &invoke.Plugin{}
			}
			if tc.verb == "" {
				tc.verb = "DEL"
			}
			if tc.stdin == "" {
				tc.stdin = inProcessConf
			}
			if tc.edit == nil {
				tc.edit = func(*invoke.Args) {}
			}
			_, err := inProcess(t.Context(), tc.plugin, tc.verb, tc.stdin, tc.edit)
			var failure *invoke.PluginError
			require.ErrorAs(t, err, &failure)
			var said *types.Error
			require.ErrorAs(t, err, &said)
			assert.Equal(t, tc.code, said.Code, "%v", err)
			assert.Equal(t, tc.code, failure.Code)
			assert.Contains(t, err.Error(), tc.text)
			assert.Equal(t, "p", failure.Plugin)
			assert.Equal(t, -1, failure.ExitCode)
			if tc.is != nil {
				assert.ErrorIs(t, err, tc.is)
			}
			if bytes.Contains([]byte(tc.text), []byte("panicked")) {
				assert.Contains(t, failure.Stderr, "goroutine ")
			}
		})
	}
}

// brokenResult is a result whose nil pointer was forgotten in an interface.
type brokenResult struct{ types.Result }

func TestInProcessVersion(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ declared, want []string }{
		"declared": {[]string{"0.4.0", "1.0.0"}, []string{"0.4.0", "1.0.0"}},
		"all":      {nil, version.All.SupportedVersions()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			exec := &invoke.InProcess{Plugins: map[string]*invoke.Plugin{"p": {Versions: tc.declared}}}
			path, err := exec.FindInPath("p", nil)
			require.NoError(t, err)
			info, err := invoke.GetVersionInfo(t.Context(), path, exec)
			require.NoError(t, err)
			assert.Equal(t, tc.want, info.SupportedVersions())
		})
	}
}

func TestInProcessLeavesTheRestToTheOther(t *testing.T) {
	t.Parallel()
	exec := &invoke.InProcess{
		Plugins: map[string]*invoke.Plugin{"p": {}, "off": nil},
		Exec:    replies(`{"from":"process"}`, nil),
	}
	for _, name := range []string{"q", "off"} {
		path, err := exec.FindInPath(name, []string{"/d"})
		require.NoError(t, err)
		assert.Equal(t, "/d/"+name, path)
	}
	reply, err := exec.ExecPlugin(t.Context(), "/d/p", nil, nil)
	require.NoError(t, err)
	assert.Equal(t, `{"from":"process"}`, string(reply), "a file is a file")

	_, err = (&invoke.InProcess{}).FindInPath("q", []string{t.TempDir()})
	require.ErrorIs(t, err, invoke.ErrPluginNotFound)

	// One inside of another: the inner one knows its own paths.
	outer := &invoke.InProcess{Plugins: map[string]*invoke.Plugin{"o": {}}, Exec: exec}
	path, err := outer.FindInPath("p", nil)
	require.NoError(t, err)
	info, err := invoke.GetVersionInfo(t.Context(), path, outer)
	require.NoError(t, err)
	assert.NotEmpty(t, info.SupportedVersions())
}

func TestInProcessContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var calls atomic.Int32
		del := func(fn func(ctx context.Context) error) *invoke.Plugin {
			return &invoke.Plugin{Del: func(ctx context.Context, _ *invoke.Request) error { calls.Add(1); return fn(ctx) }}
		}
		for name, tc := range map[string]struct {
			fn   func(ctx context.Context) error
			took time.Duration
			ok   bool
		}{
			"returns its error":   {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, time.Second, false},
			"says something else": {func(ctx context.Context) error { <-ctx.Done(); return errors.New("gave up") }, time.Second, false},
			"finishes":            {func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Second); return nil }, 2 * time.Second, true},
			"ignores it":          {func(ctx context.Context) error { <-release; return nil }, 3 * time.Second, false},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			start := time.Now()
			_, err := inProcess(ctx, del(tc.fn), "DEL", inProcessConf)
			cancel()
			assert.Equal(t, tc.took, time.Since(start), name)
			if tc.ok {
				assert.NoError(t, err, name)
			} else {
				assert.ErrorIs(t, err, context.DeadlineExceeded, name)
			}
		}
		close(release)
		assert.EqualValues(t, 4, calls.Load())

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := inProcess(ctx, del(func(context.Context) error { return nil }), "DEL", inProcessConf)
		require.ErrorIs(t, err, context.Canceled)
		assert.EqualValues(t, 4, calls.Load(), "nothing runs after the end")
	})
}

func TestInProcessOwnsItsRequest(t *testing.T) {
	t.Parallel()
	exec := &invoke.InProcess{Plugins: map[string]*invoke.Plugin{"p": {
		Del: func(_ context.Context, r *invoke.Request) error {
			clear(r.StdinData)
			clear(r.Environ)
			return nil
		},
	}}}
	path, _ := exec.FindInPath("p", nil)
	stdin, env := []byte(inProcessConf), []string{"CNI_COMMAND=DEL", "CNI_CONTAINERID=c", "CNI_IFNAME=e"}
	_, err := exec.ExecPlugin(t.Context(), path, stdin, env)
	require.NoError(t, err)
	assert.Equal(t, inProcessConf, string(stdin))
	assert.Equal(t, []string{"CNI_COMMAND=DEL", "CNI_CONTAINERID=c", "CNI_IFNAME=e"}, env)
}
