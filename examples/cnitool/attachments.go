package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

// A record is one file that tells of an attachment.
type record struct {
	State     string            `json:"state"` // attached, running (an ADD is at work), pending (an ADD failed or died)
	Network   string            `json:"network"`
	Container string            `json:"container"`
	IfName    string            `json:"ifname"`
	NetNS     string            `json:"netns"`
	Gone      bool              `json:"netnsGone"`
	Blind     bool              `json:"netnsUnknown,omitempty"` // DEL ran without it
	Addresses []string          `json:"addresses"`
	Since     time.Time         `json:"since,omitzero"`
	Path      string            `json:"path"`
	InUse     bool              `json:"inUse,omitempty"` // pending: the attachment is on record, so this was a second ADD
	Result    json.RawMessage   `json:"result,omitempty"`
	Args      map[string]string `json:"args,omitempty"`
	NoArgs    bool              `json:"capabilityArgsUnknown,omitempty"` // DEL ran without those of ADD

	then    arguments
	plugins []string // that DEL runs
}

// secondAdd is what is to be said of a pending one whose attachment is on record.
const secondAdd = "a second ADD, which failed or died; the attachment is in use: nothing to do, its DEL or its runtime's GC forgets it"

// name names the attachment in one line.
func (r *record) name() string { return r.Network + " " + r.Container + " " + r.IfName }

func (r *record) key() libcni.AttachmentKey {
	return libcni.AttachmentKey{Network: r.Network, ContainerID: r.Container, IfName: r.IfName}
}

// notDirectory is the file that stands where a directory of records has to be; empty
// if there is none.
func (t *tool) notDirectory() string {
	for _, sub := range []string{"results", "pending"} {
		path := filepath.Join(t.cacheDir(), sub)
		info, err := os.Stat(path)
		for err != nil && filepath.Dir(path) != path {
			path = filepath.Dir(path)
			info, err = os.Stat(path)
		}
		if err == nil && !info.IsDir() {
			return path
		}
	}
	return ""
}

const notDirectoryDo = "move it out of the way, or name the directory of the records with --cache"

// attachments shows what the records say, of one container or of all.
func (t *tool) attachments(_ context.Context, args []string) error {
	match := libcni.AttachmentKey{}
	if len(args) > 0 {
		t.asked, match.ContainerID = args[0], args[0]
	}
	records, bad, denied := t.records(match)
	var err error
	if t.json {
		err = t.print(struct {
			Dir     string    `json:"dir"`
			Records []record  `json:"records"`
			Damaged []damaged `json:"damaged"`
			Other   string    `json:"otherDir,omitempty"` // has records too
		}{t.cacheDir(), records, bad, t.otherCache()})
	} else {
		err = t.recordsText(records, bad, denied != nil)
	}
	if err = errors.Join(err, denied); err == nil && len(bad) > 0 {
		err = errFound
	}
	return err
}

// records reads everything in the directory of the records that matches. The error
// says what could not be read for want of a right, or of a directory.
func (t *tool) records(match libcni.AttachmentKey) ([]record, []damaged, error) {
	all, broken, denied := []record{}, []*libcni.RecordError{}, []error(nil)
	file := t.notDirectory()
	if file != "" {
		denied = append(denied, &advisedError{fmt.Errorf("%s is not a directory", file), notDirectoryDo})
	}
	attached, err := t.cni().Attachments(match)
	pending, pendingErr := t.cni().Pending(match)
	for _, e := range each(errors.Join(err, pendingErr)) {
		var of *libcni.RecordError
		switch {
		case e == nil:
		case file != "" && errors.As(e, &of) && (of.Path == filepath.Join(t.cacheDir(), "results") || of.Path == filepath.Join(t.cacheDir(), "pending")):
			// said already
		case errors.As(e, &of) && !errors.Is(e, fs.ErrPermission):
			broken = append(broken, of)
		default:
			denied = append(denied, e)
		}
	}
	onRecord := map[libcni.AttachmentKey]bool{}
	for _, a := range attached {
		onRecord[a.AttachmentKey] = true
		all = append(all, record{
			State: "attached", Network: a.Network, Container: a.ContainerID, IfName: a.IfName,
			NetNS: a.NetNS, Gone: gone(a.NetNS), Addresses: addresses(a.Result),
			Since: a.Created, Path: a.Path, Result: a.Result, Args: pairs(a.Args),
			then: arguments{a.Args, a.CapabilityArgs, true}, plugins: pluginsOf(a.Config),
		})
	}
	for _, p := range pending {
		state := "pending"
		if p.Running {
			state = "running"
		} else if slices.ContainsFunc(broken, func(of *libcni.RecordError) bool { return of.Path == p.Path }) {
			continue // it is said of the file that it is damaged
		}
		all = append(all, record{
			State: state, Network: p.Network, Container: p.ContainerID, IfName: p.IfName,
			NetNS: p.NetNS, Gone: gone(p.NetNS), Addresses: []string{},
			Since: p.Started, Path: p.Path, Args: pairs(p.Args),
			InUse: state == "pending" && onRecord[p.AttachmentKey],
			then:  arguments{p.Args, p.CapabilityArgs, len(p.CapabilityArgs) > 0}, plugins: pluginsOf(p.Config),
		})
	}
	bad := []damaged{}
	for _, of := range broken {
		d := t.damaged(of, all)
		bad = append(bad, d)
		for i := range all {
			r := &all[i]
			if len(d.suspects) == 1 && filepath.Base(filepath.Dir(d.Path)) == "results" && r.State == "pending" && d.suspects[0].AttachmentKey == r.key() {
				r.InUse = true // as far as one can tell
			}
		}
	}
	return all, bad, errors.Join(denied...)
}

func (t *tool) recordsText(records []record, bad []damaged, denied bool) error {
	w := tabwriter.NewWriter(t.stdout, 0, 0, 3, ' ', 0)
	switch {
	case len(records) > 0:
		fmt.Fprintln(w, "STATE\tNETWORK\tCONTAINER\tINTERFACE\tADDRESSES\tSINCE\tNETWORK NAMESPACE")
	case !denied:
		fmt.Fprintf(w, "No attachment in %s.\n", t.cacheDir())
	}
	for _, r := range records {
		netns := r.NetNS
		if r.Gone {
			netns += " (gone)"
		}
		addresses := strings.Join(r.Addresses, " ")
		if addresses == "" {
			addresses = "-"
		}
		state := r.State
		if r.InUse {
			state = "failed again"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", state, r.Network, r.Container, r.IfName,
			addresses, r.Since.Local().Format(time.DateTime), netns)
	}
	for i, r := range slices.DeleteFunc(slices.Clone(records), func(r record) bool { return r.State != "running" }) {
		if i == 0 {
			fmt.Fprintln(w, "\nRunning: an ADD, or a plugin that has outlived its runtime, is at work. Who it is:")
		}
		fmt.Fprintf(w, "  -> fuser -v %s\n", quote(r.Path))
	}
	if whose := pendingOf(records); len(whose) > 0 {
		fmt.Fprintln(w, "\nPending: an ADD failed or died, and nobody has cleaned up after it.")
		if len(whose) > 3 {
			whose = []string{"CONTAINER"}
		}
		for _, container := range whose {
			fmt.Fprintln(w, "  -> "+t.cleanLater(container))
		}
	}
	if slices.ContainsFunc(records, func(r record) bool { return r.InUse }) {
		fmt.Fprintln(w, "\nFailed again: "+secondAdd+".")
	}
	if other := t.otherCache(); other != "" {
		fmt.Fprintf(w, "\nThere are records in %s too: %s\n", other, t.in(other).command("attachments"))
	}
	for i, d := range bad {
		if i == 0 {
			fmt.Fprintln(w, "\nDamaged:")
		}
		fmt.Fprintf(w, "  %s\n    %s\n    -> %s\n", d.Path, d.Error, d.Do)
	}
	return w.Flush()
}

// pendingOf are the containers that nobody has cleaned up after, each once.
func pendingOf(records []record) (containers []string) {
	for _, r := range records {
		if r.State == "pending" && !r.InUse && !slices.Contains(containers, r.Container) {
			containers = append(containers, r.Container)
		}
	}
	return containers
}

// gone reports whether a network namespace is there no more.
func gone(netns string) bool {
	if netns == "" {
		return false
	}
	_, err := os.Stat(netns)
	return errors.Is(err, fs.ErrNotExist)
}

// addresses are those of the container in a recorded result; all that it has, if
// it does not say which those are.
func addresses(result []byte) []string {
	all := []string{}
	decoded, err := invoke.DecodeResult(result)
	if err != nil {
		return all
	}
	view, err := types.ViewResult(decoded)
	if err != nil {
		var has struct{ IPs []struct{ Address string } }
		_ = json.Unmarshal(result, &has)
		for _, ip := range has.IPs {
			address, _, _ := strings.Cut(ip.Address, "/")
			all = append(all, address)
		}
		return all
	}
	for _, ip := range view.IPs(types.AsGiven) {
		all = append(all, ip.String())
	}
	return all
}

func pairs(args [][2]string) map[string]string {
	if len(args) == 0 {
		return nil
	}
	m := map[string]string{}
	for _, pair := range args {
		m[pair[0]] = pair[1]
	}
	return m
}

// pluginsOf are the plugins of a network's configuration, and those that they run for
// the addresses.
func pluginsOf(config []byte) (types []string) {
	type plugin struct {
		Type string
		IPAM struct{ Type string }
	}
	var network struct {
		plugin
		Plugins []plugin
	}
	if json.Unmarshal(config, &network) != nil {
		return nil
	}
	for _, p := range append([]plugin{network.plugin}, network.Plugins...) {
		for _, name := range []string{p.Type, p.IPAM.Type} {
			if name != "" && !slices.Contains(types, name) {
				types = append(types, name)
			}
		}
	}
	return types
}

// pluginsToday are the same of a network as it is configured now.
func pluginsToday(list *libcni.NetworkConfigList) (types []string) {
	for _, p := range list.Plugins {
		types = append(types, p.Network.Type, p.Network.IPAM.Type)
	}
	return types
}
