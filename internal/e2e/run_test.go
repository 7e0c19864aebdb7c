//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A run is a story played once.
type run struct {
	*story
	adder, rest library
	heard       strings.Builder // the plugins' words, without what is random in them
}

// play goes through the life of two attachments:
//
//	STATUS, validate; ADD and CHECK both; GC with both valid
//	GC with the first one valid: the second one is gone, DEL of it succeeds
//	the faults, each of which CHECK finds
//	DEL, and DEL again, with and without the network namespace
//
// after which nothing is left.
func (r *run) play(t *testing.T) {
	before := traces(t)
	_, err := r.rest.Validate(t.Context(), r.conflist)
	require.NoError(t, err, "validate")
	r.status(t)

	first, second := r.enter(t, "first", r.first), r.enter(t, "second", r.second)
	if r.connected != nil {
		r.connected(t, first, second)
	}
	r.check(t, first)
	r.check(t, second)

	require.NoError(t, r.rest.GC(t.Context(), r.conflist, first.attachment, second.attachment), "GC with both valid")
	r.check(t, first)
	r.check(t, second)
	withBoth := traces(t)

	require.NoError(t, r.rest.GC(t.Context(), r.conflist, first.attachment), "GC with the first one valid")
	r.assertGone(t, second)
	r.check(t, first)
	assert.Subset(t, withBoth, traces(t), "after the GC")
	require.NoError(t, r.rest.Del(t.Context(), r.conflist, second.attachment), "DEL after GC")

	r.spoil(t, first)

	require.NoError(t, r.rest.Del(t.Context(), r.conflist, first.attachment), "DEL")
	r.assertGone(t, first)
	assert.Empty(t, leftBehind(before, traces(t)), "left behind by DEL")
	require.NoError(t, r.rest.Del(t.Context(), r.conflist, first.attachment), "DEL again")
	if err := r.rest.Check(t.Context(), r.conflist, first.attachment); assert.Error(t, err, "CHECK after DEL") && !r.tooOldForCheck {
		r.hear("CHECK after DEL: " + pluginsWords(err))
	}
	first.remove(t)
	first.NetNS = ""
	require.NoError(t, r.rest.Del(t.Context(), r.conflist, first.attachment), "DEL without a network namespace")
	second.remove(t)

	// The last one goes with its network namespace missing, as after a reboot.
	third := r.enter(t, "third", r.first)
	third.remove(t)
	require.NoError(t, r.rest.GC(t.Context(), r.conflist), "GC with nothing valid")
	var now, left []string
	eventually(func() bool { // the kernel takes its time over the third one's links
		now = traces(t)
		left = leftBehind(before, now)
		for _, quirk := range r.forgets {
			all := len(left)
			left = slices.DeleteFunc(left, quirk.MatchString)
			assert.Less(t, len(left), all, "the plugins no longer leave %s", quirk)
		}
		return len(left) == 0
	})
	assert.Empty(t, left, "left behind in the end")
	assert.Empty(t, leftBehind(now, before), "missing in the end")
	assert.Empty(t, libraryFiles(t))
}

// enter attaches a new container.
func (r *run) enter(t *testing.T, name string, a attachment) *scene {
	t.Helper()
	s := &scene{container: newContainer(t, name), attachment: a}
	s.ContainerID, s.NetNS = s.name, s.netns
	if s.IfName == "" {
		s.IfName = "eth0"
	}
	result, err := r.adder.Add(t.Context(), r.conflist, s.attachment)
	require.NoError(t, err, "ADD of %s", name)
	require.FileExists(t, r.record(s))
	text, err := json.Marshal(result)
	require.NoError(t, err)
	r.hear("ADD " + name + ": " + string(text))
	s.result, err = current.NewResultFromResult(result)
	require.NoError(t, err)
	return s
}

func (r *run) record(s *scene) string {
	return filepath.Join("/var/lib/cni/results", r.network+"-"+s.ContainerID+"-"+s.IfName)
}

// status expects STATUS to succeed, and to fail while the host is spoiled for it.
func (r *run) status(t *testing.T) {
	t.Helper()
	if f := r.statusFault; f != nil {
		f.spoil(t, nil)
		err := r.rest.Status(t.Context(), r.conflist)
		said := new(types.Error)
		require.ErrorAs(t, err, &said, "STATUS after: %s", f.name)
		assert.Equal(t, r.statusCode, said.Code)
		r.hear("STATUS after " + f.name + ": " + said.Error())
		f.repair(t, nil)
	}
	require.NoError(t, r.rest.Status(t.Context(), r.conflist), "STATUS")
}

// check expects CHECK to succeed.
func (r *run) check(t *testing.T, s *scene) {
	t.Helper()
	err := r.rest.Check(t.Context(), r.conflist, s.attachment)
	if r.tooOldForCheck {
		require.ErrorIs(t, err, r.rest.CheckUnsupported())
		return
	}
	require.NoError(t, err, "CHECK of %s", s.name)
}

// spoil expects CHECK to fail for every fault, and to succeed again once it is repaired.
func (r *run) spoil(t *testing.T, s *scene) {
	t.Helper()
	for _, f := range r.faults {
		f.spoil(t, s)
		err := r.rest.Check(t.Context(), r.conflist, s.attachment)
		require.Error(t, err, "CHECK after: %s", f.name)
		r.hear("CHECK after " + f.name + ": " + pluginsWords(err))
		if f.repair != nil {
			f.repair(t, s)
			r.check(t, s)
		}
	}
}

// assertGone asserts that nothing on the host names the attachment any more, and that its
// container, if it is still there, has lost the interface.
func (r *run) assertGone(t *testing.T, s *scene) {
	t.Helper()
	assert.NoFileExists(t, r.record(s))
	for _, line := range traces(t) {
		assert.NotContains(t, line, s.ContainerID)
	}
	if links := s.ip(t, "-br link show"); s.IfName == "lo" {
		assert.Regexp(t, "^lo +DOWN", links, "in the container")
	} else {
		assert.NotContains(t, links, s.IfName, "in the container")
	}
}

// libraryFiles lists the files that a library, not a plugin, has on the host: records, and
// what is pending.
func libraryFiles(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, dir := range []string{"results", "pending"} {
		files, err := os.ReadDir(filepath.Join("/var/lib/cni", dir))
		if !errors.Is(err, fs.ErrNotExist) {
			require.NoError(t, err)
		}
		for _, file := range files {
			all = append(all, filepath.Join(dir, file.Name()))
		}
	}
	return all
}

func (r *run) hear(words string) {
	r.heard.WriteString(random.ReplaceAllString(words, "~") + "\n")
}

// random matches what plugins invent anew each time.
var random = regexp.MustCompile(`([0-9a-f]{2}:){5}[0-9a-f]{2}|veth[0-9a-f]{8}|(fe80:[0-9a-f:]+)`)

// pluginsWords returns what the plugin itself said, without what a library puts around.
func pluginsWords(err error) string {
	if e := new(types.Error); errors.As(err, &e) {
		return e.Error()
	}
	return err.Error()
}
