package invoke

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cnikit/cnikit/internal/rawjson"
	"github.com/cnikit/cnikit/types"
	"github.com/cnikit/cnikit/version"
)

// ResultError names the place in a reply that keeps it from being a result.
type ResultError struct {
	Pointer string // JSON pointer, "" for the reply as a whole
	Reason  string
}

// Error returns the place, where there is one, and the reason.
func (e *ResultError) Error() string {
	if e.Pointer == "" {
		return e.Reason
	}
	return e.Pointer + ": " + e.Reason
}

// CheckResult decides whether a plugin's reply is a result and returns it in
// version cniVersion, the one its configuration asked for ("" is 0.1.0).
//
// A result is a JSON object of a known version in which every field that the
// specification defines has its type; interfaces, addresses and routes are objects,
// not null, and every address and route says which (specification, section 5,
// "ADD Success"). What passes can be decoded by [DecodeResult] and read without
// looking at any pointer twice.
//
// A result of the asked version comes back as it is, but for white space around
// it. A missing or empty version is filled in and nothing else changed. A result
// of another known version is converted as by [ConvertResult]. The error is a
// [*ResultError] where one place of the reply is to blame.
func CheckResult(reply []byte, cniVersion string) ([]byte, error) {
	reply = bytes.TrimSpace(reply)
	want, ok := knownVersion(cniVersion)
	if !ok {
		return nil, fmt.Errorf("unsupported CNI result version %q", cniVersion)
	}
	object, err := rawjson.ParseObject(reply)
	if err != nil {
		return nil, notResult(reply, err)
	}
	written := resultVersion(object)
	have := want
	if written != "" {
		if have, ok = knownVersion(written); !ok {
			return nil, &ResultError{"/cniVersion", fmt.Sprintf("unsupported CNI result version %q", written)}
		}
	}
	if said := errorMembers(object); said != nil {
		return nil, &ResultError{"", fmt.Sprintf("an error object at exit status 0: %s", clip(said.Error(), head))}
	}
	if err := checkShape(object, have); err != nil {
		return nil, err
	}
	if written != have || oddlySpelled(object) {
		reply = setVersion(reply, object, have)
	}
	if have == want {
		return reply, nil
	}
	return ConvertResult(reply, want)
}

// ConvertResult returns a result in version cniVersion. A result that has it
// already comes back as it is; any other is decoded, converted by the
// specification's data types and encoded again, which costs it the fields they do
// not know. It fails when the versions are unknown, when the older one cannot hold
// the result, and with a [*ResultError] for what [CheckResult] would refuse.
func ConvertResult(result []byte, cniVersion string) ([]byte, error) {
	want, ok := knownVersion(cniVersion)
	if !ok {
		return nil, fmt.Errorf("unsupported CNI result version %q", cniVersion)
	}
	decoded, err := DecodeResult(result)
	if err != nil {
		return nil, err
	}
	if decoded.Version() == want {
		return result, nil
	}
	// The data types convert without a look at a pointer.
	object, err := rawjson.ParseObject(result)
	if err != nil {
		return nil, notResult(result, err)
	}
	if err := checkShape(object, decoded.Version()); err != nil {
		return nil, err
	}
	converted, err := decoded.GetAsVersion(want)
	if err != nil {
		return nil, fmt.Errorf("converting a result of version %s to %s: %w", decoded.Version(), want, err)
	}
	return json.Marshal(converted)
}

// knownVersion returns the version of the specification that v names, written as
// results write it.
func knownVersion(v string) (string, bool) {
	for _, known := range version.All.SupportedVersions() {
		if v == known {
			return known, true
		}
	}
	for _, known := range version.All.SupportedVersions() {
		if order, err := version.Compare(v, known); err == nil && order == 0 {
			return known, true
		}
	}
	return "", false
}

// resultVersion returns the cniVersion of a result; one that is not a string
// counts as missing.
func resultVersion(o rawjson.Object) string {
	m, _ := o.Get("cniVersion")
	v, _ := rawjson.String(m.Value)
	return v
}

// oddlySpelled reports a second spelling of cniVersion. Decoders that fold the
// case of keys would let it win.
func oddlySpelled(o rawjson.Object) bool {
	for _, m := range o {
		if m.Folds("cniVersion") && !m.Is("cniVersion") {
			return true
		}
	}
	return false
}

// setVersion returns the reply with cniVersion v and no other byte changed, unless
// it has the key more than once.
func setVersion(reply []byte, o rawjson.Object, v string) []byte {
	value := rawjson.AppendString(nil, v)
	dst := make([]byte, 0, len(reply)+len(`"cniVersion":,`)+len(value))
	var at []rawjson.Member
	for _, m := range o {
		if m.Folds("cniVersion") {
			at = append(at, m)
		}
	}
	switch {
	case len(at) == 0 && len(o) > 0:
		dst = append(append(dst, `{"cniVersion":`...), value...)
		dst = append(dst, ',')
		return append(dst, reply[1:]...)
	case len(at) == 1 && at[0].Is("cniVersion"):
		dst = append(append(dst, reply[:at[0].Offset]...), value...)
		return append(dst, reply[at[0].Offset+len(at[0].Value):]...)
	}
	others := func(m rawjson.Member) bool { return !m.Folds("cniVersion") }
	return rawjson.Splice(dst, o, others, rawjson.Field{Key: "cniVersion", Value: value})
}

// notResult words what is printed in a result's place.
func notResult(reply []byte, err error) error {
	var other *rawjson.TypeError
	switch {
	case len(reply) == 0:
		return &ResultError{"", "nothing was printed on standard output"}
	case errors.As(err, &other):
		return &ResultError{"", fmt.Sprintf("%v: %s", err, quote(reply, maxQuote, head))}
	}
	return fmt.Errorf("failed to unmarshal raw result: %w: %s", err, quote(reply, maxQuote, head))
}

// errorObject returns the error that a reply at exit status 0 consists of, or nil.
func errorObject(reply []byte) *types.Error {
	reply = bytes.TrimSpace(reply)
	if len(reply) == 0 || reply[0] != '{' || !bytes.Contains(reply, []byte(`"msg"`)) {
		return nil
	}
	object, err := rawjson.ParseObject(reply)
	if err != nil {
		return nil
	}
	return errorMembers(object)
}

// errorMembers returns the error that an object is: it has a message and a code
// and nothing of a result.
func errorMembers(o rawjson.Object) *types.Error {
	code, hasCode := o.Get("code")
	msg, hasMsg := o.Get("msg")
	if !hasCode || !hasMsg {
		return nil
	}
	for _, name := range []string{"interfaces", "ips", "ip4", "ip6", "routes", "supportedVersions"} {
		if _, ok := o.Get(name); ok {
			return nil
		}
	}
	said := &types.Error{}
	if json.Unmarshal(code.Value, &said.Code) != nil || json.Unmarshal(msg.Value, &said.Msg) != nil {
		return nil
	}
	if details, ok := o.Get("details"); ok {
		said.Details, _ = rawjson.String(details.Value)
	}
	if said.Code == 0 && said.Msg == "" {
		return nil
	}
	return said
}
