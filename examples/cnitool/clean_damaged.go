package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cnikit/cnikit/libcni"
)

// cleanDamaged runs DEL for a damaged record with its network's configuration; it
// returns nil if the record may be another container's, the network is not there, or
// the file is gone. Without the network namespace plugins leave the interface in it,
// without the capability arguments what those asked for, and succeed: then it runs none,
// unless what is left is to be forgotten.
func (t *tool) cleanDamaged(ctx context.Context, container string, d damaged) (*record, error) {
	if _, err := os.Lstat(d.Path); err != nil || len(d.suspects) != 1 || d.suspects[0].ContainerID != container {
		return nil, nil
	}
	s := d.suspects[0]
	list, rt, err := t.target([]string{s.Network})
	if err != nil {
		return nil, nil // the record's own error says what to do
	}
	if t.netns != "" {
		if s.netns, err = filepath.Abs(t.netns); err != nil {
			return nil, err
		}
		if gone(s.netns) {
			t.warn(fmt.Errorf("network namespace %s is not there: if it is another one, the interface stays in that", s.netns))
		}
	}
	rt.ContainerID, rt.IfName, rt.NetNS = container, s.IfName, s.netns
	t.take(rt, s.then)
	_, set := t.lookup("CAP_ARGS")
	r := &record{
		State: "damaged", Network: s.Network, Container: container, IfName: s.IfName,
		NetNS: s.netns, Gone: gone(s.netns), Blind: s.netns == "", NoArgs: !set && s.lost(), Addresses: []string{}, Path: d.Path,
	}
	if missing := (lack{r.Blind, r.NoArgs}); missing != (lack{}) && !t.forget {
		args := []string{container}
		if missing.netns {
			args = []string{"--netns", someNetNS, container}
		} else if t.netns != "" {
			args = []string{"--netns", s.netns, container}
		}
		return r, &refusedError{r, missing.setting() + ": " + t.commandWith(missing, "clean", args...)}
	}
	return r, t.inFile(list, t.cni().DelNetworkList(ctx, list, rt))
}

// A refusedError says that DEL was not run for want of what nothing tells.
type refusedError struct {
	*record
	do string
}

func (e *refusedError) Error() string {
	what, left := lack{e.Blind, e.NoArgs}.of()
	return fmt.Sprintf("not detached from %s: %s: nothing tells %s: %s would stay; the record %s is damaged", e.Network, e.IfName, what, strings.ToLower(left[:1])+left[1:], e.Path)
}

// of says what is missing, and what DEL leaves for that.
func (l lack) of() (what, left string) {
	switch {
	case !l.args:
		return "the network namespace", "The interface in it"
	case !l.netns:
		return "the capability arguments of ADD", "What those asked for, such as port mappings,"
	}
	return "the network namespace and the capability arguments of ADD", "The interface, and what those asked for, such as port mappings,"
}

func onlyRefused(err error) bool {
	return !slices.ContainsFunc(each(err), func(e error) bool { return !errors.As(e, new(*refusedError)) })
}

// withoutPath is an error without what it says of a file, and with another one.
func withoutPath(err error, path string, more error) error {
	var all []error
	for _, e := range each(err) {
		if of := new(libcni.RecordError); e != nil && !(errors.As(e, &of) && of.Path == path) {
			all = append(all, e)
		}
	}
	return errors.Join(append(all, more)...)
}
