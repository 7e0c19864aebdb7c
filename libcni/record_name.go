package libcni

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/cnikit/cnikit/types"
)

// key names one attachment.
type key struct{ network, container, ifname string }

// validate checks that the key names an attachment as ADD would accept it.
func (k key) validate() error {
	if k == (key{}) {
		return errIncomplete
	}
	return errors.Join(types.ValidateNetworkName(k.network), types.ValidateContainerID(k.container), types.ValidateInterfaceName(k.ifname))
}

// maxName is the longest file name in bytes that common file systems have.
const maxName = 255

// foldsCase says that a file system here usually takes two spellings of a name
// for one.
const foldsCase = runtime.GOOS == "darwin" || runtime.GOOS == "windows"

// file returns upstream's name of the attachment's record. It is not unambiguous:
// "a-b" + "c" and "a" + "b-c" have the same.
func (k key) file() string { return k.network + "-" + k.container + "-" + k.ifname }

// secondFile returns the name of the record while another attachment has the
// first one. It begins as upstream's name does, for those who look for a
// container by "-ID-". No attachment has it as its first name: that ends in a
// hyphen and at most 15 bytes of an interface's name, and this in a longer part
// without hyphen.
func (k key) secondFile() string { return k.file() + "#" + k.hash() }

func (k key) hash() string {
	sum := sha256.Sum256([]byte(k.network + "\x00" + k.container + "\x00" + k.ifname))
	return hex.EncodeToString(sum[:16])
}

// shared reports whether another attachment may have the same first name.
func (k key) shared() bool {
	return foldsCase || strings.Count(k.network, "-")+strings.Count(k.container, "-")+strings.Count(k.ifname, "-") > 0
}

// owns reports whether the name is one of the two that the attachment's record
// may have.
func (k key) owns(name string) bool {
	if name == k.file() || name == k.secondFile() {
		return true
	}
	return foldsCase && (strings.EqualFold(name, k.file()) || strings.EqualFold(name, k.secondFile()))
}

// storable refuses what cannot be a file name, before anything is done.
func (k key) storable() error {
	if n := len(k.network) + len(k.container) + len(k.ifname) + len("--"); n > maxName {
		return fmt.Errorf("network name, container ID and interface name are too long together: %d bytes, a file name has at most %d", n, maxName)
	}
	if runtime.GOOS == "windows" && (strings.ContainsAny(k.ifname, `<>"|?*\`) || strings.HasSuffix(k.ifname, ".")) {
		return fmt.Errorf("interface name %q cannot be part of a file name on Windows", k.ifname)
	}
	return nil
}

// mayBeRecord reports whether a name has the form of a record's at all; what does
// not is somebody else's file.
func mayBeRecord(name string) bool {
	return !strings.HasPrefix(name, ".") && strings.Count(name, "-") >= 2
}

// pendingPrefix is how the names of all intents of the attachment begin. Network
// names and container IDs have no "+", so the parts can be told apart.
func (k key) pendingPrefix() string {
	prefix := k.network + "+" + k.container + "+" + k.ifname + "+"
	if len(prefix)+pendingRandom > maxName {
		return "#" + k.hash() + "+"
	}
	return prefix
}

// pendingName returns the name of one of them.
func (k key) pendingName(random uint64) string {
	name := make([]byte, 0, maxName)
	name = append(name, k.pendingPrefix()...)
	return string(hex.AppendEncode(name, binary.BigEndian.AppendUint64(nil, random)))
}

// pendingRandom is the length of the part that differs between two intents of
// one attachment.
const pendingRandom = 16

// pendingKey returns the attachment that an intent's name tells; false if only
// its content does.
func pendingKey(name string) (key, bool) {
	if len(name) <= pendingRandom+1 || name[0] == '#' {
		return key{}, false
	}
	parts := strings.SplitN(name[:len(name)-pendingRandom-1], "+", 3)
	if len(parts) != 3 {
		return key{}, false
	}
	k := key{parts[0], parts[1], parts[2]}
	return k, strings.HasPrefix(name, k.pendingPrefix()) && k.validate() == nil
}
