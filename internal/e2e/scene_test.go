//go:build linux

package e2e

import (
	"net/netip"
	"strings"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/stretchr/testify/require"
)

// A scene is one attachment of a story on stage.
type scene struct {
	*container
	attachment
	result *current.Result
}

// address returns the attachment's first address of a family.
func (s *scene) address(t *testing.T, v6 bool) netip.Addr {
	t.Helper()
	for _, ip := range s.result.IPs {
		if a, _ := netip.AddrFromSlice(ip.Address.IP); a.Unmap().Is6() == v6 {
			return a.Unmap()
		}
	}
	require.Fail(t, "the result has no such address", "IPv6: %v", v6)
	return netip.Addr{}
}

// port returns where the attachment's first address of a family serves on a port.
func (s *scene) port(t *testing.T, v6 bool, port uint16) string {
	t.Helper()
	return netip.AddrPortFrom(s.address(t, v6), port).String()
}

// mac returns the hardware address of the attachment's interface.
func (s *scene) mac(t *testing.T) string {
	t.Helper()
	fields := strings.Fields(s.ip(t, "-br link show dev "+s.IfName))
	return fields[2]
}

// hostInterface returns the name of the interface on the host that is the other end of the
// attachment's.
func (s *scene) hostInterface(t *testing.T) string {
	t.Helper()
	for _, i := range s.result.Interfaces {
		if i.Sandbox == "" && strings.HasPrefix(i.Name, "veth") {
			return i.Name
		}
	}
	require.Fail(t, "the result has no interface of the host's")
	return ""
}
