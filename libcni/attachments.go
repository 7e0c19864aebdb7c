package libcni

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/cnikit/cnikit/internal/atomicfile"
)

// AttachmentKey names one attachment: what a container is, in a network, behind
// one interface. As a pattern, an empty field matches all.
type AttachmentKey struct {
	Network     string
	ContainerID string
	IfName      string
}

// String returns network/container/interface.
func (k AttachmentKey) String() string {
	return k.Network + "/" + k.ContainerID + "/" + k.IfName
}

// Attachment is what the record of one attachment says. It is the caller's own.
type Attachment struct {
	AttachmentKey
	// Config is the effective configuration of the network at ADD: a list, or a
	// single plugin.
	Config []byte
	// NetNS, Args and CapabilityArgs are what ADD was called with. Whole numbers
	// that a float64 cannot hold are json.Number.
	NetNS          string
	Args           [][2]string
	CapabilityArgs map[string]interface{}
	// Result is the result of ADD as the last plugin wrote it.
	Result []byte
	// Created is when ADD began; when the record was written, if another library
	// wrote it.
	Created time.Time
	// Path is the record's file.
	Path string
}

// PendingAttachment is an ADD that did not succeed: it is under way, or it
// failed, or its process died. What the plugins made by then is cleaned up by DEL
// and by GC.
type PendingAttachment struct {
	AttachmentKey
	// Config, NetNS, Args and CapabilityArgs are as in [Attachment]. They are
	// empty if the file was cut off by a loss of power.
	Config         []byte
	NetNS          string
	Args           [][2]string
	CapabilityArgs map[string]interface{}
	// Started is when ADD began.
	Started time.Time
	// Running says that somebody is at work on it: the process that called ADD, or,
	// if that was killed, a plugin that it had started, or what the plugin started. On
	// Windows, and where an [Options].Exec of another kind starts the plugins, only
	// the process that called ADD counts.
	Running bool
	// Path is the intent's file.
	Path string
}

// Attachments returns the recorded attachments that match, oldest first. It looks
// in the directory of c, not in that of a RuntimeConf.
//
// Errors: what could not be read, joined, each a [*RecordError]; the others are
// returned all the same.
func (c *CNIConfig) Attachments(match AttachmentKey) ([]*Attachment, error) {
	records, err := c.store(nil).records(match)
	slices.SortStableFunc(records, func(a, b *record) int { return a.created.Compare(b.created) })
	attachments := make([]*Attachment, len(records))
	for i, r := range records {
		attachments[i] = &Attachment{
			AttachmentKey: r.key.exported(), Config: r.config, NetNS: r.netns, Args: r.args,
			CapabilityArgs: decodeCapabilityArgs(r.capabilityArgs), Result: r.result, Created: r.created, Path: r.path,
		}
	}
	return attachments, err
}

// Pending returns the intents that match, oldest first: the ADDs that are under
// way, and those that failed or died and were not cleaned up yet. An attachment
// may have several, and a record as well. Who wants all that is known asks for them
// before [CNIConfig.Attachments]: an ADD that ends in between is then not missed.
//
// Errors: as of [CNIConfig.Attachments].
func (c *CNIConfig) Pending(match AttachmentKey) ([]*PendingAttachment, error) {
	s := c.store(nil)
	d, err := s.openDir(s.pendingPath())
	if d == nil {
		return nil, err
	}
	defer d.Close()
	names, unfinished, err := d.List()
	d.CleanOf(unfinished, staleAge)
	errs := []error{recordError(s.pendingPath(), err)}
	var pending []*PendingAttachment
	for _, name := range names {
		k, known := pendingKey(name)
		if known && !match.matches(k) {
			continue
		}
		p, err := readPending(d, name, k)
		if err != nil {
			errs = append(errs, err)
		}
		if p != nil && match.matches(p.key()) {
			pending = append(pending, p)
		}
	}
	slices.SortFunc(pending, func(a, b *PendingAttachment) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.Path, b.Path))
	})
	return pending, join(errs...)
}

// readPending reads an intent without waiting for its lock; nil if it is gone.
func readPending(d *atomicfile.Dir, name string, k key) (*PendingAttachment, error) {
	r, running, err := peekIntent(d, name)
	if r == nil && err == nil {
		return nil, nil
	}
	if r == nil {
		r = &record{key: k, path: d.Path(name)}
	}
	return &PendingAttachment{
		AttachmentKey: r.key.exported(), Config: r.config, NetNS: r.netns, Args: r.args,
		CapabilityArgs: decodeCapabilityArgs(r.capabilityArgs), Started: r.created, Running: running, Path: r.path,
	}, err
}

// GetCachedAttachments returns the recorded attachments of a container, or of all
// if containerID is empty, in the order of the records' names. A record that cannot
// be read is left out; [CNIConfig.Attachments] reports it. The error, a
// [*RecordError], is that of the directory.
func (c *CNIConfig) GetCachedAttachments(containerID string) ([]*NetworkAttachment, error) {
	records, err := c.store(nil).records(AttachmentKey{ContainerID: containerID})
	attachments := make([]*NetworkAttachment, len(records))
	for i, r := range records {
		attachments[i] = &NetworkAttachment{
			ContainerID: r.container, Network: r.network, IfName: r.ifname, Config: r.config, NetNS: r.netns,
			CniArgs: r.args, CapabilityArgs: decodeCapabilityArgs(r.capabilityArgs),
		}
	}
	var directory *directoryError
	if errors.As(err, &directory) {
		return nil, err
	}
	return attachments, nil
}

// directoryError is the error of listing, as opposed to one of the files.
type directoryError struct{ *RecordError }

func (e *directoryError) Unwrap() error { return e.RecordError }

func directoryErrorOf(path string, err error) error {
	var r *RecordError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &r):
		return &directoryError{r}
	}
	return &directoryError{&RecordError{Path: path, Err: err}}
}

// recordNames returns the sorted names of results/ that have the form of a
// record's and that match accepts, and the open directory; nil if there is none.
// What writers that died left there long ago is cleaned away by the way.
func (s *store) recordNames(match func(name string) bool) (*atomicfile.Dir, []string, error) {
	path := s.resultsPath()
	d, err := s.openDir(path)
	if d == nil {
		return nil, nil, directoryErrorOf(path, err)
	}
	names, unfinished, err := d.List()
	err = directoryErrorOf(path, err)
	d.CleanOf(unfinished, staleAge)
	names = slices.DeleteFunc(names, func(name string) bool { return !match(name) || !mayBeRecord(name) })
	slices.Sort(names)
	return d, names, err
}

// records returns the records that match, in the order of their names. The error
// joins what could not be read.
func (s *store) records(match AttachmentKey) ([]*record, error) {
	d, names, err := s.recordNames(match.names())
	if d == nil {
		return nil, err
	}
	defer d.Close()
	errs := []error{err}
	seen := make(map[key]bool, len(names))
	records := make([]*record, 0, len(names))
	for _, name := range names {
		switch r, err := readListed(d, name); {
		case err != nil:
			errs = append(errs, err)
		case r != nil && match.matches(r.key) && !seen[r.key]:
			// An ADD that was cut off may leave an old record under the second
			// name; the first name sorts before it.
			seen[r.key] = true
			records = append(records, r)
		}
	}
	return records, join(errs...)
}

// readListed is readRecord for a file that nobody asked for by its key.
func readListed(d *atomicfile.Dir, name string) (*record, error) {
	r, err := readRecord(d, name)
	switch {
	case r == nil:
		return nil, err
	case r.bare:
		return nil, &RecordError{Path: r.path, Err: errBareResult}
	case !r.owns(name):
		return nil, foreign(r)
	}
	return r, nil
}

func (k key) exported() AttachmentKey {
	return AttachmentKey{Network: k.network, ContainerID: k.container, IfName: k.ifname}
}

func (k AttachmentKey) key() key {
	return key{network: k.Network, container: k.ContainerID, ifname: k.IfName}
}

func (k AttachmentKey) matches(other key) bool {
	return (k.Network == "" || k.Network == other.network) &&
		(k.ContainerID == "" || k.ContainerID == other.container) &&
		(k.IfName == "" || k.IfName == other.ifname)
}

// names returns what reports whether a record that matches may have a name.
func (k AttachmentKey) names() func(name string) bool {
	if foldsCase {
		return func(string) bool { return true }
	}
	container, ifname := "", ""
	if k.ContainerID != "" {
		container = "-" + k.ContainerID + "-"
	}
	if k.IfName != "" {
		ifname = "-" + k.IfName
	}
	return func(name string) bool {
		return strings.HasPrefix(name, k.Network) && strings.Contains(name, container) && strings.Contains(name, ifname)
	}
}
