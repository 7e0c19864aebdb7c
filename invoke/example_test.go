package invoke_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
)

// A runtime decides what to do about a failed plugin by what the error is, never
// by its text, and shows the text to the operator.
func ExamplePluginError() {
	call := &invoke.Call{
		Plugin: "bridge", Path: "/opt/cni/bin/bridge",
		Network: "backend", ContainerID: "c1", IfName: "eth0",
	}
	run := func(verb string, fails error) {
		call.Command = verb
		_, err := call.Run(context.Background(), &fakeExec{err: fails})

		var failed *invoke.PluginError
		switch {
		case err == nil:
			fmt.Println("done")
		case errors.As(err, &failed) && failed.Retryable():
			fmt.Println(verb, "again later:", err)
		case verb == "DEL" && errors.As(err, &failed) && failed.Code == types.ErrUnknownContainer:
			fmt.Println(verb, "nothing to do, it is gone already:", err)
		case errors.Is(err, invoke.ErrPluginNotFound):
			fmt.Println(verb, "cannot work on this node:", err)
		case errors.Is(err, context.DeadlineExceeded):
			fmt.Println(verb, "took too long: DEL now, then ADD again")
		default:
			fmt.Printf("%s gave up: %+v\n", verb, err)
		}
	}
	run("ADD", nil)
	run("ADD", types.NewError(types.ErrTryAgainLater, "the bridge is being set up", ""))
	run("DEL", types.NewError(types.ErrUnknownContainer, "no such container", ""))
	run("ADD", &invoke.NotFoundError{Plugin: "bridge", Dirs: []string{"/opt/cni/bin"}})
	run("ADD", &invoke.PluginError{
		Msg: "netplugin failed with no error message: signal: terminated", ExitCode: -1, Signal: syscall.SIGTERM,
		Cause: context.DeadlineExceeded,
	})
	run("CHECK", &invoke.PluginError{
		Code: 100, Msg: "no route to 10.1.0.1", ExitCode: 1,
		Stderr: "looking for cni0\ncni0 is down\n",
	})
	// Output:
	// done
	// ADD again later: the bridge is being set up
	// DEL nothing to do, it is gone already: no such container
	// ADD cannot work on this node: failed to find plugin "bridge" in path [/opt/cni/bin]
	// ADD took too long: DEL now, then ADD again
	// CHECK gave up: no route to 10.1.0.1
	//     network:   backend
	//     plugin:    bridge
	//     path:      /opt/cni/bin/bridge
	//     verb:      CHECK
	//     container: c1
	//     interface: eth0
	//     code:      100
	//     exit:      status 1
	//     stderr:    looking for cni0
	//                cni0 is down
}

// What a plugin printed becomes the next plugin's prevResult without losing a byte.
func ExampleCheckResult() {
	for _, reply := range []string{
		`{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.2/24"}],"vendor":{"id":12345678901234567890}}`,
		`{"ips":[{"address":"10.1.0.2/24"}]}`,
		`{"cniVersion":"0.2.0","ip4":{"ip":"10.1.0.2/24"}}`,
		`{"cniVersion":"1.0.0","ips":[null]}`,
	} {
		result, err := invoke.CheckResult([]byte(reply), "1.0.0")
		if err != nil {
			fmt.Println("error:", err)
			continue
		}
		fmt.Printf("%s\n", result)
	}
	// Output:
	// {"cniVersion":"1.0.0","ips":[{"address":"10.1.0.2/24"}],"vendor":{"id":12345678901234567890}}
	// {"cniVersion":"1.0.0","ips":[{"address":"10.1.0.2/24"}]}
	// {"cniVersion":"1.0.0","ips":[{"address":"10.1.0.2/24"}]}
	// error: /ips/0: JSON value is null, not an object
}
