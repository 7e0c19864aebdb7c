package libcni

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cnikit/cnikit/internal/rawjson"
	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
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

// kindPending is an intent's kind. It is as long as CNICacheV1, so that the bytes
// of an intent become those of its record in place.
const kindPending = "cniPending"

const kindMember = `{"kind":"`

// ours is the member that upstream's format lacks. Readers of that format pass
// over it.
const ours = "cnikit"

// errIncomplete says that a record lacks what a record must have.
var errIncomplete = errors.New("record names no attachment")

// tornError is a file that is not JSON, in upstream's words for CHECK.
type tornError struct{ err error }

func (e *tornError) Error() string {
	return "decoding version from network config: " + e.err.Error()
}

func (e *tornError) Unwrap() error { return e.err }

// kindError is a file that is JSON, but no record.
type kindError struct{ kind string }

func (e *kindError) Error() string { return fmt.Sprintf("record has wrong kind: %q", e.kind) }

// encodeIntent returns the record as an intent's file has it.
func (r *record) encodeIntent() []byte {
	const room = 2048 // for a result of usual size
	size := base64.StdEncoding.EncodedLen(len(r.config)) + len(r.capabilityArgs) + len(r.netns) + 256
	b := make([]byte, 0, size+room)
	b = append(b, kindMember...)
	b = append(b, kindPending...)
	b = append(b, `","containerId":`...)
	b = rawjson.AppendString(b, r.container)
	b = append(b, `,"config":"`...)
	b = base64.StdEncoding.AppendEncode(b, r.config)
	b = append(b, `","ifName":`...)
	b = rawjson.AppendString(b, r.ifname)
	b = append(b, `,"networkName":`...)
	b = rawjson.AppendString(b, r.network)
	if r.netns != "" {
		b = append(b, `,"netns":`...)
		b = rawjson.AppendString(b, r.netns)
	}
	for i, arg := range r.args {
		if i == 0 {
			b = append(b, `,"cniArgs":[[`...)
		} else {
			b = append(b, `],[`...)
		}
		b = rawjson.AppendString(b, arg[0])
		b = append(b, ',')
		b = rawjson.AppendString(b, arg[1])
		if i == len(r.args)-1 {
			b = append(b, `]]`...)
		}
	}
	if len(r.capabilityArgs) > 0 {
		b = append(b, `,"capabilityArgs":`...)
		b = append(b, r.capabilityArgs...)
	}
	b = append(b, `,"`+ours+`":{"created":"`...)
	b = r.created.UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, `"}}`...)
}

// completeRecord turns an intent's bytes into the record with that result. The
// result goes in as it is: numbers and unknown members keep their bytes.
func completeRecord(intent, result []byte) []byte {
	copy(intent[len(kindMember):], CNICacheV1)
	b := append(intent[:len(intent)-1], `,"result":`...)
	b = append(b, result...)
	return append(b, '}')
}

// decodeRecord reads a record or, if kind is kindPending, an intent. A file
// without a kind is a bare result: it says nothing about the attachment.
func decodeRecord(data []byte, kind string) (*record, error) {
	o, err := rawjson.ParseObject(data)
	if err != nil {
		return nil, &tornError{err}
	}
	k, ok := o.Get("kind")
	if !ok && kind == CNICacheV1 {
		return &record{result: data, bare: true, foreign: true}, nil
	}
	if got, _ := rawjson.String(k.Value); got != kind {
		return nil, &kindError{got}
	}
	r := &record{foreign: true}
	for _, f := range []struct {
		name string
		to   any
	}{
		{"networkName", &r.network}, {"containerId", &r.container}, {"ifName", &r.ifname},
		{"netns", &r.netns}, {"cniArgs", &r.args}, {"config", &r.config},
	} {
		if err := decodeMember(o, f.name, f.to); err != nil {
			return nil, err
		}
	}
	if r.capabilityArgs, err = objectMember(o, "capabilityArgs"); err != nil {
		return nil, err
	}
	if r.result, err = objectMember(o, "result"); err != nil {
		return nil, err
	}
	if own, err := objectMember(o, ours); err == nil && own != nil {
		var extra struct{ Created time.Time }
		r.foreign = json.Unmarshal(own, &extra) != nil
		r.created = extra.Created
	}
	return r, r.key.validate()
}

// decodeMember decodes a member into to; one that is missing or null leaves to as
// it is.
func decodeMember(o rawjson.Object, name string, to any) error {
	m, ok := o.Get(name)
	if !ok || rawjson.TypeOf(m.Value) == rawjson.Null {
		return nil
	}
	text, isText := rawjson.String(m.Value)
	var err error
	switch to := to.(type) {
	case *string:
		if *to = text; !isText {
			err = json.Unmarshal(m.Value, to) // for its words
		}
	case *[]byte:
		if *to, err = base64.StdEncoding.DecodeString(text); !isText {
			err = json.Unmarshal(m.Value, to)
		}
	default:
		err = json.Unmarshal(m.Value, to)
	}
	if err != nil {
		return fmt.Errorf("record's %s: %w", name, err)
	}
	return nil
}

// objectMember returns the bytes of a member that is an object; nil if it is
// missing or null.
func objectMember(o rawjson.Object, name string) ([]byte, error) {
	m, ok := o.Get(name)
	switch t := rawjson.TypeOf(m.Value); {
	case !ok || t == rawjson.Null:
		return nil, nil
	case t != rawjson.Obj:
		return nil, fmt.Errorf("record's %s: %w", name, &rawjson.TypeError{Want: "object", Got: t})
	}
	return m.Value, nil
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
	o, err := rawjson.ParseObject(r.result)
	if err != nil {
		return nil, &tornError{err}
	}
	m, _ := o.Get("cniVersion")
	if v, _ := rawjson.String(m.Value); v != "" && v == cniVersion {
		return invoke.CheckResult(r.result, cniVersion)
	}
	result, err := invoke.DecodeResult(r.result)
	if err != nil {
		return nil, err
	}
	if cniVersion == "" {
		cniVersion = "0.1.0"
	}
	if result, err = result.GetAsVersion(cniVersion); err != nil {
		return nil, fmt.Errorf("failed to convert cached result to config version %q: %w", cniVersion, err)
	}
	return json.Marshal(result)
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

// validate checks that the key names an attachment as ADD would accept it.
func (k key) validate() error {
	if k == (key{}) {
		return errIncomplete
	}
	return errors.Join(types.ValidateNetworkName(k.network), types.ValidateContainerID(k.container), types.ValidateInterfaceName(k.ifname))
}
