package bench

import (
	"encoding/json"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"
)

func parseRow(_ *Bench, _ string, lib library) (*op, error) {
	conf := conflist(networkName, 3)
	return &op{run: func(int) (any, error) { return comparable(lib.Parse(conf)) }}, nil
}

// loadRow loads the last of several networks.
func loadRow(files int) func(*Bench, string, library) (*op, error) {
	return func(_ *Bench, dir string, lib library) (*op, error) {
		all := map[string][]byte{}
		for i := range files {
			name := fmt.Sprintf("net%04d", i)
			all["10-"+name+".conflist"] = conflist(name, 3)
		}
		last := fmt.Sprintf("net%04d", files-1)
		conf, err := writeFiles(dir, "net.d", all)
		return &op{run: func(int) (any, error) { return comparable(lib.Load(conf, last)) }}, err
	}
}

// A loaded list is compared by what it says, its plugins' bytes as JSON; only
// when it is looked at, which is not measured.
type loaded struct{ list any }

func comparable(list any, err error) (any, error) { return loaded{list}, err }

func (l loaded) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(l.list)
	if err != nil {
		return nil, err
	}
	var list struct {
		Name, CNIVersion        string
		DisableCheck, DisableGC bool
		LoadOnlyInlinedPlugins  bool
		Bytes                   []byte
		Plugins                 []struct {
			Network json.RawMessage
			Bytes   []byte
		}
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	all := []any{list.Name, list.CNIVersion, list.DisableCheck, list.DisableGC, list.LoadOnlyInlinedPlugins, list.Bytes}
	for _, p := range list.Plugins {
		all = append(all, p.Network, json.RawMessage(p.Bytes))
	}
	return json.Marshal(all)
}

// recorded is a runtime with that many records, of one network.
func recorded(dir string, lib library, records int) (*chained, error) {
	c, err := newChained(dir, lib, conflist(networkName, 3))
	if err == nil {
		err = c.attached(records)
	}
	return c, err
}

// listRow lists all records, or those of one container.
func listRow(records int, one bool) func(*Bench, string, library) (*op, error) {
	return func(_ *Bench, dir string, lib library) (*op, error) {
		c, err := recorded(dir, lib, records)
		if err != nil {
			return nil, err
		}
		id, want := "", records
		if one {
			id, want = c.all[records/2].ContainerID, 1
		}
		return &op{run: func(int) (any, error) {
			n, attachments, err := c.Cached(id)
			if err == nil && n != want {
				err = fmt.Errorf("%d attachments, not %d", n, want)
			}
			return attachments, err
		}}, nil
	}
}

// gcRow collects garbage where there is none.
func gcRow(records int) func(*Bench, string, library) (*op, error) {
	return func(_ *Bench, dir string, lib library) (*op, error) {
		c, err := recorded(dir, lib, records)
		if err != nil {
			return nil, err
		}
		valid := make([]types.GCAttachment, len(c.all))
		for i, a := range c.all {
			valid[i] = types.GCAttachment{ContainerID: a.ContainerID, IfName: a.IfName}
		}
		return &op{run: func(int) (any, error) { return nil, c.GC(c.list, valid) }, exec: c.exec}, nil
	}
}

// staleRow collects that many attachments that are no longer valid; one operation
// is all of them.
func staleRow(records int) func(*Bench, string, library) (*op, error) {
	return func(_ *Bench, dir string, lib library) (*op, error) {
		c, err := newChained(dir, lib, conflist(networkName, 3))
		return &op{
			once:    true,
			prepare: func(int) error { return c.attached(records) },
			run:     func(int) (any, error) { return nil, c.GC(c.list, nil) },
		}, err
	}
}

// amongRow attaches and detaches a container among that many others.
func amongRow(others int) func(*Bench, string, library) (*op, error) {
	return func(_ *Bench, dir string, lib library) (*op, error) {
		c, err := recorded(dir, lib, others)
		one := container(others)
		return &op{run: func(int) (any, error) {
			if _, err := c.Add(c.list, one); err != nil {
				return nil, err
			}
			return nil, c.Del(c.list, one)
		}}, err
	}
}
