//go:build unix

package invoke_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/cnikit/cnikit/invoke"
)

// A plugin that hangs is ended with its context: SIGTERM, Grace, SIGKILL. Prepare may
// change the process before it starts.
func ExampleRawExec() {
	dir, err := os.MkdirTemp("", "plugins")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	plugin := "#!/bin/sh\n[ \"$CNI_COMMAND\" = ADD ] && echo '{\"cniVersion\":\"1.1.0\",\"dns\":{\"domain\":\"'${PWD##*/}'\"}}' && exit\nexec sleep 60\n"
	if err := os.WriteFile(filepath.Join(dir, "slow"), []byte(plugin), 0o700); err != nil {
		log.Fatal(err)
	}
	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o700); err != nil {
		log.Fatal(err)
	}
	raw := &invoke.RawExec{
		Grace:     100 * time.Millisecond,
		MaxStdout: 64 << 10,
		Prepare:   func(cmd *exec.Cmd) { cmd.Dir = work },
	}

	path, err := raw.FindInPath("slow", []string{dir})
	if err != nil {
		log.Fatal(err)
	}
	call := &invoke.Call{Plugin: "slow", Path: path, Command: "ADD", Stdin: []byte(`{}`), Environ: []string{"CNI_COMMAND=ADD", "PATH=/usr/bin:/bin"}}
	result, err := call.Result(context.Background(), &invoke.DefaultExec{RawExec: raw}, "1.1.0")
	fmt.Printf("%s %v\n", result, err)

	call.Command, call.Environ = "DEL", []string{"CNI_COMMAND=DEL", "PATH=/usr/bin:/bin"}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = call.Run(ctx, &invoke.DefaultExec{RawExec: raw})
	var failed *invoke.PluginError
	fmt.Println(errors.As(err, &failed), failed.Signal, errors.Is(err, context.DeadlineExceeded))
	// Output:
	// {"cniVersion":"1.1.0","dns":{"domain":"work"}} <nil>
	// true terminated true
}
