package types

import (
	"net"
	"reflect"

	cnitypes "github.com/containernetworking/cni/pkg/types"
)

// The data of the specification. These are containernetworking/cni's own types.
type (
	// Result is what a plugin reports about an attachment, in one version of the
	// specification.
	Result = cnitypes.Result

	// Error is what a plugin writes to its output when it fails: a Code, which is one
	// of the Err constants or, from 100 on, the plugin's own; a Msg; and Details, which
	// may be empty.
	Error = cnitypes.Error

	// PluginConf is the configuration of one plugin, as far as the specification
	// gives its members a meaning: CNIVersion, Name of the network, Type, Capabilities
	// (true: declared), IPAM, DNS; RawPrevResult and PrevResult, which is the same as a
	// Result; ValidAttachments, for GC.
	PluginConf = cnitypes.PluginConf

	// NetConf is the former name of [PluginConf].
	NetConf = cnitypes.NetConf

	// NetConfList is the configuration of a network: CNIVersion, Name, DisableCheck,
	// DisableGC and a list of Plugins.
	NetConfList = cnitypes.NetConfList

	// IPAM names the plugin that another plugin delegates addresses to, as Type.
	IPAM = cnitypes.IPAM

	// DNS is a resolver's configuration: lists of Nameservers, Search domains and
	// Options, and the local Domain.
	DNS = cnitypes.DNS

	// Route is one route of a result: Dst (a net.IPNet) by way of GW (a net.IP, nil:
	// none), with MTU, AdvMSS, Priority (0: not said), Table and Scope (nil: not said).
	Route = cnitypes.Route

	// IPNet is a net.IPNet that is an address with prefix length in JSON, and that
	// keeps the address's host bits.
	IPNet = cnitypes.IPNet

	// GCAttachment names an attachment that a GC must leave alone, by two strings,
	// ContainerID and IfName:
	//
	//	types.GCAttachment{ContainerID: "web-1", IfName: "eth0"}
	GCAttachment = cnitypes.GCAttachment
)

// What a plugin reads CNI_ARGS with. A runtime writes them with [Args].
type (
	// CommonArgs is embedded in the struct that [LoadArgs] fills.
	CommonArgs = cnitypes.CommonArgs

	// UnmarshallableBool is a bool that [LoadArgs] can set.
	UnmarshallableBool = cnitypes.UnmarshallableBool

	// UnmarshallableString is a string that [LoadArgs] can set.
	UnmarshallableString = cnitypes.UnmarshallableString

	// UnmarshalableArgsError says that a field of the struct given to [LoadArgs]
	// cannot be set.
	UnmarshalableArgsError = cnitypes.UnmarshalableArgsError
)

// The codes of an [Error]: specification, section 5. A plugin's own start at 100.
const (
	ErrUnknown                     = cnitypes.ErrUnknown
	ErrIncompatibleCNIVersion      = cnitypes.ErrIncompatibleCNIVersion
	ErrUnsupportedField            = cnitypes.ErrUnsupportedField
	ErrUnknownContainer            = cnitypes.ErrUnknownContainer
	ErrInvalidEnvironmentVariables = cnitypes.ErrInvalidEnvironmentVariables
	ErrIOFailure                   = cnitypes.ErrIOFailure
	ErrDecodingFailure             = cnitypes.ErrDecodingFailure
	ErrInvalidNetworkConfig        = cnitypes.ErrInvalidNetworkConfig
	ErrInvalidNetNS                = cnitypes.ErrInvalidNetNS
	ErrTryAgainLater               = cnitypes.ErrTryAgainLater
	ErrPluginNotAvailable          = cnitypes.ErrPluginNotAvailable
	ErrLimitedConnectivity         = cnitypes.ErrLimitedConnectivity
	ErrInternal                    = cnitypes.ErrInternal
)

// NewError returns an [Error] of these parts.
func NewError(code uint, msg, details string) *Error {
	return cnitypes.NewError(code, msg, details)
}

// ParseCIDR is net.ParseCIDR, but what it returns keeps the host bits of the
// address. The error is a *net.ParseError.
func ParseCIDR(s string) (*net.IPNet, error) { return cnitypes.ParseCIDR(s) }

// PrintResult converts result to a version and prints it to standard output. It
// is for plugins.
func PrintResult(result Result, version string) error {
	return cnitypes.PrintResult(result, version)
}

// LoadArgs sets the fields of the struct that container points to from the text
// of CNI_ARGS. It is for plugins. A key without a field is an error, unless
// IgnoreUnknown is set; a field that cannot be set an [UnmarshalableArgsError].
func LoadArgs(args string, container interface{}) error {
	return cnitypes.LoadArgs(args, container)
}

// GetKeyField returns the field of the struct that v points to by its name.
func GetKeyField(keyString string, v reflect.Value) reflect.Value {
	return cnitypes.GetKeyField(keyString, v)
}
