package main

import "context"

func (t *tool) del(ctx context.Context, args []string) error {
	list, rt, err := t.target(args)
	if err != nil {
		return err
	}
	return t.inFile(list, t.cni().DelNetworkList(ctx, list, rt))
}
