package libcni

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// GCNetworkList cleans up after attachments to the network that are no longer
// valid (SPEC.md, section 3, "Garbage-collecting a network"): it runs DEL for each,
// with the configuration and the arguments of its record or intent, and then GC on
// the plugins, if the network's version has GC. A list with DisableGC succeeds.
//
// An attachment in args.ValidAttachments is never DELed. What failed ADDs left
// behind of one that is on record is forgotten; of one that is not, it is all that
// is known of the attachment, and stays for its DEL. An attachment whose ADD is
// under way is left alone. A damaged record is reported, and nothing is run for it. Nil args are an
// error: no valid attachment at all is &GCArgs{}.
//
// Nothing keeps it from going on, and all errors are returned, joined:
// [*RecordError]s, and those of [CNIConfig.DelNetworkList]. It has to write
// nothing: what cannot be removed is told to [Options.Warn].
func (c *CNIConfig) GCNetworkList(ctx context.Context, list *NetworkConfigList, args *GCArgs) error {
	n, err := networkOfList(list)
	if err != nil {
		return n.in("GC", nil, err)
	}
	if list.DisableGC {
		return nil
	}
	if args == nil {
		return n.in("GC", nil, &RequestError{Field: "args", Err: errors.New("no list of valid attachments (nil); an empty list says that none is valid")})
	}
	errs := c.gcAttachments(ctx, n, args.ValidAttachments)
	switch ok, err := version.Supports(n.version, version.GC); {
	case err != nil:
		errs = append(errs, n.in("GC", nil, n.known()))
	case ok:
		errs = append(errs, c.gcPlugins(ctx, n, args.ValidAttachments))
	}
	return join(errs...)
}

// gcAttachments runs DEL for the stale attachments of the network.
func (c *CNIConfig) gcAttachments(ctx context.Context, n *network, valid []types.GCAttachment) (errs []error) {
	s := c.store(nil)
	u, err := c.cleanup(s)
	defer u.close()
	u.fallback, u.sparing = n, true
	errs = append(errs, err)

	live := make(map[key]bool, len(valid))
	for _, a := range valid {
		live[key{n.name, a.ContainerID, a.IfName}] = true
	}
	stale, err := s.staleRecords(n.name, live)
	told := recordsOf(err)
	errs = append(errs, err)
	seen := make(map[key]bool, len(stale))
	for _, k := range stale {
		seen[k] = true
	}
	for _, k := range u.keys(AttachmentKey{Network: n.name}) {
		switch {
		case live[k]:
			u.dropIntents(ctx, k)
		case !seen[k]:
			stale = append(stale, k)
		}
	}
	for _, k := range stale {
		if err := ctx.Err(); err != nil {
			return append(errs, err)
		}
		if err := u.attachment(ctx, k); err != nil && !told.has(err) {
			errs = append(errs, &described{fmt.Sprintf("failed to delete stale attachment %s %s", k.container, k.ifname), err})
		}
	}
	return errs
}

// dropIntents removes what failed ADDs of a valid attachment left, if it has a
// record: the failed ones were second ADDs. Otherwise only they know of it.
func (u *cleanup) dropIntents(ctx context.Context, k key) {
	if r, err := u.store.read(k); r == nil || err != nil {
		return
	}
	files, _, err := lockIntents(u.pending, u.intents(k), k) // those that are held stay
	if err := errors.Join(err, removeAll(files)); err != nil {
		u.warn(ctx, err)
	}
}

// staleRecords returns the recorded attachments of a network that are not live, in
// the order of their names. The error joins what could not be read; bare results,
// which name no attachment, are passed over.
func (s *store) staleRecords(network string, live map[key]bool) ([]key, error) {
	d, names, err := s.recordNames(func(name string) bool {
		rest, ok := strings.CutPrefix(name, network)
		return ok && len(rest) > 0 && rest[0] == '-' && !isLive(rest[1:], network, live)
	})
	if d == nil {
		return nil, err
	}
	defer d.Close()
	errs := []error{err}
	var stale []key
	for _, name := range names {
		r, err := readListed(d, name)
		switch {
		case errors.Is(err, errBareResult):
		case err != nil:
			errs = append(errs, err)
		case r != nil && r.network == network && !live[r.key]:
			stale = append(stale, r.key)
		}
	}
	return stale, join(errs...)
}

// isLive reports whether a record is a live attachment's by its name alone, which
// is "network-" and rest. A second hyphen in rest could also be a part of a name,
// and another attachment could have the file.
func isLive(rest, network string, live map[key]bool) bool {
	container, ifname, ok := strings.Cut(rest, "-")
	return ok && !foldsCase && !strings.Contains(ifname, "-") && live[key{network, container, ifname}]
}
