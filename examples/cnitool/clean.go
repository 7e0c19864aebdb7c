package main

import "context"

// clean detaches a container by what the records say, whatever runtime wrote them.
func (t *tool) clean(ctx context.Context, args []string) error {
	return t.cni().DelContainer(ctx, args[0])
}
