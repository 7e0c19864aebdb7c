package invoketest_test

import (
	"context"
	"testing"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/invoke/invoketest"
)

func TestMain(m *testing.M) {
	invoketest.Main(m, map[string]*invoke.Plugin{
		"crash": {Del: func(context.Context, *invoke.Request) error { panic("boom") }},
	})
}

func rawExec() invoke.Exec { return &invoke.DefaultExec{RawExec: &invoke.RawExec{}} }

func TestExecs(t *testing.T) {
	for name, newExec := range map[string]func(*testing.T, map[string]*invoke.Plugin) invoke.Exec{
		"RawExec": func(*testing.T, map[string]*invoke.Plugin) invoke.Exec {
			return rawExec()
		},
		"InProcess": func(_ *testing.T, plugins map[string]*invoke.Plugin) invoke.Exec {
			return &invoke.InProcess{Plugins: plugins}
		},
		"InProcess before RawExec": func(*testing.T, map[string]*invoke.Plugin) invoke.Exec {
			return &invoke.InProcess{Exec: rawExec()}
		},
		"Limit of RawExec": func(*testing.T, map[string]*invoke.Plugin) invoke.Exec {
			return invoke.Limit(rawExec(), 2)
		},
		"Limit of InProcess": func(_ *testing.T, plugins map[string]*invoke.Plugin) invoke.Exec {
			return invoke.Limit(&invoke.InProcess{Plugins: plugins}, 2)
		},
		"the fake": func(t *testing.T, plugins map[string]*invoke.Plugin) invoke.Exec {
			inner := &invoke.InProcess{Plugins: plugins}
			fake := invoketest.NewExec(t, invoketest.Run{
				Times: invoketest.AnyTimes,
				Do: func(ctx context.Context, call *invoke.Call) ([]byte, error) {
					path, err := inner.FindInPath(call.Plugin, nil)
					if err != nil {
						return nil, err
					}
					return inner.ExecPlugin(ctx, path, call.Stdin, call.Environ)
				},
			})
			fake.Missing = []string{"invoketest-missing"}
			return fake
		},
	} {
		t.Run(name, func(t *testing.T) { invoketest.TestExec(t, newExec) })
	}
}
