package libcni

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
// is known of the attachment, and stays for its DEL. A plugin that does not speak the
// version of a failed ADD has made nothing, and is passed over. An attachment whose ADD is
// under way, or has ended since GC began, is left alone; and what a failed ADD left of
// one whose interface the container has on record in another network, until that one is
// gone: DEL would remove the interface by its name. A damaged record is reported, and
// nothing is run for it.
//
// Nothing but the end of ctx keeps it from going on, and all errors are returned,
// joined: a [*RecordError] for each record that cannot be read, those of
// [CNIConfig.DelNetworkList], and a [*RequestError] for nil args, since no valid
// attachment at all is &GCArgs{}. It has to write nothing: what cannot be removed is
// told to [Options].Warn.
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
	live := make(map[key]bool, len(valid))
	for _, a := range valid {
		live[key{n.name, a.ContainerID, a.IfName}] = true
	}
	records, damaged := s.staleRecords(n.name, live)
	u, err := c.cleanup(s)
	defer u.close()
	errs = append(errs, damaged, err)
	told := recordsOf(damaged)
	u.fallback = n
	for _, k := range u.foundStale(ctx, records, live) {
		if err := ctx.Err(); err != nil {
			return append(errs, err)
		}
		if err := u.attachment(ctx, k); err != nil && !told.has(err) {
			errs = append(errs, &described{fmt.Sprintf("failed to delete stale attachment %s %s", k.container, k.ifname), err})
		}
	}
	return errs
}

// foundStale returns the attachments that GC cleans up after: those of the records,
// and those that have nothing but intents. It notes when the records were made, before
// the intents were looked at: an ADD that ends later, whenever it began, has another
// one, and one that has not ended has an intent.
func (u *cleanup) foundStale(ctx context.Context, records []*record, live map[key]bool) (keys []key) {
	u.stale = make(map[key]time.Time, len(records))
	for _, r := range records {
		if _, again := u.stale[r.key]; !again {
			u.stale[r.key] = r.created
			keys = append(keys, r.key)
		}
	}
	var begun []key
	for _, k := range u.keys(AttachmentKey{Network: u.fallback.name}) {
		if live[k] {
			u.dropIntents(ctx, k)
		} else if _, recorded := u.stale[k]; !recorded {
			begun = append(begun, k)
		}
	}
	elsewhere := u.elsewhere(begun)
	return append(keys, slices.DeleteFunc(begun, func(k key) bool { return elsewhere[k] })...)
}

// elsewhere returns those whose container has the interface on record in another network.
// It looks at the names of all records once, however many there are to be found.
func (u *cleanup) elsewhere(begun []key) map[key]bool {
	if len(begun) == 0 {
		return nil
	}
	ends := make(map[string][]key, len(begun)) // how the names of such records end
	for _, k := range begun {
		end := k.container + "-" + k.ifname
		ends[end] = append(ends[end], k)
	}
	d, names, _ := u.store.recordNames(func(name string) bool { return foldsCase || endsInOne(name, ends) })
	if d == nil {
		return nil
	}
	defer d.Close()
	found := make(map[key]bool)
	for _, name := range names {
		r, _ := readListed(d, name)
		if r == nil {
			continue
		}
		for _, k := range ends[r.container+"-"+r.ifname] {
			if k.container == r.container && k.network != r.network {
				found[k] = true
			}
		}
	}
	return found
}

// endsInOne reports whether what follows upon a hyphen in a record's name, of either
// form, is in ends.
func endsInOne(name string, ends map[string][]key) bool {
	first := name
	if i := strings.LastIndexByte(name, '#'); i >= 0 {
		first = name[:i]
	}
	for i := range len(name) {
		if name[i] == '-' && (ends[name[i+1:]] != nil || i < len(first) && ends[first[i+1:]] != nil) {
			return true
		}
	}
	return false
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

// staleRecords returns the records of a network's attachments that are not live, in
// the order of their names. The error joins what could not be read; bare results,
// which name no attachment, are passed over.
func (s *store) staleRecords(network string, live map[key]bool) ([]*record, error) {
	d, names, err := s.recordNames(func(name string) bool {
		rest, ok := strings.CutPrefix(name, network)
		return ok && len(rest) > 0 && rest[0] == '-' && !isLive(rest[1:], network, live)
	})
	if d == nil {
		return nil, err
	}
	defer d.Close()
	errs := []error{err}
	var stale []*record
	for _, name := range names {
		r, err := readListed(d, name)
		switch {
		case errors.Is(err, errBareResult):
		case err != nil:
			errs = append(errs, err)
		case r != nil && r.network == network && !live[r.key]:
			stale = append(stale, r)
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
