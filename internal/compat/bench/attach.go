package bench

import (
	"os"
	"path/filepath"
)

var binDir = []string{"/opt/cni/bin"}

// chained is a runtime with fake plugins.
type chained struct {
	runtime
	list  any
	exec  *fakeExec
	cache string
	all   []*attachment
}

func newChained(dir string, lib library, conf []byte) (*chained, error) {
	c := &chained{exec: &fakeExec{}, cache: dir}
	c.runtime = lib.Runtime(dir, binDir, c.exec, 0)
	var err error
	c.list, err = lib.Parse(conf)
	return c, err
}

// fresh makes sure of n containers that are not attached.
func (c *chained) fresh(n int) error {
	c.all = containers(n)
	return os.RemoveAll(filepath.Join(c.cache, "results"))
}

// attached makes sure of n containers that are.
func (c *chained) attached(n int) error {
	if err := c.fresh(n); err != nil {
		return err
	}
	for _, a := range c.all {
		if _, err := c.Add(c.list, a); err != nil {
			return err
		}
	}
	return nil
}

func addRow(plugins int) func(*Bench, string, library) (*op, error) {
	return func(_ *Bench, dir string, lib library) (*op, error) {
		c, err := newChained(dir, lib, conflist(networkName, plugins))
		return &op{
			prepare: c.fresh,
			run:     func(i int) (any, error) { return c.Add(c.list, c.all[i]) },
			exec:    c.exec,
		}, err
	}
}

func checkRow(plugins int) func(*Bench, string, library) (*op, error) {
	return func(_ *Bench, dir string, lib library) (*op, error) {
		c, err := newChained(dir, lib, conflist(networkName, plugins))
		return &op{
			prepare: c.attached,
			run:     func(i int) (any, error) { return nil, c.Check(c.list, c.all[i]) },
			exec:    c.exec,
		}, err
	}
}

func delRow(plugins int) func(*Bench, string, library) (*op, error) {
	return func(_ *Bench, dir string, lib library) (*op, error) {
		c, err := newChained(dir, lib, conflist(networkName, plugins))
		return &op{
			prepare: c.attached,
			run:     func(i int) (any, error) { return nil, c.Del(c.list, c.all[i]) },
			exec:    c.exec,
		}, err
	}
}
