package libcni_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing/fstest"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

const demo = `{
	"cniVersion": "1.1.0",
	"name": "demo",
	"plugins": [
		{"type": "bridge", "bridge": "cni0"},
		{"type": "portmap", "capabilities": {"portMappings": true}}
	]
}`

// exampleRuntime returns what a runtime has: a CNIConfig, a network, and the
// arguments of one attachment. The plugins are functions that print how they are
// called; without Exec and CacheDir they are the programs in /opt/cni/bin.
func exampleRuntime() (cni *libcni.CNIConfig, list *libcni.NetworkConfigList, rt *libcni.RuntimeConf, done func()) {
	cache, err := os.MkdirTemp("", "libcni")
	if err != nil {
		log.Fatal(err)
	}
	cni = libcni.New([]string{"/opt/cni/bin"}, libcni.Options{
		CacheDir: cache,
		Exec: &invoke.InProcess{Plugins: map[string]*invoke.Plugin{
			"bridge":  examplePlugin("bridge", `{"cniVersion":"1.1.0","ips":[{"address":"10.1.0.2/24"}]}`),
			"portmap": examplePlugin("portmap", ""),
		}},
	})
	list, err = libcni.NetworkConfFromBytes([]byte(demo))
	if err != nil {
		log.Fatal(err)
	}
	rt = &libcni.RuntimeConf{ContainerID: "web-1", NetNS: "/run/netns/web-1", IfName: "eth0"}
	return cni, list, rt, func() { os.RemoveAll(cache) }
}

// examplePlugin prints the verb, the plugin, the attachment and the previous
// result; its own result is the one given, or else the previous one.
func examplePlugin(name, result string) *invoke.Plugin {
	say := func(_ context.Context, r *invoke.Request) error {
		line := []string{r.Command, name, r.ContainerID, r.IfName}
		if prev, err := r.PrevResult(); err != nil {
			return err
		} else if prev != nil {
			line = append(line, "after", exampleAddress(prev))
		}
		fmt.Println(strings.Join(strings.Fields(strings.Join(line, " ")), " "))
		if strings.HasPrefix(r.ContainerID, "bad") && r.Command == "ADD" && name == "portmap" {
			return types.NewError(types.ErrTryAgainLater, "the table is locked", "")
		}
		if strings.HasPrefix(r.ContainerID, "stuck") && r.Command == "DEL" {
			return types.NewError(101, "the table is broken", "")
		}
		return nil
	}
	return &invoke.Plugin{
		Add: func(ctx context.Context, r *invoke.Request) (types.Result, error) {
			if err := say(ctx, r); err != nil || result == "" {
				return nil, err
			}
			return invoke.DecodeResult([]byte(result))
		},
		Check: say, Del: say, GC: say, Status: say,
	}
}

func exampleAddress(result types.Result) string {
	view, err := types.ViewResult(result)
	if err != nil {
		log.Fatal(err)
	}
	return view.Addresses[0].Prefix.String()
}

// The plugins run in order, each with the result of the one before. DEL follows a
// failed ADD too: it may have done half of its work.
func ExampleCNIConfig_AddNetworkList() {
	cni, list, rt, done := exampleRuntime()
	defer done()
	ctx := context.Background()

	result, err := cni.AddNetworkList(ctx, list, rt)
	if err != nil {
		log.Fatal(errors.Join(err, cni.DelNetworkList(ctx, list, rt)))
	}
	view, err := types.ViewResult(result)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("attached with", view.Primary(types.IPv4First))
	// Output:
	// ADD bridge web-1 eth0
	// ADD portmap web-1 eth0 after 10.1.0.2/24
	// attached with [10.1.0.2]
}

func ExampleCNIConfig_CheckNetworkList() {
	cni, list, rt, done := exampleRuntime()
	defer done()
	ctx := context.Background()
	if _, err := cni.AddNetworkList(ctx, list, rt); err != nil {
		log.Fatal(err)
	}

	// The plugins get the recorded result.
	fmt.Println(cni.CheckNetworkList(ctx, list, rt))
	// Output:
	// ADD bridge web-1 eth0
	// ADD portmap web-1 eth0 after 10.1.0.2/24
	// CHECK bridge web-1 eth0 after 10.1.0.2/24
	// CHECK portmap web-1 eth0 after 10.1.0.2/24
	// <nil>
}

// The plugins run in reverse order. A second DEL finds no record and succeeds.
func ExampleCNIConfig_DelNetworkList() {
	cni, list, rt, done := exampleRuntime()
	defer done()
	ctx := context.Background()
	if _, err := cni.AddNetworkList(ctx, list, rt); err != nil {
		log.Fatal(err)
	}

	fmt.Println(cni.DelNetworkList(ctx, list, rt))
	fmt.Println(cni.DelNetworkList(ctx, list, rt))
	// Output:
	// ADD bridge web-1 eth0
	// ADD portmap web-1 eth0 after 10.1.0.2/24
	// DEL portmap web-1 eth0 after 10.1.0.2/24
	// DEL bridge web-1 eth0 after 10.1.0.2/24
	// <nil>
	// DEL portmap web-1 eth0
	// DEL bridge web-1 eth0
	// <nil>
}

// Of two attachments one is not valid any more. GC detaches it, and then lets the
// plugins look for what else was left.
func ExampleCNIConfig_GCNetworkList() {
	cni, list, rt, done := exampleRuntime()
	defer done()
	ctx := context.Background()
	for _, rt.ContainerID = range []string{"web-1", "web-2"} {
		if _, err := cni.AddNetworkList(ctx, list, rt); err != nil {
			log.Fatal(err)
		}
	}

	fmt.Println("-- web-2 is the only one left")
	err := cni.GCNetworkList(ctx, list, &libcni.GCArgs{
		ValidAttachments: []types.GCAttachment{{ContainerID: "web-2", IfName: "eth0"}},
	})
	fmt.Println(err)
	// Output:
	// ADD bridge web-1 eth0
	// ADD portmap web-1 eth0 after 10.1.0.2/24
	// ADD bridge web-2 eth0
	// ADD portmap web-2 eth0 after 10.1.0.2/24
	// -- web-2 is the only one left
	// DEL portmap web-1 eth0 after 10.1.0.2/24
	// DEL bridge web-1 eth0 after 10.1.0.2/24
	// GC bridge
	// GC portmap
	// <nil>
}

func ExampleCNIConfig_GetStatusNetworkList() {
	cni, list, _, done := exampleRuntime()
	defer done()

	fmt.Println(cni.GetStatusNetworkList(context.Background(), list))
	// Output:
	// STATUS bridge
	// STATUS portmap
	// <nil>
}

// What a plugin would get: for an operator who wonders, or for a test. Nothing is
// run and no plugin needs to be there.
func ExampleCNIConfig_Plan() {
	cni, list, rt, done := exampleRuntime()
	defer done()
	rt.CapabilityArgs = map[string]any{
		"portMappings": []types.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}},
	}

	calls, err := cni.Plan(libcni.PlanRequest{Command: "ADD", List: list, Runtime: rt})
	if err != nil {
		log.Fatal(err)
	}
	for _, call := range calls {
		fmt.Printf("%s\n", call.Stdin)
	}
	// Output:
	// {"bridge":"cni0","cniVersion":"1.1.0","name":"demo","type":"bridge"}
	// {"capabilities":{"portMappings":true},"cniVersion":"1.1.0","name":"demo","runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]},"type":"portmap"}
}

// Everything that is on record of a container goes, in the reverse order of its
// making. The configuration files are not needed: the records have what they said.
func ExampleCNIConfig_DelContainer() {
	cni, list, rt, done := exampleRuntime()
	defer done()
	ctx := context.Background()
	for _, rt.IfName = range []string{"eth0", "eth1"} {
		if _, err := cni.AddNetworkList(ctx, list, rt); err != nil {
			log.Fatal(err)
		}
	}

	fmt.Println("-- the container has ended")
	fmt.Println(cni.DelContainer(ctx, "web-1"))
	// Output:
	// ADD bridge web-1 eth0
	// ADD portmap web-1 eth0 after 10.1.0.2/24
	// ADD bridge web-1 eth1
	// ADD portmap web-1 eth1 after 10.1.0.2/24
	// -- the container has ended
	// DEL portmap web-1 eth1 after 10.1.0.2/24
	// DEL bridge web-1 eth1 after 10.1.0.2/24
	// DEL portmap web-1 eth0 after 10.1.0.2/24
	// DEL bridge web-1 eth0 after 10.1.0.2/24
	// <nil>
}

// An ADD that failed is on record as pending until DEL or GC has cleaned up after
// it, also when the process died meanwhile.
func ExampleCNIConfig_Pending() {
	cni, list, rt, done := exampleRuntime()
	defer done()
	ctx := context.Background()
	rt.ContainerID = "bad-1"

	_, err := cni.AddNetworkList(ctx, list, rt)
	var failed *invoke.PluginError
	if errors.As(err, &failed) {
		fmt.Println(failed.Plugin, "says:", failed.Msg, "- retryable:", failed.Retryable())
	}
	pending, err := cni.Pending(libcni.AttachmentKey{})
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range pending {
		fmt.Println("pending:", p.Network, p.ContainerID, p.IfName, "running:", p.Running)
		if err := cni.DelAttachment(ctx, p.AttachmentKey); err != nil {
			log.Fatal(err)
		}
	}
	pending, err = cni.Pending(libcni.AttachmentKey{})
	fmt.Println(len(pending), err)
	// Output:
	// ADD bridge bad-1 eth0
	// ADD portmap bad-1 eth0 after 10.1.0.2/24
	// portmap says: the table is locked - retryable: true
	// pending: demo bad-1 eth0 running: false
	// DEL portmap bad-1 eth0
	// DEL bridge bad-1 eth0
	// 0 <nil>
}

// One attachment, from its record alone. What can never be detached, because its plugin
// is gone for good or fails every DEL, is given up.
func ExampleCNIConfig_ForgetAttachment() {
	cni, list, rt, done := exampleRuntime()
	defer done()
	ctx := context.Background()
	rt.ContainerID = "stuck-1"
	if _, err := cni.AddNetworkList(ctx, list, rt); err != nil {
		log.Fatal(err)
	}

	attachment := libcni.AttachmentKey{Network: "demo", ContainerID: "stuck-1", IfName: "eth0"}
	fmt.Println(cni.DelAttachment(ctx, attachment))
	fmt.Println(cni.ForgetAttachment(attachment))
	left, err := cni.Attachments(libcni.AttachmentKey{})
	fmt.Println(len(left), err)
	// Output:
	// ADD bridge stuck-1 eth0
	// ADD portmap stuck-1 eth0 after 10.1.0.2/24
	// DEL portmap stuck-1 eth0 after 10.1.0.2/24
	// plugin type="portmap" failed (delete): the table is broken
	// <nil>
	// 0 <nil>
}

// The result of ADD, later: for a runtime that was asked for it again.
func ExampleCNIConfig_GetNetworkListCachedResult() {
	cni, list, rt, done := exampleRuntime()
	defer done()
	fmt.Println(cni.GetNetworkListCachedResult(list, rt))
	if _, err := cni.AddNetworkList(context.Background(), list, rt); err != nil {
		log.Fatal(err)
	}

	result, err := cni.GetNetworkListCachedResult(list, rt)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Version(), exampleAddress(result))
	// Output:
	// <nil> <nil>
	// ADD bridge web-1 eth0
	// ADD portmap web-1 eth0 after 10.1.0.2/24
	// 1.1.0 10.1.0.2/24
}

// What is attached, for a runtime that starts again or an operator who looks.
func ExampleCNIConfig_Attachments() {
	cni, list, rt, done := exampleRuntime()
	defer done()
	if _, err := cni.AddNetworkList(context.Background(), list, rt); err != nil {
		log.Fatal(err)
	}

	attachments, err := cni.Attachments(libcni.AttachmentKey{ContainerID: "web-1"})
	for _, a := range attachments {
		fmt.Printf("%s %s %s %s\n", a.Network, a.IfName, a.NetNS, a.Result)
	}
	fmt.Println(err) // what could not be read
	// Output:
	// ADD bridge web-1 eth0
	// ADD portmap web-1 eth0 after 10.1.0.2/24
	// demo eth0 /run/netns/web-1 {"cniVersion":"1.1.0","ips":[{"address":"10.1.0.2/24"}]}
	// <nil>
}

// One network by its name. An error says with %+v where to look.
func ExampleLoadNetworkConf() {
	dir, done := exampleFiles(map[string]string{
		"10-demo.conflist": demo,
		"20-bad.conflist":  "{\n  \"cniVersion\": \"1.1.0\",\n  \"name\": \"bad\",\n  \"plugins\": [{\"type\": 7}]\n}",
	})
	defer done()

	network, err := libcni.LoadNetworkConf(dir, "demo")
	fmt.Println(network.Name, network.CNIVersion, len(network.Plugins), err)
	_, err = libcni.LoadNetworkConf(dir, "bad")
	fmt.Println(strings.ReplaceAll(fmt.Sprintf("%+v", err), dir+string(filepath.Separator), ""))
	// Output:
	// demo 1.1.0 2 <nil>
	// failed to parse plugin config 0: error parsing configuration: "type" must be a string, not a number
	//     network:   bad
	//     at:        20-bad.conflist:4:24 (/plugins/0/type)
}

// All networks of a directory. A runtime that knows no name takes the first one.
func ExampleLoadDir() {
	dir, done := exampleFiles(map[string]string{
		"10-demo.conflist": demo,
		"20-bad.conflist":  `{"cniVersion": "1.1.0", "name": "bad",}`,
		"30-single.conf":   `{"cniVersion": "0.4.0", "name": "single", "type": "macvlan"}`,
	})
	defer done()

	set, err := libcni.LoadDir(dir)
	if err != nil {
		log.Fatal(err)
	}
	for _, n := range set.Networks {
		fmt.Println(filepath.Base(n.File), n.Name, n.CNIVersion, len(n.Plugins))
	}
	for _, bad := range set.Bad { // for the log: the others can be used
		fmt.Println(filepath.Base(bad.File), bad.Line, bad.Column, bad)
	}
	network, err := set.Default("")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("default:", network.Name, "CHECK:", network.Supports("CHECK"), "GC:", network.Supports("GC"))
	// Output:
	// 10-demo.conflist demo 1.1.0 2
	// 30-single.conf single 0.4.0 1
	// 20-bad.conflist 1 39 error parsing configuration list: invalid character '}' looking for beginning of object key string
	// default: demo CHECK: true GC: true
}

// exampleFiles makes a directory with these files.
func exampleFiles(files map[string]string) (dir string, done func()) {
	dir, err := os.MkdirTemp("", "net.d")
	if err != nil {
		log.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			log.Fatal(err)
		}
	}
	return dir, func() { os.RemoveAll(dir) }
}

// Before the first container: are all plugins there, and do they speak the
// network's version? The capabilities say which arguments it takes.
func ExampleCNIConfig_ValidateNetworkList() {
	cni, list, _, done := exampleRuntime()
	defer done()
	ctx := context.Background()

	fmt.Println(cni.ValidateNetworkList(ctx, list))
	list.CNIVersion = "2.0.0"
	_, err := cni.ValidateNetworkList(ctx, list)
	fmt.Println(err)
	// Output:
	// [portMappings] <nil>
	// [plugin bridge does not support config version "2.0.0" plugin portmap does not support config version "2.0.0"]
}

// Which versions one plugin speaks.
func ExampleCNIConfig_GetVersionInfo() {
	cni, _, _, done := exampleRuntime()
	defer done()

	info, err := cni.GetVersionInfo(context.Background(), "bridge")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.SupportedVersions())
	_, err = cni.GetVersionInfo(context.Background(), "no-such-plugin")
	fmt.Println(errors.Is(err, invoke.ErrPluginNotFound))
	// Output:
	// [0.1.0 0.2.0 0.3.0 0.3.1 0.4.0 1.0.0 1.1.0]
	// true
}

// The highest version that the configuration, all plugins and this library have in
// common.
func ExampleCNIConfig_NegotiateVersion() {
	cni, _, _, done := exampleRuntime()
	defer done()
	list, err := libcni.NetworkConfFromBytes([]byte(`{
		"cniVersions": ["0.4.0", "1.0.0", "1.1.0", "9.0.0"], "name": "demo", "plugins": [{"type": "bridge"}]
	}`))
	if err != nil {
		log.Fatal(err)
	}

	if list.CNIVersion, err = cni.NegotiateVersion(context.Background(), list); err != nil {
		log.Fatal(err)
	}
	fmt.Println(list.CNIVersion)
	// Output: 1.1.0
}

// With Rollback a failed ADD undoes itself, also when its deadline has passed.
func ExampleOptions() {
	dir, done := exampleFiles(nil)
	defer done()
	cni := libcni.New([]string{"/opt/cni/bin"}, libcni.Options{
		Rollback: true,
		CacheDir: dir,
		Exec: &invoke.InProcess{Plugins: map[string]*invoke.Plugin{ // in place of programs
			"bridge":  examplePlugin("bridge", `{"cniVersion":"1.1.0","ips":[{"address":"10.1.0.2/24"}]}`),
			"portmap": examplePlugin("portmap", ""),
		}},
	})
	list, err := libcni.NetworkConfFromBytes([]byte(demo))
	if err != nil {
		log.Fatal(err)
	}

	_, err = cni.AddNetworkList(context.Background(), list, &libcni.RuntimeConf{
		ContainerID: "bad-1", NetNS: "/run/netns/bad-1", IfName: "eth0",
	})
	fmt.Println(err)
	// Output:
	// ADD bridge bad-1 eth0
	// ADD portmap bad-1 eth0 after 10.1.0.2/24
	// DEL portmap bad-1 eth0 after 10.1.0.2/24
	// DEL bridge bad-1 eth0 after 10.1.0.2/24
	// plugin type="portmap" failed (add): the table is locked
}

// LoadDir for files that are not on a disk. A bad file does not take its neighbours
// down, and its error says where to look.
func ExampleLoadFS() {
	conf := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	set, err := libcni.LoadFS(fstest.MapFS{
		"10-demo.conflist": conf(demo),
		"20-bad.conflist":  conf("{\n  \"cniVersion\": \"1.1.0\",\n  \"name\": \"bad\",\n  \"plugins\": [{\"type\": 7}]\n}"),
		"30-single.conf":   conf(`{"cniVersion":"0.4.0","name":"single","type":"macvlan"}`),
	}, ".")
	if err != nil {
		log.Fatal(err)
	}
	for _, n := range set.Networks {
		fmt.Println(n.File, n.Name, n.CNIVersion, len(n.Plugins))
	}
	for _, bad := range set.Bad {
		fmt.Println(bad.Place())
	}
	// Output:
	// 10-demo.conflist demo 1.1.0 2
	// 30-single.conf single 0.4.0 1
	// 20-bad.conflist:4:24 (/plugins/0/type)
}

// Capability arguments that no plugin declares reach none.
func ExampleNetworkConfigList_UndeliveredCapabilities() {
	list, err := libcni.NetworkConfFromBytes([]byte(demo))
	if err != nil {
		log.Fatal(err)
	}
	bandwidth := types.Bandwidth{IngressRate: 1_000_000}.WithBursts()
	args, err := (&types.Capabilities{
		PortMappings: []types.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}},
		Bandwidth:    &bandwidth,
	}).CapabilityArgs()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(list.UndeliveredCapabilities(args))
	// Output: [bandwidth]
}

// What the caller got wrong: nothing was run, no file was touched.
func ExampleRequestError() {
	cni, list, rt, done := exampleRuntime()
	defer done()
	rt.IfName = "a-name-too-long-for-linux"

	_, err := cni.AddNetworkList(context.Background(), list, rt)
	var wrong *libcni.RequestError
	var said *types.Error
	if errors.As(err, &wrong) && errors.As(err, &said) {
		fmt.Println(wrong.Command, wrong.Field, said.Code == types.ErrInvalidEnvironmentVariables)
	}
	// Output: ADD ifName true
}

// A record that somebody has damaged: CHECK and listings say so, DEL works all the same.
func ExampleRecordError() {
	cni, list, rt, done := exampleRuntime()
	defer done()
	ctx := context.Background()
	if _, err := cni.AddNetworkList(ctx, list, rt); err != nil {
		log.Fatal(err)
	}
	attachments, err := cni.Attachments(libcni.AttachmentKey{})
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(attachments[0].Path, []byte(`{"kind":`), 0o600); err != nil {
		log.Fatal(err)
	}

	var damaged *libcni.RecordError
	if err := cni.CheckNetworkList(ctx, list, rt); errors.As(err, &damaged) {
		fmt.Println(filepath.Base(damaged.Path), damaged.Err)
	}
	fmt.Println(cni.DelNetworkList(ctx, list, rt))
	// Output:
	// ADD bridge web-1 eth0
	// ADD portmap web-1 eth0 after 10.1.0.2/24
	// demo-web-1-eth0 decoding version from network config: unexpected end of JSON input
	// DEL portmap web-1 eth0
	// DEL bridge web-1 eth0
	// <nil>
}

// Errors are told apart by what they are, never by their text.
func ExampleConfError() {
	_, err := libcni.NetworkConfFromBytes([]byte(`{
		"cniVersion": "1.1.0",
		"name": "demo",
		"plugins": [{"type": "bridge"}, {"type": "../portmap"}]
	}`))
	var bad *libcni.ConfError
	if errors.As(err, &bad) {
		fmt.Println(bad.Network, bad.Line, bad.Column, bad.Pointer)
	}
	// Output:
	// demo 4 44 /plugins/1/type
}
