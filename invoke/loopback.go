package invoke

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"

	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// Loopback returns a plugin that does what the program of that name does, which
// every container needs first: ADD brings the interface lo of the container's
// network namespace up and reports its addresses, CHECK says whether it is up, DEL
// takes it down, and succeeds when the namespace is gone. The interface name of
// the request is not looked at. ADD and DEL refuse the namespace of this program, of
// which lo is not the container's, unless CNI_NETNS_OVERRIDE is "1" or "true". It is
// for [InProcess.Plugins]:
//
//	exec := &invoke.InProcess{Plugins: map[string]*invoke.Plugin{"loopback": invoke.Loopback()}}
//
// It works on Linux and needs the right to enter the namespace (CAP_SYS_ADMIN). The
// other threads of this program never leave their namespaces, and the one that
// enters the container's is not used for anything else before it is back. On other
// systems ADD, CHECK and DEL fail; errors.Is finds errors.ErrUnsupported.
func Loopback() *Plugin {
	return &Plugin{
		Add: func(_ context.Context, r *Request) (types.Result, error) {
			if _, err := r.PrevResult(); err != nil {
				return nil, fmt.Errorf("prevResult: %w", err)
			}
			if err := refuseOwn(r); err != nil {
				return nil, err
			}
			var addrs []types.IPNet
			err := enter(r.Netns, func() (err error) {
				if err = setLoopback(true); err == nil {
					addrs, err = loopbackAddrs()
				}
				return err
			})
			if err != nil || r.Conf.RawPrevResult != nil {
				return nil, err // a previous plugin's result is passed on as it is
			}
			return loopbackResult(r.Netns, addrs)
		},
		Check: func(_ context.Context, r *Request) error {
			return enter(r.Netns, func() error {
				lo, err := net.InterfaceByName("lo")
				if err == nil && lo.Flags&net.FlagUp == 0 {
					err = errors.New("interface lo is down")
				}
				return err
			})
		},
		Del: func(_ context.Context, r *Request) error {
			if r.Netns == "" {
				return nil
			}
			if err := refuseOwn(r); err != nil {
				return err
			}
			err := enter(r.Netns, func() error { return setLoopback(false) })
			if gone := (*netnsError)(nil); errors.As(err, &gone) && errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		},
	}
}

// refuseOwn refuses to change the network namespace of this program, which the
// program of that name has changed when it refuses it.
func refuseOwn(r *Request) error {
	override := lookupEnv(r.Environ, "CNI_NETNS_OVERRIDE")
	if override == "1" || strings.EqualFold(override, "true") || !isOwnNetNS(r.Netns) {
		return nil
	}
	return types.NewError(types.ErrInvalidNetNS, fmt.Sprintf("network namespace %q is not a container's but this program's own", r.Netns), "")
}

// enter calls fn in a network namespace and names it in the error, which has the
// specification's code for it when the namespace itself is at fault.
func enter(netns string, fn func() error) error {
	err := inNetNS(netns, fn)
	if fault := (*netnsError)(nil); errors.As(err, &fault) {
		return &noNetNS{types.NewError(types.ErrInvalidNetNS, fmt.Sprintf("network namespace %q: %v", netns, fault.err), ""), err}
	}
	if err != nil {
		return fmt.Errorf("network namespace %q: %w", netns, err)
	}
	return nil
}

// netnsError says that a network namespace cannot be entered.
type netnsError struct{ err error }

func (e *netnsError) Error() string { return e.err.Error() }
func (e *netnsError) Unwrap() error { return e.err }

// noNetNS is the plugin's error about a network namespace, which has its cause in its
// text already.
type noNetNS struct {
	said  *types.Error
	cause error
}

func (e *noNetNS) Error() string   { return e.said.Error() }
func (e *noNetNS) Unwrap() []error { return []error{e.said, e.cause} }

// loopbackAddrs returns the first address of each family of lo in the namespace of
// the thread. All of them have to be loopback addresses.
func loopbackAddrs() ([]types.IPNet, error) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		return nil, err
	}
	all, err := lo.Addrs()
	if err != nil {
		return nil, err
	}
	var addrs []types.IPNet
	for _, addr := range all {
		ipnet, ok := addr.(*net.IPNet)
		if !ok || !ipnet.IP.IsLoopback() {
			return nil, fmt.Errorf("interface lo has the address %s, which is not a loopback address", addr)
		}
		is4 := ipnet.IP.To4() != nil
		if !slices.ContainsFunc(addrs, func(a types.IPNet) bool { return (a.IP.To4() != nil) == is4 }) {
			addrs = append(addrs, types.IPNet(*ipnet))
		}
	}
	return addrs, nil
}

// loopbackResult is what the program reports: the interface and its addresses.
func loopbackResult(netns string, addrs []types.IPNet) (types.Result, error) {
	const resultVersion = "1.0.0"
	type object = map[string]any
	ips := []object{}
	for _, addr := range addrs {
		ips = append(ips, object{"address": addr, "interface": 0})
	}
	result, err := json.Marshal(object{
		"cniVersion": resultVersion,
		"interfaces": []object{{"name": "lo", "mac": "00:00:00:00:00:00", "sandbox": netns}},
		"ips":        ips,
	})
	if err != nil {
		return nil, err
	}
	return version.NewResult(resultVersion, result)
}
