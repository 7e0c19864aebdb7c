package libcni

// ForgetAttachment removes what is on disk about one attachment, its record, whole
// or damaged, and the intents of ADDs that nobody works on, and runs no plugin. It
// is for who has given up: what [CNIConfig.DelAttachment] could not detach stays as
// it is, and nothing says any more that it is there. Only the plugins' GC may find
// it. So DelAttachment comes before, with [Options].ContinueOnDelError: without, it stops
// at the first plugin that fails, and what the others made is given up too. An attachment
// of which nothing is known is no error.
//
// Errors: [*RequestError] for the key; what could not be removed, joined, each a
// [*RecordError].
func (c *CNIConfig) ForgetAttachment(attachment AttachmentKey) error {
	k := attachment.key()
	if err := k.validate(); err != nil {
		return &RequestError{Network: k.network, ContainerID: k.container, IfName: k.ifname, Field: "attachment", Err: err}
	}
	return c.store(nil).remove(k)
}
