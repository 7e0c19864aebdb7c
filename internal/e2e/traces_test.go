//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// traces lists everything on the host that an attachment can leave behind, one a line and
// sorted: links, addresses, routes, queueing disciplines, rules, files. What differs from
// one look to the next without anybody's doing (counters, indices, link-local addresses,
// states) is left out.
func traces(t *testing.T) []string {
	t.Helper()
	var all []string
	all = append(all, linkTraces(t)...)
	for _, family := range []string{"-4", "-6"} {
		for line := range strings.Lines(host(t, "ip "+family+" route show table main")) {
			if !strings.HasPrefix(line, "fe80") {
				all = append(all, "route "+strings.ReplaceAll(strings.TrimSpace(line), " linkdown", ""))
			}
		}
	}
	for line := range strings.Lines(host(t, "tc qdisc show")) {
		all = append(all, strings.TrimSpace(line))
	}
	all = append(all, ruleTraces(t)...)
	all = append(all, fileTraces(t)...)
	slices.Sort(all)
	return all
}

// leftBehind returns what of now was not there before.
func leftBehind(before, now []string) []string {
	left := []string{}
	for _, line := range now {
		if !slices.Contains(before, line) {
			left = append(left, line)
		}
	}
	return left
}

func linkTraces(t *testing.T) []string {
	var links []struct {
		Name      string `json:"ifname"`
		Kind      string `json:"link_type"`
		Addresses []struct {
			Local  string `json:"local"`
			Length int    `json:"prefixlen"`
			Scope  string `json:"scope"`
		} `json:"addr_info"`
	}
	require.NoError(t, json.Unmarshal([]byte(host(t, "ip -json address show")), &links))
	var all []string
	for _, link := range links {
		all = append(all, fmt.Sprintf("link %s %s", link.Name, link.Kind))
		for _, a := range link.Addresses {
			if a.Scope != "link" {
				all = append(all, fmt.Sprintf("address %s/%d on %s", a.Local, a.Length, link.Name))
			}
		}
	}
	return all
}

var counters = regexp.MustCompile(`\[\d+:\d+\]|packets \d+ bytes \d+`)

// ruleTraces lists the rules of iptables (of both families and of whichever backend it is
// built on) and of nftables, each after the chain it is in.
func ruleTraces(t *testing.T) []string {
	var all []string
	for _, save := range []string{"iptables-save", "ip6tables-save"} {
		table := ""
		for line := range strings.Lines(host(t, save)) {
			line = strings.TrimSpace(counters.ReplaceAllString(line, ""))
			switch {
			case strings.HasPrefix(line, "#"), line == "COMMIT":
			case strings.HasPrefix(line, "*"):
				table = line[1:]
			default:
				all = append(all, fmt.Sprintf("%s %s %s", save, table, line))
			}
		}
	}
	var place []string
	for line := range strings.Lines(host(t, "nft list ruleset")) {
		line = strings.TrimSpace(counters.ReplaceAllString(line, ""))
		switch {
		case line == "", strings.HasPrefix(line, "#"):
		case strings.HasSuffix(line, "{"):
			place = append(place, strings.TrimSuffix(line, " {"))
			all = append(all, "nft "+strings.Join(place, " "))
		case line == "}":
			place = place[:len(place)-1]
		default:
			all = append(all, "nft "+strings.Join(place, " ")+": "+line)
		}
	}
	return all
}

// fileTraces lists the files below the directories in which libcni and plugins keep state.
func fileTraces(t *testing.T) []string {
	var all []string
	for _, root := range []string{"/var/lib/cni", "/run/cni"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil && path == root:
				return fs.SkipAll // never made
			case err != nil:
				return err
			case d.IsDir():
			default:
				all = append(all, "file "+path)
			}
			return nil
		})
		require.NoError(t, err)
	}
	return all
}
