package libcni

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cnikit/cnikit/internal/rawjson"
)

const kindMember = `{"kind":"`

// ours is the member that upstream's format lacks. Readers of that format pass
// over it. It is the last of an intent; a record has the result behind it.
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
	b = append(b, CNICacheV1...)
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

// completeRecord turns an intent's bytes into the record with that result: only the
// last brace gives way. The result goes in as it is: numbers and unknown members keep
// their bytes.
func completeRecord(intent, result []byte) []byte {
	b := append(intent[:len(intent)-1], `,"result":`...)
	b = append(b, result...)
	return append(b, '}')
}

// decodeRecord reads a record. A file without a kind is a bare result: it says
// nothing about the attachment.
func decodeRecord(data []byte) (*record, error) {
	o, err := rawjson.ParseObjectInto(make(rawjson.Object, 0, 12), data)
	if err != nil {
		return nil, &tornError{err}
	}
	if _, ok := o.Get("kind"); !ok {
		return &record{result: data, bare: true, foreign: true}, nil
	}
	return recordOf(o)
}

// decodeIntent reads an intent, which may be about to become a record, or may have
// been: a result may follow upon its own members. A part of one is none.
func decodeIntent(data []byte) (*record, error) {
	o, whole := make(rawjson.Object, 0, 12), false
	_ = rawjson.EachMember(data, func(m rawjson.Member) bool {
		o, whole = append(o, m), whole || m.Is(ours)
		return true
	})
	if whole {
		return recordOf(o)
	}
	if _, err := rawjson.ParseObject(data); err != nil {
		return nil, &tornError{err}
	}
	return nil, errIncomplete
}

func recordOf(o rawjson.Object) (*record, error) {
	if k, _ := o.Get("kind"); !rawjson.IsString(k.Value, CNICacheV1) {
		got, _ := rawjson.String(k.Value)
		return nil, &kindError{got}
	}
	r := &record{foreign: true}
	var texts rawjson.Strings
	for _, m := range o {
		if rawjson.TypeOf(m.Value) == rawjson.Null {
			continue
		}
		if err := r.decodeMember(m, &texts); err != nil {
			return nil, fmt.Errorf("record's %s: %w", m.Key(), err)
		}
	}
	return r, r.key.validate()
}

// decodeMember takes what one member says; of several with one key the last wins,
// as in encoding/json.
func (r *record) decodeMember(m rawjson.Member, texts *rawjson.Strings) (err error) {
	switch {
	case m.Is("networkName"):
		r.network, err = stringValue(m.Value, texts)
	case m.Is("containerId"):
		r.container, err = stringValue(m.Value, texts)
	case m.Is("ifName"):
		r.ifname, err = stringValue(m.Value, texts)
	case m.Is("netns"):
		r.netns, err = stringValue(m.Value, texts)
	case m.Is("config"):
		r.config, err = bytesValue(m.Value)
	case m.Is("cniArgs"):
		r.args, err = argsValue(m.Value, texts)
	case m.Is("capabilityArgs"):
		r.capabilityArgs, err = objectValue(m.Value)
	case m.Is("result"):
		r.result, err = objectValue(m.Value)
	case m.Is(ours):
		_ = rawjson.EachMember(m.Value, func(m rawjson.Member) bool {
			if m.Is("created") {
				text, _ := texts.String(m.Value)
				if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
					r.created, r.foreign = at, false
				}
			}
			return true
		})
	}
	return err
}

func stringValue(value []byte, texts *rawjson.Strings) (string, error) {
	if s, ok := texts.String(value); ok {
		return s, nil
	}
	var s string
	err := json.Unmarshal(value, &s) // for its words
	return s, err
}

func objectValue(value []byte) ([]byte, error) {
	if t := rawjson.TypeOf(value); t != rawjson.Obj {
		return nil, &rawjson.TypeError{Want: "object", Got: t}
	}
	return value, nil
}

// bytesValue decodes bytes as encoding/json writes them, in base64.
func bytesValue(value []byte) ([]byte, error) {
	if rawjson.TypeOf(value) == rawjson.Text {
		if b, err := base64.StdEncoding.AppendDecode(make([]byte, 0, base64.StdEncoding.DecodedLen(len(value))), value[1:len(value)-1]); err == nil {
			return b, nil // without a copy of the text, which is the most of a record
		}
	}
	text, err := stringValue(value, &rawjson.Strings{})
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(text)
}

// argsValue decodes a list of pairs. Anything unusual is encoding/json's to judge.
func argsValue(value []byte, texts *rawjson.Strings) ([][2]string, error) {
	args, usual := make([][2]string, 0, 4), true
	err := rawjson.EachElement(value, func(pair rawjson.Element) bool {
		var kv [2]string
		n := 0
		err := rawjson.EachElement(pair.Value, func(e rawjson.Element) bool {
			text, ok := texts.String(e.Value)
			if usual = ok && n < len(kv); usual {
				kv[n] = text
			}
			n++
			return usual
		})
		usual = usual && err == nil && n == len(kv)
		args = append(args, kv)
		return usual
	})
	if err != nil || !usual {
		args = nil
		err = json.Unmarshal(value, &args)
	}
	return args, err
}
