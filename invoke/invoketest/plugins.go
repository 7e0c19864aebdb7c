package invoketest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// Plugins returns three plugins that behave as real ones do and touch nothing but
// the directory "stateDir" of their configuration. They are the same in this
// process, with an invoke.InProcess, and as processes, with [Main]. All of them fail
// a verb that is in the configuration's array "fail".
//
//	noop     passes the previous result on.
//	link     makes the interface of the request: a file named
//	         link-<container>-<interface>. A second ADD fails; CHECK fails when it
//	         is not there.
//	address  adds the lowest free address of the configuration's "subnet" to the
//	         previous result, on its first interface if it has one: a file named
//	         address-<address> with the container and the interface in it. STATUS
//	         fails with code 50 when there is none left.
//
// DEL removes what there is and succeeds when there is nothing. GC removes what
// belongs to no valid attachment.
func Plugins() map[string]*invoke.Plugin {
	return map[string]*invoke.Plugin{
		"noop":    stateful(invoke.Plugin{}),
		"link":    stateful(invoke.Plugin{Add: addLink, Check: checkOwned("link-"), Del: delOwned("link-"), GC: collect("link-")}),
		"address": stateful(invoke.Plugin{Add: addAddress, Check: checkOwned("address-"), Del: delOwned("address-"), GC: collect("address-"), Status: statusAddress}),
	}
}

// pluginConf is what the plugins of Plugins read of their configuration.
type pluginConf struct {
	StateDir string       `json:"stateDir"`
	Subnet   netip.Prefix `json:"subnet"`
	Fail     []string     `json:"fail"`
}

func readConf(r *invoke.Request) (conf pluginConf, err error) {
	if err = json.Unmarshal(r.StdinData, &conf); err != nil {
		err = types.NewError(types.ErrDecodingFailure, err.Error(), "")
	}
	return conf, err
}

// stateful makes every verb of a plugin fail when it is told to.
func stateful(p invoke.Plugin) *invoke.Plugin {
	told := func(r *invoke.Request) error {
		conf, err := readConf(r)
		if err == nil && slices.Contains(conf.Fail, r.Command) {
			err = types.NewError(100, r.Conf.Type+" was told to fail "+r.Command, "")
		}
		return err
	}
	verb := func(do func(context.Context, *invoke.Request) error) func(context.Context, *invoke.Request) error {
		return func(ctx context.Context, r *invoke.Request) error {
			if err := told(r); err != nil || do == nil {
				return err
			}
			return do(ctx, r)
		}
	}
	return &invoke.Plugin{
		Add: func(ctx context.Context, r *invoke.Request) (types.Result, error) {
			if err := told(r); err != nil || p.Add == nil {
				return nil, err
			}
			return p.Add(ctx, r)
		},
		Check: verb(p.Check), Del: verb(p.Del), GC: verb(p.GC), Status: verb(p.Status),
	}
}

func owner(container, ifname string) string { return container + " " + ifname }

// claim makes a file of the attachment's own; it fails when the file is there.
func claim(path string, r *invoke.Request) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(owner(r.ContainerID, r.IfName))
	return errors.Join(err, f.Close())
}

// owned returns the files of a kind and whom they belong to.
func owned(r *invoke.Request, prefix string) (map[string]string, error) {
	conf, err := readConf(r)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(conf.StateDir)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), prefix) {
			continue
		}
		path := filepath.Join(conf.StateDir, entry.Name())
		data, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // removed by another run
			return nil, err
		}
		files[path] = string(data)
	}
	return files, nil
}

// remove removes the files of a kind that belong to whom gone says.
func remove(r *invoke.Request, prefix string, gone func(owner string) bool) error {
	files, err := owned(r, prefix)
	for path, whose := range files {
		if gone(whose) {
			if e := os.Remove(path); e != nil && !errors.Is(e, fs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
	}
	return err
}

func checkOwned(prefix string) func(context.Context, *invoke.Request) error {
	return func(_ context.Context, r *invoke.Request) error {
		files, err := owned(r, prefix)
		for _, whose := range files {
			if whose == owner(r.ContainerID, r.IfName) {
				return nil
			}
		}
		if err == nil {
			err = types.NewError(101, fmt.Sprintf("container %s has no %s on %s", r.ContainerID, r.Conf.Type, r.IfName), "")
		}
		return err
	}
}

func delOwned(prefix string) func(context.Context, *invoke.Request) error {
	return func(_ context.Context, r *invoke.Request) error {
		return remove(r, prefix, func(whose string) bool { return whose == owner(r.ContainerID, r.IfName) })
	}
}

func collect(prefix string) func(context.Context, *invoke.Request) error {
	return func(_ context.Context, r *invoke.Request) error {
		return remove(r, prefix, func(whose string) bool {
			return !slices.ContainsFunc(r.Conf.ValidAttachments, func(a types.GCAttachment) bool {
				return whose == owner(a.ContainerID, a.IfName)
			})
		})
	}
}

func addLink(_ context.Context, r *invoke.Request) (types.Result, error) {
	conf, err := readConf(r)
	if err != nil {
		return nil, err
	}
	if err := claim(filepath.Join(conf.StateDir, "link-"+r.ContainerID+"-"+r.IfName), r); err != nil {
		return nil, err
	}
	link := map[string]any{"name": r.IfName, "sandbox": r.Netns}
	return resultOf(map[string]any{"interfaces": []any{link}})
}

func addAddress(_ context.Context, r *invoke.Request) (types.Result, error) {
	conf, err := readConf(r)
	if err != nil {
		return nil, err
	}
	addr, err := claimAddress(conf, r)
	if err != nil {
		return nil, err
	}
	result, err := prevMembers(r)
	if err != nil {
		return nil, err
	}
	ip := map[string]any{"address": netip.PrefixFrom(addr, conf.Subnet.Bits()).String()}
	if links, _ := result["interfaces"].([]any); len(links) > 0 {
		ip["interface"] = 0
	}
	ips, _ := result["ips"].([]any)
	result["ips"] = append(ips, ip)
	return resultOf(result)
}

// claimAddress takes the first address that nobody has. The network's own is never
// given away.
func claimAddress(conf pluginConf, r *invoke.Request) (netip.Addr, error) {
	if !conf.Subnet.IsValid() {
		return netip.Addr{}, types.NewError(types.ErrInvalidNetworkConfig, "no subnet", "")
	}
	for addr := conf.Subnet.Masked().Addr().Next(); conf.Subnet.Contains(addr); addr = addr.Next() {
		err := claim(addressFile(conf, addr), r)
		if !errors.Is(err, fs.ErrExist) {
			return addr, err
		}
	}
	return netip.Addr{}, types.NewError(types.ErrTryAgainLater, "no address left in "+conf.Subnet.String(), "")
}

// addressFile writes an IPv6 address without colons, which not every system allows
// in names.
func addressFile(conf pluginConf, addr netip.Addr) string {
	return filepath.Join(conf.StateDir, "address-"+strings.ReplaceAll(addr.String(), ":", "_"))
}

func statusAddress(_ context.Context, r *invoke.Request) error {
	conf, err := readConf(r)
	if err != nil {
		return err
	}
	for addr := conf.Subnet.Masked().Addr().Next(); conf.Subnet.Contains(addr); addr = addr.Next() {
		if _, err := os.Stat(addressFile(conf, addr)); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	return types.NewError(types.ErrPluginNotAvailable, "no address left in "+conf.Subnet.String(), "")
}

const resultVersion = "1.0.0"

// prevMembers returns the members of the previous result as resultVersion has them.
func prevMembers(r *invoke.Request) (map[string]any, error) {
	members := map[string]any{}
	prev, err := r.PrevResult()
	if prev == nil || err != nil {
		return members, err
	}
	if prev, err = prev.GetAsVersion(resultVersion); err != nil {
		return nil, err
	}
	data, err := json.Marshal(prev)
	if err != nil {
		return nil, err
	}
	return members, json.Unmarshal(data, &members)
}

func resultOf(members map[string]any) (types.Result, error) {
	members["cniVersion"] = resultVersion
	data, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	return version.NewResult(resultVersion, data)
}
