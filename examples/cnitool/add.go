package main

import "context"

func (t *tool) add(ctx context.Context, args []string) error {
	list, rt, err := t.target(args)
	if err != nil {
		return err
	}
	result, err := t.cni().AddNetworkList(ctx, list, rt)
	if err != nil {
		return err
	}
	return result.PrintTo(t.stdout)
}
