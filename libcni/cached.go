package libcni

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cnikit/cnikit/internal/rawjson"
	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/types"
)

// GetNetworkListCachedResult returns the recorded result of an attachment in the
// list's version; nil if there is no record.
//
// Errors: [*RequestError] for an argument; [*RecordError] for a record that
// cannot be read, or whose result that version cannot hold.
func (c *CNIConfig) GetNetworkListCachedResult(list *NetworkConfigList, rt *RuntimeConf) (types.Result, error) {
	if list == nil {
		return nil, errNoList()
	}
	return c.cachedResult(list.Name, list.CNIVersion, rt)
}

// GetNetworkCachedResult is [CNIConfig.GetNetworkListCachedResult] for a single
// plugin.
func (c *CNIConfig) GetNetworkCachedResult(net *PluginConfig, rt *RuntimeConf) (types.Result, error) {
	if net == nil || net.Network == nil {
		return nil, errNoPlugin()
	}
	return c.cachedResult(net.Network.Name, net.Network.CNIVersion, rt)
}

func (c *CNIConfig) cachedResult(name, cniVersion string, rt *RuntimeConf) (types.Result, error) {
	r, err := c.cached(name, rt)
	if r == nil {
		return nil, terse(err)
	}
	prev, err := r.prevResult(cniVersion)
	if err != nil {
		return nil, terse(err)
	}
	result, err := invoke.DecodeResult(prev)
	return result, terse(recordError(r.path, err))
}

// GetNetworkListCachedConfig returns the recorded configuration of an attachment,
// and a copy of rt with the recorded arguments; both nil if there is no record.
// Of the list only the name counts. Whole numbers of capability arguments that a
// float64 cannot hold are json.Number.
//
// Errors: [*RequestError] for an argument; [*RecordError] for a record that
// cannot be read or is a bare result.
func (c *CNIConfig) GetNetworkListCachedConfig(list *NetworkConfigList, rt *RuntimeConf) ([]byte, *RuntimeConf, error) {
	if list == nil {
		return nil, nil, errNoList()
	}
	return c.cachedConfig(list.Name, rt)
}

// GetNetworkCachedConfig is [CNIConfig.GetNetworkListCachedConfig] for a single
// plugin.
func (c *CNIConfig) GetNetworkCachedConfig(net *PluginConfig, rt *RuntimeConf) ([]byte, *RuntimeConf, error) {
	if net == nil || net.Network == nil {
		return nil, nil, errNoPlugin()
	}
	return c.cachedConfig(net.Network.Name, rt)
}

func (c *CNIConfig) cachedConfig(name string, rt *RuntimeConf) (config []byte, recorded *RuntimeConf, err error) {
	defer func() { err = terse(err) }()
	r, err := c.cached(name, rt)
	var torn *tornError
	var kind *kindError
	switch {
	case r != nil && r.bare:
		return nil, nil, recordError(r.path, fmt.Errorf("read cached network %q config has wrong kind: ", name))
	case r != nil:
	case errors.As(err, &torn):
		return nil, nil, recordError(pathOf(err), fmt.Errorf("failed to unmarshal cached network %q config: %w", name, torn.err))
	case errors.As(err, &kind):
		return nil, nil, recordError(pathOf(err), fmt.Errorf("read cached network %q config has wrong kind: %v", name, kind.kind))
	default:
		return nil, nil, err
	}
	copied := *rt
	if r.args != nil {
		copied.Args = r.args
	}
	copied.CapabilityArgs = decodeCapabilityArgs(r.capabilityArgs)
	return r.config, &copied, nil
}

func pathOf(err error) string {
	var r *RecordError
	if errors.As(err, &r) {
		return r.Path
	}
	return ""
}

// cached reads a record for the functions that run nothing. They are asked with
// lists that have nothing but a name.
func (c *CNIConfig) cached(name string, rt *RuntimeConf) (*record, error) {
	if rt == nil {
		return nil, &RequestError{Field: "runtime configuration", Err: errNoRuntimeConf}
	}
	k := key{network: name, container: rt.ContainerID, ifname: rt.IfName}
	if k.network == "" || k.container == "" || k.ifname == "" {
		return nil, &RequestError{Network: name, ContainerID: rt.ContainerID, IfName: rt.IfName, Field: "attachment",
			Err: fmt.Errorf("cache file path requires network name (%q), container ID (%q), and interface name (%q)", k.network, k.container, k.ifname)}
	}
	if err := k.validate(); err != nil {
		return nil, &RequestError{Network: name, ContainerID: rt.ContainerID, IfName: rt.IfName, Field: "attachment", Err: err}
	}
	return c.store(rt).read(k)
}

// decodeCapabilityArgs decodes recorded arguments as encoding/json would, but for
// whole numbers that would lose digits: they are json.Number. It takes a third of
// encoding/json's time (BenchmarkCapabilityArgs), which was a third of listing's.
func decodeCapabilityArgs(raw []byte) map[string]interface{} {
	if raw == nil {
		return nil
	}
	d := anyDecoder{}
	return d.object(raw)
}

// anyDecoder decodes values of any form, out of what is known to be JSON.
type anyDecoder struct{ strings rawjson.Strings }

func (d *anyDecoder) value(value []byte) interface{} {
	switch rawjson.TypeOf(value) {
	case rawjson.Obj:
		return d.object(value)
	case rawjson.Array:
		return d.array(value)
	case rawjson.Text:
		s, _ := d.strings.String(value)
		return s
	case rawjson.Number:
		return number(value)
	case rawjson.Bool:
		return value[0] == 't'
	}
	return nil
}

func (d *anyDecoder) object(value []byte) map[string]interface{} {
	o := make(map[string]interface{})
	_ = rawjson.EachMember(value, func(m rawjson.Member) bool {
		o[d.strings.Key(m)] = d.value(m.Value)
		return true
	})
	return o
}

func (d *anyDecoder) array(value []byte) []interface{} {
	a := []interface{}{}
	_ = rawjson.EachElement(value, func(e rawjson.Element) bool {
		a = append(a, d.value(e.Value))
		return true
	})
	return a
}

// number returns a number as a float64 where that loses none of its digits.
func number(value []byte) interface{} {
	const exact = 15 // digits that any float64 holds
	text := string(value)
	f, err := strconv.ParseFloat(text, 64)
	whole := !strings.ContainsAny(text, ".eE")
	if err != nil || whole && len(text) > exact && strconv.FormatFloat(f, 'f', 0, 64) != text {
		return json.Number(text)
	}
	return f
}
