package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideVar is set in the copy of the program.
const insideVar = "CNIKIT_SANDBOX"

// Main runs story in a sandbox and ends the program: with status 1 and the error's
// details if the story failed. story gets a directory that is removed afterwards,
// and the directory of the plugins named.
func Main(story func(dir, plugins string) error, plugins ...string) {
	err := main(story, plugins)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(max(exit.ExitCode(), 1)) // the copy has said why
	case err != nil:
		fmt.Fprintf(os.Stderr, "%+v\n", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func main(story func(dir, plugins string) error, plugins []string) error {
	if inside := os.Getenv(insideVar); inside != "" {
		// What is mounted here is not seen outside, whatever the machine shares.
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("making mounts private: %w", err)
		}
		dir, err := os.MkdirTemp("", "cnikit-")
		if err != nil {
			return err
		}
		return errors.Join(story(dir, inside), os.RemoveAll(dir))
	}
	found, err := Plugins(plugins...)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideVar+"="+found)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	signal.Ignore(os.Interrupt) // the copy gets it too, and ends first
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("this system gives no namespaces to this user; try it as root: %w", err)
	}
	return cmd.Wait()
}
