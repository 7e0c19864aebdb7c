package main

import (
	"github.com/cnikit/cnikit/libcni"
)

// argumentsOfAdd takes the arguments that are not set in the environment from the
// record of the attachment. DEL, where there is none, takes those of the latest ADD that
// failed; it reports whether rt.Args are such, which may be why that failed.
func (t *tool) argumentsOfAdd(verb string, list *libcni.NetworkConfigList, rt *libcni.RuntimeConf) (doubtful bool) {
	if verb != "CHECK" && verb != "DEL" {
		return false
	}
	_, args := t.lookup("CNI_ARGS")
	_, capabilities := t.lookup("CAP_ARGS")
	key := libcni.AttachmentKey{Network: list.Name, ContainerID: rt.ContainerID, IfName: rt.IfName}
	then := libcni.RuntimeConf{}
	attached, _ := t.cni().Attachments(key)
	if len(attached) > 0 {
		then.Args, then.CapabilityArgs = attached[0].Args, attached[0].CapabilityArgs
	} else if verb == "DEL" {
		var latest *libcni.PendingAttachment
		pending, _ := t.cni().Pending(key)
		for _, p := range pending {
			if len(p.Config) > 0 && (latest == nil || p.Started.After(latest.Started)) { // whole
				latest = p
			}
		}
		if latest != nil {
			then.Args, then.CapabilityArgs = latest.Args, latest.CapabilityArgs
		}
	}
	if !args {
		rt.Args = then.Args
	}
	if !capabilities {
		rt.CapabilityArgs = then.CapabilityArgs
	}
	return !args && len(attached) == 0 && len(rt.Args) > 0
}
