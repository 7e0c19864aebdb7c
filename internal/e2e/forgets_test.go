//go:build linux

package e2e

import "regexp"

// What plugins leave of an attachment whose network namespace is gone before its DEL, as
// patterns for traces. It is so with either library.
var (
	// The main plugins look in the container for the addresses whose masquerading is to end.
	masquerading           = regexp.MustCompile(`^(ip6?tables-save|nft table ip6?) nat .*CNI-[0-9a-f]{24}`)
	masqueradingByNFTables = regexp.MustCompile(`^nft table inet cni_plugins_masquerade .* comment ".*id: third"`)
	// tuning keeps what an interface was like before, to restore it.
	tuningBackup = regexp.MustCompile(`^file /run/cni/tuning/third_eth0\.json$`)
)
