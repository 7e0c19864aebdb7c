package main

import (
	"bytes"
	"cmp"
	"crypto/sha512"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// target is what a verb is about: the network that the first argument names, and
// the interface of the network namespace that the second one does. Without a
// namespace there is no interface.
func (t *tool) target(args []string) (*libcni.NetworkConfigList, *libcni.RuntimeConf, error) {
	if len(args) > 1 && args[1] == "" && t.verb != "gc" && t.verb != "status" { // which do not look at it
		return nil, nil, usageError{fmt.Errorf("%s: NETNS is empty: which network namespace?", t.verb), t.verb}
	}
	list, err := libcni.LoadNetworkConf(t.confDir(), args[0])
	var bad *libcni.ConfError
	if errors.As(err, &bad) && bad.Network != args[0] { // it may be in that file, or in none
		err = t.unread(args[0])
	}
	if err != nil {
		return nil, nil, err
	}
	rt := &libcni.RuntimeConf{IfName: cmp.Or(t.ifName, t.usualIfName())}
	if rt.CapabilityArgs, err = capabilityArgs(t.getenv("CAP_ARGS")); err != nil {
		return nil, nil, err
	}
	pairs, err := types.ParseArgs(t.getenv("CNI_ARGS"))
	if err != nil {
		return nil, nil, err
	}
	rt.Args = pairs
	if len(args) > 1 {
		if rt.NetNS, err = filepath.Abs(args[1]); err != nil {
			return nil, nil, err
		}
		if rt.ContainerID = t.container; rt.ContainerID == "" {
			rt.ContainerID = containerID(rt.NetNS)
		}
	}
	return list, rt, nil
}

// usualIfName is the interface that is meant where none is named.
func (t *tool) usualIfName() string { return cmp.Or(t.getenv("CNI_IFNAME"), "eth0") }

// unread is the error about a network that is not in the files that can be read: it
// may be in the others.
func (t *tool) unread(name string) error {
	missing := libcni.NotFoundError{Dir: t.confDir(), Name: name}
	set, err := libcni.LoadDir(t.confDir())
	if err != nil {
		return err
	}
	var bad []error
	for _, b := range set.Bad {
		if b.Network == "" {
			bad = append(bad, b)
		}
	}
	if len(bad) == 0 {
		return missing
	}
	return errors.Join(append(bad, unreadError{missing})...)
}

// An unreadError says that a network is in none of the files that can be read.
type unreadError struct{ libcni.NotFoundError }

func (e unreadError) Error() string {
	return fmt.Sprintf("no net configuration with name %q in the other files of %s", e.Name, e.Dir)
}

func (e unreadError) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, e.Error()) }

// warnOfTwins says which files of a network's name are not used.
func (t *tool) warnOfTwins(name string) {
	set, err := libcni.LoadDir(t.confDir())
	if err != nil {
		return
	}
	for _, b := range set.Bad {
		if b.Network == name && errors.Is(b, libcni.ErrDuplicateNetwork) {
			t.warn(fmt.Errorf("%s is not used: %w", b.File, b))
		}
	}
}

// inFile adds to an error whose remedy is in the network's configuration the file
// that has it.
func (t *tool) inFile(list *libcni.NetworkConfigList, err error) error {
	var of *invoke.PluginError
	if t.verb == "gc" && errors.As(err, &of) && of.Command == "DEL" {
		return err // with a recorded configuration
	}
	if !errors.Is(err, invoke.ErrPluginNotFound) && !errors.As(err, new(*version.UnsupportedError)) {
		return err
	}
	set, loadErr := libcni.LoadDir(t.confDir())
	if loadErr != nil {
		return err
	}
	for _, n := range set.Networks {
		if n.Name == list.Name {
			return &fileError{err, n.File}
		}
	}
	for _, bad := range set.Bad {
		if bad.Network == list.Name {
			return &fileError{err, bad.File}
		}
	}
	return err
}

// A fileError is an error about what a file says.
type fileError struct {
	error
	file string
}

func (e *fileError) Unwrap() error { return e.error }

// Format adds the file to what the error has to say.
func (e *fileError) Format(s fmt.State, verb rune) {
	if verb == 'v' && s.Flag('+') {
		fmt.Fprintf(s, "%+v\n    file:      %s", e.error, e.file)
		return
	}
	_, _ = io.WriteString(s, e.Error())
}

// containerID derives the container's ID from its network namespace, as upstream
// does: what one of the two attached the other one detaches.
func containerID(netns string) string {
	sum := sha512.Sum512([]byte(netns))
	return fmt.Sprintf("cnitool-%x", sum[:10])
}

// capabilityArgs reads a JSON object; numbers keep their digits.
func capabilityArgs(text string) (args map[string]any, err error) {
	if text == "" {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewBufferString(text))
	d.UseNumber()
	if err = d.Decode(&args); err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return args, nil
		}
		err = errors.New("more than one value")
	}
	return nil, fmt.Errorf("CAP_ARGS: %w", err)
}
