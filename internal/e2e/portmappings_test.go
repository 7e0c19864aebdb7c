//go:build linux

package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cnikit/cnikit/types"
	"github.com/stretchr/testify/assert"
)

// TestTypedPortMappings: a port of TCP, the same of UDP, and one of some of the host's
// addresses only, of both families and with both backends of the portmap plugin.
func TestTypedPortMappings(t *testing.T) {
	alone(t, rootless, func(t *testing.T) {
		needLinkKind(t, "bridge")
		outside := newUplink(t)
		host(t, "ip address add 192.0.2.9/24 dev uplink")
		for _, backend := range []string{"iptables", "nftables"} {
			t.Run(backend, func(t *testing.T) {
				list := fmt.Sprintf(`{
					"cniVersion": "1.1.0",
					"name": "ports",
					"plugins": [
						{
							"type": "bridge", "bridge": "ports0", "isGateway": true, "ipMasq": true,
							"ipam": {
								"type": "host-local",
								"ranges": [[{"subnet": "10.42.0.0/24"}], [{"subnet": "fd00:42::/64"}]],
								"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
							}
						},
						{"type": "portmap", "backend": %q, "snat": true, "capabilities": {"portMappings": true}}
					]
				}`, backend)
				g := attach(t, list, "guest-"+backend, types.Capabilities{PortMappings: []types.PortMapping{
					{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"},
					{HostPort: 8080, ContainerPort: 81, Protocol: "udp"},
					{HostPort: 8443, ContainerPort: 80, Protocol: "tcp", HostIP: netip.MustParseAddr("192.0.2.9")},
					{HostPort: 8444, ContainerPort: 80, Protocol: "tcp", HostIP: netip.MustParseAddr("2001:db8::1")},
					{HostPort: 8445, ContainerPort: 81, Protocol: "udp", HostIP: netip.MustParseAddr("192.0.2.9")},
				}}, nil)
				g.serve(t, 80)
				g.serveUDP(t, 81)

				assertReaches(t, nil, "192.0.2.1:8080", g.name)
				assertReaches(t, outside, "192.0.2.1:8080", g.name)
				assertReaches(t, outside, "192.0.2.9:8080", g.name)
				assertReaches(t, outside, "[2001:db8::1]:8080", g.name)
				assert.Equal(t, g.name, outside.askUDP(t, "192.0.2.1:8080"))
				assert.Equal(t, g.name, outside.askUDP(t, "[2001:db8::1]:8080"))

				assertReaches(t, outside, "192.0.2.9:8443", g.name)
				outside.assertCut(t, "192.0.2.1:8443")
				outside.assertCut(t, "[2001:db8::1]:8443")
				assertReaches(t, outside, "[2001:db8::1]:8444", g.name)
				outside.assertCut(t, "192.0.2.9:8444")
				assert.Equal(t, g.name, outside.askUDP(t, "192.0.2.9:8445"))
				assert.Empty(t, outside.askUDP(t, "192.0.2.1:8445"))

				g.detach(t)
				outside.assertCut(t, "192.0.2.1:8080")
				assert.Empty(t, outside.askUDP(t, "192.0.2.1:8080"))
				for _, rule := range ruleTraces(t) {
					assert.NotContains(t, rule, g.name)
				}
			})
		}
	})
}

// serveUDP answers every datagram to the container's port with the container's name. It
// ends with the test.
func (c *container) serveUDP(t *testing.T, port int) {
	t.Helper()
	c.inside(t, func() error {
		for _, network := range []string{"udp4", "udp6"} {
			conn, err := net.ListenPacket(network, fmt.Sprintf(":%d", port))
			if err != nil {
				return err
			}
			t.Cleanup(func() { conn.Close() })
			go func() {
				for datagram := make([]byte, 16); ; {
					_, from, err := conn.ReadFrom(datagram)
					if err != nil {
						return
					}
					_, _ = conn.WriteTo([]byte(c.name), from)
				}
			}()
		}
		return nil
	})
}

// askUDP sends datagrams from the container to address until there is an answer, and
// returns it: the name of the container that serves there, or nothing in half a second.
func (c *container) askUDP(t *testing.T, address string) string {
	t.Helper()
	var answer strings.Builder
	c.inside(t, func() error {
		conn, err := net.DialTimeout("udp", address, patience)
		if err != nil {
			return err
		}
		defer conn.Close()
		for end := time.Now().Add(time.Second / 2); answer.Len() == 0 && time.Now().Before(end); {
			if err := conn.SetReadDeadline(time.Now().Add(time.Second / 10)); err != nil {
				return err
			}
			if _, err := conn.Write([]byte("who?")); err != nil {
				continue // an answer of ICMP to the last one
			}
			datagram := make([]byte, 64)
			n, _ := conn.Read(datagram)
			answer.Write(datagram[:n])
		}
		return nil
	})
	return answer.String()
}
