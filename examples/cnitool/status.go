package main

import "context"

func (t *tool) status(ctx context.Context, args []string) error {
	list, _, err := t.target(args)
	if err != nil {
		return err
	}
	return t.inFile(list, t.cni().GetStatusNetworkList(ctx, list))
}
