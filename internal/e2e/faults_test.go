//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A fault spoils an attachment, so that CHECK has to fail, and repairs it, so that CHECK
// has to succeed again. Where repair is nil it stays spoiled, and the fault is the last one
// of its story.
type fault struct {
	name   string
	spoil  func(t *testing.T, s *scene)
	repair func(t *testing.T, s *scene)
}

// addressRemoved takes all addresses from the attachment's interface, and so its routes.
func addressRemoved(routes ...string) fault {
	return fault{
		name: "the address was removed",
		spoil: func(t *testing.T, s *scene) {
			s.ip(t, "address flush scope global dev "+s.IfName)
		},
		repair: func(t *testing.T, s *scene) {
			for _, a := range s.result.IPs {
				s.ip(t, fmt.Sprintf("address add %s dev %s", &a.Address, s.IfName))
			}
			for _, route := range routes {
				s.ip(t, "route replace "+route+" dev "+s.IfName)
			}
		},
	}
}

// rulesRemoved takes the attachment's own rules from a chain; table is the beginning of a
// command line, as in "iptables -t nat".
func rulesRemoved(table, chain string) fault {
	var rules []string
	return fault{
		name: "its rules were removed from " + chain,
		spoil: func(t *testing.T, s *scene) {
			for rule := range strings.Lines(host(t, table+" -S "+chain)) {
				own := strings.Contains(rule, s.ContainerID) || strings.Contains(rule, s.address(t, false).String()+"/")
				if own && strings.HasPrefix(rule, "-A ") {
					rules = append(rules, strings.TrimSpace(rule)[len("-A"):])
				}
			}
			require.NotEmpty(t, rules)
			for _, rule := range rules {
				command(t, "sh", "-c", table+" -D "+rule)
			}
		},
		repair: func(t *testing.T, s *scene) {
			for _, rule := range rules {
				command(t, "sh", "-c", table+" -A "+rule)
			}
		},
	}
}

// linkDown takes the attachment's interface down.
func linkDown() fault {
	return fault{
		name:   "the interface was taken down",
		spoil:  func(t *testing.T, s *scene) { s.ip(t, "link set down dev "+s.IfName) },
		repair: func(t *testing.T, s *scene) { s.ip(t, "link set up dev "+s.IfName) },
	}
}

// macChanged gives the attachment's interface another hardware address.
func macChanged() fault {
	before := ""
	return fault{
		name: "the hardware address was changed",
		spoil: func(t *testing.T, s *scene) {
			before = s.mac(t)
			s.ip(t, "link set address 02:00:00:00:00:99 dev "+s.IfName)
		},
		repair: func(t *testing.T, s *scene) { s.ip(t, "link set address "+before+" dev "+s.IfName) },
	}
}

// unplugged takes the attachment's port from its bridge.
func unplugged(bridge string) fault {
	port := ""
	return fault{
		name: "its port was taken from the bridge",
		spoil: func(t *testing.T, s *scene) {
			port = s.hostInterface(t)
			host(t, "ip link set nomaster dev "+port)
		},
		repair: func(t *testing.T, s *scene) { host(t, "ip link set master "+bridge+" dev "+port) },
	}
}

// routeRemoved takes a route from the container.
func routeRemoved(route string) fault {
	return fault{
		name:   "the route " + route + " was removed",
		spoil:  func(t *testing.T, s *scene) { s.ip(t, "route del "+route+" dev "+s.IfName) },
		repair: func(t *testing.T, s *scene) { s.ip(t, "route add "+route+" dev "+s.IfName) },
	}
}

// reservationLost removes host-local's files for the attachment's addresses.
func reservationLost(network string) fault {
	path := func(ip *current.IPConfig) string {
		return filepath.Join("/var/lib/cni/networks", network, ip.Address.IP.String())
	}
	reservation := func(s *scene) string { return s.ContainerID + "\r\n" + s.IfName }
	return fault{
		name: "host-local's reservations were removed",
		spoil: func(t *testing.T, s *scene) {
			for _, ip := range s.result.IPs {
				text, err := os.ReadFile(path(ip))
				require.NoError(t, err)
				assert.Equal(t, reservation(s), string(text))
				require.NoError(t, os.Remove(path(ip)))
			}
		},
		repair: func(t *testing.T, s *scene) {
			for _, ip := range s.result.IPs {
				require.NoError(t, os.WriteFile(path(ip), []byte(reservation(s)), 0o600))
			}
		},
	}
}

// sysctlChanged sets a variable of the container's network namespace to another value; set
// is what it has to be.
func sysctlChanged(name, set, other string) fault {
	write := func(t *testing.T, s *scene, value string) {
		s.inside(t, func() error {
			return os.WriteFile("/proc/sys/"+strings.ReplaceAll(name, ".", "/"), []byte(value), 0o600)
		})
	}
	return fault{
		name:   name + " was changed",
		spoil:  func(t *testing.T, s *scene) { write(t, s, other) },
		repair: func(t *testing.T, s *scene) { write(t, s, set) },
	}
}

// shapedOtherwise gives the attachment's traffic another rate. (That no rate is left at all
// is nothing the bandwidth plugin's CHECK minds.)
func shapedOtherwise() fault {
	return fault{
		name: "traffic was given another rate",
		spoil: func(t *testing.T, s *scene) {
			host(t, "tc qdisc replace dev "+s.hostInterface(t)+" root tbf rate 1mbit burst 32kbit latency 25ms")
		},
	}
}
