package invoketest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/invoke/invoketest"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recorder is a test whose failures are looked at.
type recorder struct {
	mu      sync.Mutex
	log     []string
	cleanup []func()
}

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, fmt.Sprintf(format, args...))
}

func (r *recorder) Cleanup(f func()) { r.cleanup = append(r.cleanup, f) }

// end ends the test and returns what it has logged.
func (r *recorder) end() string {
	for _, f := range r.cleanup {
		f()
	}
	return strings.Join(r.log, "\n")
}

// run runs a plugin as libcni would.
func run(ctx context.Context, exec invoke.Exec, verb, plugin, stdin string) ([]byte, error) {
	path, err := exec.FindInPath(plugin, []string{"/opt/cni/bin"})
	if err != nil {
		return nil, err
	}
	args := &invoke.Args{Command: verb, ContainerID: "con1", NetNS: "/ns", IfName: "eth0", Path: "/opt/cni/bin"}
	call := &invoke.Call{Plugin: plugin, Path: path, Stdin: []byte(stdin), Environ: args.AsEnv()}
	return call.Run(ctx, exec)
}

func TestExecFollowsTheScript(t *testing.T) {
	t.Parallel()
	const prev = `{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/8"}]}`
	fake := invoketest.NewExec(t,
		invoketest.Run{Command: "ADD", Plugin: "bridge", ContainerID: "con1", IfName: "eth0", Reply: prev},
		invoketest.Run{Command: "ADD", Stdin: `{"prevResult":{"ips":[{"address":"10.0.0.2/8"}]}}`},
		invoketest.Run{Command: "ADD", Stdin: `{"prevResult":null}`, Env: []string{"CNI_IFNAME=eth0", "CNI_PATH", "!NOPE"}},
		invoketest.Run{Command: "DEL", Times: 2},
	)
	reply, err := run(t.Context(), fake, "ADD", "bridge", `{}`)
	require.NoError(t, err)
	assert.Equal(t, prev, string(reply))
	reply, err = run(t.Context(), fake, "ADD", "portmap", `{"cniVersion":"1.0.0","prevResult":`+prev+`}`)
	require.NoError(t, err)
	assert.Equal(t, prev, string(reply), "passed on")
	reply, err = run(t.Context(), fake, "ADD", "tuning", `{"cniVersion":"1.1.0"}`)
	require.NoError(t, err)
	assert.JSONEq(t, `{"cniVersion":"1.1.0"}`, string(reply), "empty")
	for range 2 {
		reply, err = run(t.Context(), fake, "DEL", "tuning", `{}`)
		require.NoError(t, err)
		assert.Empty(t, reply)
	}

	calls := fake.Calls()
	require.Len(t, calls, 5)
	assert.Equal(t, "/opt/cni/bin/portmap", calls[1].Path)
	assert.Equal(t, "portmap", calls[1].Plugin)
	assert.Equal(t, "DEL", calls[4].Command)
}

func TestExecComplains(t *testing.T) {
	t.Parallel()
	add := func(plugin string) invoketest.Run { return invoketest.Run{Command: "ADD", Plugin: plugin} }
	type call struct{ verb, plugin, stdin string }
	for name, tc := range map[string]struct {
		script []invoketest.Run
		edit   func(*invoketest.Exec)
		calls  []call
		want   string
	}{
		"nothing happened": {
			script: []invoketest.Run{add("a"), {Command: "DEL", ContainerID: "c", IfName: "e", Times: 3}, {Command: "ADD", Times: invoketest.AnyTimes}},
			want:   "invoketest: expected, and not run\n  ADD a\n  DEL * container=c ifname=e (3 times)",
		},
		"once too often": {
			script: []invoketest.Run{add("a")},
			calls:  []call{{"ADD", "a", "{}"}, {"ADD", "a", "{}"}},
			want: "invoketest: unexpected run\n  got:  ADD a container=con1 ifname=eth0\n  want: none\n" +
				"  after:\n    1. ADD a container=con1 ifname=eth0",
		},
		"wrong order": {
			script: []invoketest.Run{add("a"), add("b")},
			calls:  []call{{"ADD", "b", "{}"}, {"ADD", "a", "{}"}, {"ADD", "b", "{}"}},
			want:   "invoketest: unexpected run\n  got:  ADD b container=con1 ifname=eth0\n  want: ADD a",
		},
		"not one of any order": {
			script: []invoketest.Run{add("a"), add("b")},
			edit:   func(e *invoketest.Exec) { e.AnyOrder = true },
			calls:  []call{{"ADD", "b", "{}"}, {"DEL", "a", "{}"}, {"ADD", "a", "{}"}},
			want: "invoketest: unexpected run\n  got:  DEL a container=con1 ifname=eth0\n  want: ADD a\n" +
				"  after:\n    1. ADD b container=con1 ifname=eth0",
		},
		"another request": {
			script: []invoketest.Run{{
				Command: "ADD",
				Stdin:   `{"a":1,"b":{"c":[1,{"d":2}]},"x/y":true,"gone":null,"missing":{"z":0}}`,
				Env:     []string{"CNI_IFNAME=eth1", "A=1", "B", "!CNI_PATH"},
			}},
			calls: []call{{"ADD", "a", `{"a":1.0,"b":{"c":[1,{"d":3}],"more":0},"x/y":false,"gone":{}}`}},
			want: `invoketest: run 1: ADD a container=con1 ifname=eth0: not as expected
  stdin /b/c/1/d: got 3, want 2
  stdin /gone: got {}, want none
  stdin /missing: got none, want {"z":0}
  stdin /x~1y: got false, want true
  env CNI_IFNAME: got "eth0", want "eth1"
  env A: got none, want "1"
  env B: got none, want one
  env CNI_PATH: got "/opt/cni/bin", want none`,
		},
		"no JSON": {
			script: []invoketest.Run{{Stdin: "{}"}, {Stdin: "{"}, {Stdin: `[1]`}, {Stdin: `{} {}`}},
			calls:  []call{{"ADD", "a", "x"}, {"ADD", "a", "{}"}, {"ADD", "a", "[1,2]"}, {"ADD", "a", "{}"}},
			want: "invoketest: run 1: ADD a container=con1 ifname=eth0: not as expected\n  stdin is not JSON: invalid character 'x' looking for beginning of value: \"x\"\n" +
				"invoketest: run 2: ADD a container=con1 ifname=eth0: not as expected\n  Run.Stdin is not JSON: unexpected EOF\n" +
				"invoketest: run 3: ADD a container=con1 ifname=eth0: not as expected\n  stdin as a whole: got [1,2], want [1]\n" +
				"invoketest: run 4: ADD a container=con1 ifname=eth0: not as expected\n  Run.Stdin is not JSON: there is more after the first value",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test := &recorder{}
			fake := invoketest.NewExec(test, tc.script...)
			if tc.edit != nil {
				tc.edit(fake)
			}
			failed := 0
			for _, c := range tc.calls {
				if _, err := run(t.Context(), fake, c.verb, c.plugin, c.stdin); err != nil {
					failed++
				}
			}
			assert.Equal(t, strings.Count(tc.want, "invoketest: ")-strings.Count(tc.want, "not run"), failed, "the caller gets an error too")
			assert.Equal(t, tc.want, test.end())
		})
	}
}

// A call that comes after the test's end must not be reported to it: testing
// panics then.
func TestExecAfterTheEnd(t *testing.T) {
	t.Parallel()
	test := &recorder{}
	fake := invoketest.NewExec(test)
	assert.Empty(t, test.end())
	_, err := run(t.Context(), fake, "ADD", "a", "{}")
	require.ErrorContains(t, err, "unexpected run")
	assert.Empty(t, test.log)
}

func TestExecFailures(t *testing.T) {
	t.Parallel()
	foreign := errors.New("no such program")
	for name, tc := range map[string]struct {
		run  invoketest.Run
		want invoke.PluginError
		is   error
	}{
		"error object":           {run: invoketest.Run{Err: types.NewError(11, "later", "why"), Stderr: "log"}, want: invoke.PluginError{Code: 11, Msg: "later", Details: "why", ExitCode: 1, Stderr: "log"}},
		"error object and exit":  {run: invoketest.Run{Err: types.NewError(7, "bad", ""), ExitCode: 3}, want: invoke.PluginError{Code: 7, Msg: "bad", ExitCode: 3}},
		"exit":                   {run: invoketest.Run{ExitCode: 2}, want: invoke.PluginError{Msg: "netplugin failed with no error message: exit status 2", ExitCode: 2}},
		"exit with stderr":       {run: invoketest.Run{ExitCode: 2, Stderr: "oh"}, want: invoke.PluginError{Msg: `netplugin failed: "oh": exit status 2`, ExitCode: 2, Stderr: "oh"}},
		"foreign":                {run: invoketest.Run{Err: foreign}, want: invoke.PluginError{Msg: "no such program", ExitCode: -1}, is: foreign},
		"error object at exit 0": {run: invoketest.Run{Reply: `{"code":7,"msg":"bad"}`}, want: invoke.PluginError{Code: 7, Msg: "bad", ExitCode: 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := run(t.Context(), invoketest.NewExec(t, tc.run), "ADD", "a", "{}")
			var got *invoke.PluginError
			require.ErrorAs(t, err, &got)
			assert.Equal(t, tc.want, invoke.PluginError{Code: got.Code, Msg: got.Msg, Details: got.Details, ExitCode: got.ExitCode, Stderr: got.Stderr})
			if tc.is != nil {
				assert.ErrorIs(t, err, tc.is)
			}
		})
	}
}

func TestExecTakesTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := invoketest.NewExec(t,
			invoketest.Run{Plugin: "slow", Delay: time.Minute},
			invoketest.Run{Plugin: "slower", Delay: time.Hour},
			invoketest.Run{Plugin: "hangs", Hang: true},
		)
		start := time.Now()
		_, err := run(t.Context(), fake, "DEL", "slow", "{}")
		require.NoError(t, err)
		assert.Equal(t, time.Minute, time.Since(start))

		for _, plugin := range []string{"slower", "hangs"} {
			start, ctx := time.Now(), context.Context(nil)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err = run(ctx, fake, "DEL", plugin, "{}")
			assert.Equal(t, time.Second, time.Since(start))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.EqualError(t, err, "netplugin failed with no error message: context deadline exceeded")
			_, err = run(ctx, fake, "DEL", "never", "{}")
			require.ErrorIs(t, err, context.DeadlineExceeded, "nothing runs after the end")
			cancel()
		}
	})
}

func TestExecStubsAndOrder(t *testing.T) {
	t.Parallel()
	fake := invoketest.NewExec(t,
		invoketest.Run{Command: "STATUS", Times: invoketest.AnyTimes, Err: types.NewError(50, "not yet", "")},
		invoketest.Run{Command: "ADD", Plugin: "b"},
		invoketest.Run{Command: "ADD", Plugin: "a"},
	)
	fake.AnyOrder = true
	for _, plugin := range []string{"a", "b"} {
		_, err := run(t.Context(), fake, "STATUS", plugin, "{}")
		require.ErrorContains(t, err, "not yet")
	}
	fake.Expect(invoketest.Run{Command: "DEL"})
	var wg sync.WaitGroup
	for _, plugin := range []string{"a", "b"} {
		wg.Go(func() {
			_, err := run(t.Context(), fake, "ADD", plugin, "{}")
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	_, err := run(t.Context(), fake, "DEL", "a", "{}")
	require.NoError(t, err)
}

func TestExecFindsAndSaysVersions(t *testing.T) {
	t.Parallel()
	fake := invoketest.NewExec(t, invoketest.Run{
		Command: "VERSION", Plugin: "old",
		Reply: `{"cniVersion":"0.4.0","supportedVersions":["0.3.1"]}`,
	})
	fake.Missing = []string{"gone"}
	for plugin, want := range map[string][]string{
		"old": {"0.3.1"}, "new": version.All.SupportedVersions(),
	} {
		path, err := fake.FindInPath(plugin, nil)
		require.NoError(t, err)
		info, err := invoke.GetVersionInfo(t.Context(), path, fake)
		require.NoError(t, err)
		assert.Equal(t, want, info.SupportedVersions())
	}
	_, err := fake.FindInPath("gone", []string{"/a"})
	require.ErrorIs(t, err, invoke.ErrPluginNotFound)
	require.ErrorContains(t, err, `"gone" in path [/a]`)
}

func TestExecNumbersAreExact(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		want, got string
		same      bool
	}{
		"big integers": {"9007199254740993", "9007199254740992", false},
		"notation":     {"1e3", "1000.0", true},
		"huge":         {"1e400", "10e399", true},
		"string":       {"1", `"1"`, false},
		"null in null": {"null", "null", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test := &recorder{}
			fake := invoketest.NewExec(test, invoketest.Run{Stdin: `{"n":[` + tc.want + `]}`})
			_, err := run(t.Context(), fake, "DEL", "a", `{"n":[`+tc.got+`]}`)
			assert.Equal(t, tc.same, err == nil, test.end())
		})
	}
}
