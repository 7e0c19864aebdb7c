package libcni

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cnikit/cnikit/internal/rawjson"
	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/version"
)

// record is what is kept of one attachment: what DEL needs, and the result. An
// intent is a record that has no result yet.
type record struct {
	key
	netns          string
	args           [][2]string
	capabilityArgs json.RawMessage // an object; nil: none
	config         []byte
	result         []byte    // as the plugin wrote it
	created        time.Time // when ADD began; of others' records, when they were written

	path    string
	foreign bool // written by another library
	bare    bool // a result and nothing else, as the first versions of libcni wrote it
}

// prevResult returns the recorded result for plugins of that version: the bytes
// that are recorded, unless it was recorded in another version.
func (r *record) prevResult(cniVersion string) ([]byte, error) {
	prev, err := r.resultAs(cniVersion)
	if err != nil {
		return nil, &RecordError{Path: r.path, Err: err}
	}
	return prev, nil
}

func (r *record) resultAs(cniVersion string) ([]byte, error) {
	if r.result == nil {
		return nil, errors.New("record has no result")
	}
	written := ""
	err := rawjson.EachMember(r.result, func(m rawjson.Member) bool {
		if m.Is("cniVersion") {
			written, _ = rawjson.String(m.Value)
		}
		return written == ""
	})
	if err != nil {
		return nil, &tornError{err}
	}
	if written != "" && sameVersion(written, cniVersion) {
		return invoke.CheckResult(r.result, cniVersion)
	}
	result, err := invoke.DecodeResult(r.result)
	if err != nil {
		return nil, err
	}
	// Others write results here too, and conversion follows every pointer.
	prev, err := invoke.CheckResult(r.result, result.Version())
	if err != nil {
		return nil, err
	}
	if prev, err = invoke.ConvertResult(prev, cniVersion); err != nil {
		return nil, fmt.Errorf("failed to convert cached result to config version %q: %w", cniVersion, err)
	}
	return prev, nil
}

// sameVersion reports whether a result of version v is what a configuration of
// that version asks for: results write "1.1.0" where configurations may say "1.1".
func sameVersion(v, cniVersion string) bool {
	if v == cniVersion {
		return true
	}
	order, err := version.Compare(v, cniVersion)
	return err == nil && order == 0
}

// runtimeConf is the RuntimeConf that the attachment was made with. Capability
// arguments stay JSON, so that a number is passed on as it was.
func (r *record) runtimeConf() *RuntimeConf {
	rt := &RuntimeConf{ContainerID: r.container, NetNS: r.netns, IfName: r.ifname, Args: r.args}
	o, _ := rawjson.ParseObject(r.capabilityArgs)
	for _, m := range o {
		if rt.CapabilityArgs == nil {
			rt.CapabilityArgs = make(map[string]any, len(o))
		}
		rt.CapabilityArgs[m.Key()] = json.RawMessage(m.Value)
	}
	return rt
}

// sameRequest reports whether two records ask the plugins for the same.
func (r *record) sameRequest(other *record) bool {
	if r.netns != other.netns || len(r.args) != len(other.args) ||
		!bytes.Equal(r.config, other.config) || !bytes.Equal(r.capabilityArgs, other.capabilityArgs) {
		return false
	}
	for i := range r.args {
		if r.args[i] != other.args[i] {
			return false
		}
	}
	return true
}

// network is the network as it was at ADD.
func (r *record) networkThen() (*network, error) {
	if len(r.config) == 0 {
		return nil, errors.New("record has no configuration")
	}
	n, err := networkOfConfig(r.config)
	if err != nil {
		return nil, err
	}
	n.name = r.network // as the plugins were told, whatever the bytes of a single plugin say
	return n, nil
}

// supportsPrevResult reports whether DEL in the network's version has one.
func (n *network) supportsPrevResult() bool {
	ok, _ := version.Supports(n.version, version.DelPrevResult)
	return ok
}
