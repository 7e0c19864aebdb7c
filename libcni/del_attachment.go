package libcni

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cnikit/cnikit/internal/joined"
)

// DelAttachment runs DEL for one attachment from its record alone: with the
// configuration and the arguments of its ADD, also when the files they came from
// are gone or have changed (SPEC.md, section 2, "DEL"). Then it cleans up after
// ADDs of it that failed with other arguments, and forgets the attachment. A plugin
// that does not speak the version of an ADD that failed has made nothing, and is passed
// over. An attachment of which nothing is known is no error: DEL may be repeated.
//
// While an ADD of it is under way, DEL waits as [CNIConfig.DelNetworkList] does.
// After that it runs beside it, with that ADD's arguments too; but what the ADD makes
// then would stay, so the intent does, and the error has [ErrAddRunning]: call again.
//
// Errors: [*RequestError] for the key; ErrAddRunning; [*RecordError] for a damaged
// record, from which nothing can be run: then [CNIConfig.DelNetworkList] with a
// configuration of the caller's does it; those of DelNetworkList, which say with %+v
// which file the configuration and the arguments are from. If those are what is wrong,
// DelNetworkList with corrected ones does it.
func (c *CNIConfig) DelAttachment(ctx context.Context, attachment AttachmentKey) error {
	k := attachment.key()
	if err := k.validate(); err != nil {
		return &RequestError{Command: "DEL", Network: k.network, ContainerID: k.container, IfName: k.ifname, Field: "attachment", Err: err}
	}
	u, err := c.cleanup(c.store(nil))
	defer u.close()
	if err != nil {
		c.warn(ctx, err)
	}
	return u.attachment(ctx, k)
}

// DelContainer is [CNIConfig.DelAttachment] for all attachments of a container
// that have a record or an intent, the last one made first; but a network that has
// nothing but intents comes after those that have the same interface on record: its
// plugins would remove the interface by its name, before the others have cleaned up. A
// container of which nothing is known is no error.
//
// It goes on after an error and returns all of them, joined: those of
// DelAttachment, and a [*RecordError] for each damaged record that may be of this
// container, by its name. For the ID the error is a [*RequestError].
func (c *CNIConfig) DelContainer(ctx context.Context, containerID string) error {
	if err := (key{"any", containerID, "any"}).validate(); err != nil {
		return &RequestError{Command: "DEL", ContainerID: containerID, Field: "containerID", Err: err}
	}
	match := AttachmentKey{ContainerID: containerID}
	s := c.store(nil)
	u, err := c.cleanup(s)
	defer u.close()
	errs := []error{err}

	records, err := s.records(match)
	told := recordsOf(err)
	errs = append(errs, err)
	slices.SortStableFunc(records, func(a, b *record) int { return b.created.Compare(a.created) })
	for _, k := range inOrder(u.keys(match), records) {
		err := u.attachment(ctx, k)
		if err != nil && !told.has(err) {
			errs = append(errs, &described{fmt.Sprintf("attachment to network %s as %s", k.network, k.ifname), err})
		}
	}
	return join(errs...)
}

// inOrder returns the attachments of a container in the order of their DELs. records
// are sorted, begun have intents: what failed is later than what succeeded, as a rule.
func inOrder(begun []key, records []*record) []key {
	keys, last := begun, map[string]key{} // of those on record with an interface
	for _, r := range records {
		if !slices.Contains(keys, r.key) {
			keys = append(keys, r.key)
		}
	}
	recorded := func(k key) bool {
		return slices.ContainsFunc(records, func(r *record) bool { return r.key == k })
	}
	for _, k := range keys {
		if recorded(k) {
			last[k.ifname] = k
		}
	}
	ordered := make([]key, 0, len(keys))
	for _, k := range keys {
		if _, taken := last[k.ifname]; recorded(k) || !taken {
			ordered = append(ordered, k)
		}
		if last[k.ifname] != k {
			continue
		}
		for _, other := range keys {
			if other.ifname == k.ifname && !recorded(other) {
				ordered = append(ordered, other)
			}
		}
	}
	return ordered
}

// recordPaths are files that an error was about.
type recordPaths []string

func recordsOf(err error) (paths recordPaths) {
	for _, e := range joined.List(err) {
		if r := (*RecordError)(nil); errors.As(e, &r) {
			paths = append(paths, r.Path)
		}
	}
	return paths
}

// has reports whether an error is about one of them again: an intent of an attachment
// leads to its damaged record, too.
func (p recordPaths) has(err error) bool {
	var r *RecordError
	return errors.As(err, &r) && slices.Contains(p, r.Path)
}
