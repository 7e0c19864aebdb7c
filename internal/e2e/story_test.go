//go:build linux

package e2e

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// A story is one network with real plugins. What is done with it is the same for all, see
// [run.play]; what makes a story is its configuration and what it looks at.
type story struct {
	privilege privilege
	// needs are the kinds of link the kernel has to offer, for `ip link add type`.
	needs []string
	// conflist is the network's configuration.
	conflist string
	// network is its name.
	network string
	// first and second are the arguments of the two attachments. Their container ID, network
	// namespace and, if empty, interface name (eth0) are filled in.
	first, second attachment
	// prepare makes, once, what the network needs of the host.
	prepare func(t *testing.T)
	// connected looks at the two containers while both are attached.
	connected func(t *testing.T, first, second *scene)
	// faults are what is done to the first attachment, one after the other, and CHECK has to
	// find.
	faults []fault
	// statusFault is done to the host before there is any attachment; STATUS has to fail then
	// with statusCode.
	statusFault *fault
	statusCode  uint
	// forgets match the traces that the plugins themselves leave of an attachment whose
	// network namespace is gone before its DEL. Each of them has to be seen.
	forgets []*regexp.Regexp
	// tooOldForCheck says that the list's version has no CHECK.
	tooOldForCheck bool
}

// tell plays the story with every cast.
func (st *story) tell(t *testing.T) {
	t.Helper()
	perform(t, st.privilege, func(t *testing.T, adder, rest library) string {
		for _, kind := range st.needs {
			needLinkKind(t, kind)
		}
		if st.prepare != nil {
			st.prepare(t)
		}
		st.warmUp(t)
		r := &run{story: st, adder: adder, rest: rest}
		r.play(t)
		return r.heard.String()
	})
}

// warmUp attaches a container and detaches it, with the reference, so that everything
// plugins never remove (bridges, empty chains) is there before a run looks at the host.
func (st *story) warmUp(t *testing.T) {
	t.Helper()
	lib := upstream(pluginsDir())
	c := newContainer(t, "warm")
	a := st.first
	a.ContainerID, a.NetNS, a.IfName = c.name, c.netns, "eth0"
	_, err := lib.Add(t.Context(), st.conflist, a)
	require.NoError(t, err, "warming up: ADD")
	require.NoError(t, lib.Del(t.Context(), st.conflist, a), "warming up: DEL")
	c.remove(t)
}
