package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// plugin is what one plugin does for each verb. DEL must succeed when there is
// nothing to delete (any more).
type plugin struct {
	add   func(*call) (*current.Result, error)
	check func(*call) error
	del   func(*call) error
}

// call is what a plugin is asked: the CNI_* variables, and its configuration.
type call struct {
	containerID, netns, ifName string

	stdin []byte
	conf  struct {
		types.PluginConf
		IPAM struct {
			Type    string `json:"type"`
			Subnet  string `json:"subnet"`
			DataDir string `json:"dataDir"`
		} `json:"ipam"`
		DataDir       string `json:"dataDir"`
		RuntimeConfig struct {
			PortMappings []types.PortMapping `json:"portMappings"`
		} `json:"runtimeConfig"`
	}
	prev *current.Result // the result of the plugins before, or of ADD; may be nil
}

// supported are the specification's versions that the plugins here speak.
var supported = version.PluginSupports("0.4.0", "1.0.0")

// main runs one plugin: a result or an error object goes to stdout, and the
// exit status says which of the two it is.
func (p plugin) main() int {
	err := p.run(os.Stdin, os.Stdout)
	if err == nil {
		return 0
	}
	var refusal *types.Error
	if !errors.As(err, &refusal) {
		refusal = types.NewError(types.ErrInternal, err.Error(), "")
	}
	_ = refusal.Print()
	return 1
}

func (p plugin) run(stdin io.Reader, stdout io.Writer) error {
	data, err := io.ReadAll(stdin)
	if err != nil {
		return types.NewError(types.ErrIOFailure, "reading the configuration", err.Error())
	}
	command := os.Getenv("CNI_COMMAND")
	if command == "VERSION" {
		return supported.Encode(stdout)
	}
	c, err := readCall(data)
	if err != nil {
		return err
	}
	switch command {
	case "ADD":
		result, err := p.add(c)
		if err != nil {
			return err
		}
		answer, err := result.GetAsVersion(c.conf.CNIVersion)
		if err != nil {
			return err
		}
		return answer.PrintTo(stdout)
	case "CHECK":
		if c.prev == nil {
			return types.NewError(types.ErrInvalidNetworkConfig, "CHECK needs a prevResult", "")
		}
		return p.check(c)
	case "DEL":
		return p.del(c)
	}
	return types.NewError(types.ErrInvalidEnvironmentVariables, fmt.Sprintf("CNI_COMMAND %q is not known", command), "")
}

// readCall takes the call from the environment and the configuration data.
func readCall(data []byte) (*call, error) {
	c := &call{
		containerID: os.Getenv("CNI_CONTAINERID"),
		netns:       os.Getenv("CNI_NETNS"),
		ifName:      os.Getenv("CNI_IFNAME"),
		stdin:       data,
	}
	if c.containerID == "" || c.ifName == "" {
		return nil, types.NewError(types.ErrInvalidEnvironmentVariables, "CNI_CONTAINERID and CNI_IFNAME are required", "")
	}
	if err := json.Unmarshal(data, &c.conf); err != nil {
		return nil, types.NewError(types.ErrDecodingFailure, "decoding the configuration", err.Error())
	}
	if !slices.Contains(supported.SupportedVersions(), c.conf.CNIVersion) {
		return nil, types.NewError(types.ErrIncompatibleCNIVersion, fmt.Sprintf("version %q is not supported", c.conf.CNIVersion),
			"supported: "+strings.Join(supported.SupportedVersions(), ", "))
	}
	if err := version.ParsePrevResult(&c.conf.PluginConf); err != nil {
		return nil, types.NewError(types.ErrDecodingFailure, "decoding prevResult", err.Error())
	}
	if c.conf.PrevResult != nil {
		prev, err := current.NewResultFromResult(c.conf.PrevResult)
		if err != nil {
			return nil, types.NewError(types.ErrDecodingFailure, "converting prevResult", err.Error())
		}
		c.prev = prev
	}
	return c, nil
}

// owner names the attachment in what plugins keep.
func (c *call) owner() string { return c.containerID + "/" + c.ifName }

// delegates is how a plugin runs another one that its configuration names. It
// tells the tale on stderr, which the runtime's invoke.RawExec passes on. What
// it runs stays in its process group, so that a runtime that gives up on it
// reaches both.
func (c *call) delegates() invoke.Exec {
	bin := filepath.SplitList(os.Getenv("CNI_PATH"))[0]
	w := newWatch(os.Stderr, "    | ", filepath.ToSlash(filepath.Dir(bin)), os.Stderr)
	w.ShareGroup = true
	return w
}
