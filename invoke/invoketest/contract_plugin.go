package invoketest

import (
	"context"
	"encoding/json"
	"os"
	"strings"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
)

const (
	// contractName is the type of the plugin that TestExec runs.
	contractName = "invoketest-contract"
	// largeSize is more than a pipe holds.
	largeSize = 1 << 20
)

// seen is what a plugin has been given.
type seen struct {
	Stdin   []byte
	Environ []string
}

// contractError is what the plugin says when it is told to fail.
func contractError() *types.Error { return types.NewError(107, "told to fail", "by the contract") }

// contractPlugin does what the member "do" of its configuration says: look writes
// what it has been given to the file "out", name and large only return a result,
// hang does not return by itself, fail fails. Results have the container's ID as
// the name of an interface.
func contractPlugin() *invoke.Plugin {
	act := func(ctx context.Context, r *invoke.Request) error {
		var conf struct{ Do, Out string }
		if err := json.Unmarshal(r.StdinData, &conf); err != nil && conf.Do == "" {
			return err
		}
		switch conf.Do {
		case "look":
			data, err := json.Marshal(seen{r.StdinData, r.Environ})
			if err != nil {
				return err
			}
			return os.WriteFile(conf.Out, data, 0o600)
		case "hang":
			<-ctx.Done()
			return ctx.Err()
		case "fail":
			return contractError()
		}
		return nil
	}
	return &invoke.Plugin{
		Add: func(ctx context.Context, r *invoke.Request) (types.Result, error) {
			if err := act(ctx, r); err != nil {
				return nil, err
			}
			members := map[string]any{"interfaces": []any{map[string]any{"name": r.ContainerID}}}
			if strings.Contains(string(r.StdinData), `"do":"large"`) {
				members["dns"] = map[string]any{"domain": strings.Repeat("x", largeSize)}
			}
			return resultOf(members)
		},
		Del: act,
	}
}
