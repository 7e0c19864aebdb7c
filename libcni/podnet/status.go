package podnet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

// State says whether a network, or a plugin, can attach containers. The greater
// the worse.
type State int

const (
	// Ready: all plugins say so.
	Ready State = iota
	// Unknown: the executables are there, but the configuration's version is below
	// 1.1.0 and has no STATUS.
	Unknown
	// Limited: attaching works, connectivity is limited (code 51).
	Limited
	// NotAvailable: a plugin cannot attach now (code 50).
	NotAvailable
	// Failed: a plugin, or the one that gives it the addresses (ipam), has no
	// executable, failed in another way, or did not answer in time.
	Failed
	// BadConfig: the network's file cannot be used.
	BadConfig
)

// String returns the state in a word.
func (s State) String() string {
	if s < Ready || s > BadConfig {
		return fmt.Sprintf("State(%d)", int(s))
	}
	return [...]string{"ready", "unknown", "limited", "not available", "failed", "bad configuration"}[s]
}

// NetworkStatus is what is known of one network.
type NetworkStatus struct {
	// Name is empty if the file is too bad to tell.
	Name string
	File string
	// State is the worst of the plugins'.
	State State
	// Err is the first plugin's that is in this state, or the file's.
	Err error
	// Plugins are in the order of the configuration.
	Plugins []PluginStatus
}

// PluginStatus is what one plugin of a network says.
type PluginStatus struct {
	Type  string
	State State
	// Err has the plugin's own words, see [*invoke.PluginError].
	Err error
}

// Status asks all plugins of all networks whether they are ready, in parallel, and
// returns the networks in the order of their files, the bad files at the end: a network
// of [Config].Kept is there twice, as it is in use and with its file. It waits for no
// other operation and holds none up. Calls at the same time share one answer.
//
// A plugin that has not answered within [Timeouts].Status has failed. An empty answer
// is that of a directory without networks; see [Config].Err for one that cannot be
// read. The error is the context's or [ErrClosed]. (SPEC.md, section 2, "STATUS".)
func (m *Manager) Status(ctx context.Context) ([]NetworkStatus, error) {
	call, err := m.flight.join(m)
	if err != nil {
		return nil, err
	}
	select {
	case <-call.done:
		answer := slices.Clone(call.answer)
		for i := range answer {
			answer[i].Plugins = slices.Clone(answer[i].Plugins)
		}
		return answer, nil
	case <-ctx.Done():
		return nil, ended(ctx)
	}
}

// flight is the STATUS that is under way, if there is one.
type flight struct {
	mu   sync.Mutex
	call *flightCall
}

type flightCall struct {
	done   chan struct{}
	answer []NetworkStatus
}

func (f *flight) join(m *Manager) (*flightCall, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.call != nil {
		return f.call, nil
	}
	done, err := m.begin()
	if err != nil {
		return nil, err
	}
	call := &flightCall{done: make(chan struct{})}
	f.call = call
	go func() {
		defer done()
		ctx, cancel := context.WithTimeout(context.Background(), m.opts.Timeouts.Status)
		defer cancel()
		var asked sync.WaitGroup
		call.answer = m.ask(ctx, &asked)
		f.mu.Lock()
		f.call = nil
		f.mu.Unlock()
		close(call.done)
		asked.Wait() // who has not answered in time is still there, and Close waits
	}()
	return call, nil
}

// ask asks all networks, in goroutines that it adds to asked. It returns when ctx ends,
// whoever has not answered by then.
func (m *Manager) ask(ctx context.Context, asked *sync.WaitGroup) []NetworkStatus {
	config := m.config()
	answer := make([]NetworkStatus, len(config.Networks), len(config.Networks)+len(config.Bad))
	type plugin struct {
		network, plugin int
		PluginStatus
	}
	total := 0
	for _, n := range config.Networks {
		total += len(n.Plugins)
	}
	answers := make(chan plugin, total)
	for i, n := range config.Networks {
		answer[i] = NetworkStatus{Name: n.Name, File: n.File, Plugins: make([]PluginStatus, len(n.Plugins))}
		for j, p := range n.Plugins {
			answer[i].Plugins[j] = PluginStatus{Type: p.Network.Type, State: Failed}
			asked.Go(func() { answers <- plugin{i, j, m.askPlugin(ctx, n.NetworkConfigList, j)} })
		}
	}
	for got := 0; got < total && ctx.Err() == nil; {
		select {
		case a := <-answers:
			answer[a.network].Plugins[a.plugin] = a.PluginStatus
			got++
		case <-ctx.Done():
		}
	}
	for i := range answer {
		answer[i].sum(ctx.Err())
	}
	for _, bad := range config.Bad {
		answer = append(answer, NetworkStatus{Name: bad.Network, File: bad.File, State: BadConfig, Err: bad})
	}
	return answer
}

// sum makes the network's state of its plugins'. late is the error of those that
// have not answered.
func (s *NetworkStatus) sum(late error) {
	for i := range s.Plugins {
		p := &s.Plugins[i]
		if p.State == Failed && p.Err == nil {
			p.Err = fmt.Errorf("plugin %s has not answered: %w", p.Type, late)
		}
		if p.State > s.State {
			s.State, s.Err = p.State, p.Err
		}
	}
}

// find returns an error that names all of the plugins that have no executable.
func (m *Manager) find(plugins []string) error {
	var errs []error
	for _, plugin := range plugins {
		errs = append(errs, m.store.find(plugin))
	}
	return join(errs...)
}

// askPlugin asks one plugin of a network.
func (m *Manager) askPlugin(ctx context.Context, n *libcni.NetworkConfigList, plugin int) PluginStatus {
	p := n.Plugins[plugin]
	s := PluginStatus{Type: p.Network.Type}
	if s.Err = m.find(pluginsOf(p)); s.Err != nil {
		s.State = Failed
		return s
	}
	if !n.Supports("STATUS") {
		s.State = Unknown
		return s
	}
	alone := *n
	alone.Plugins = []*libcni.PluginConfig{p}
	s.Err = m.asking.GetStatusNetworkList(ctx, &alone)
	var failed *invoke.PluginError
	switch {
	case s.Err == nil:
	case !errors.As(s.Err, &failed):
		s.State = Failed
	case failed.Code == types.ErrPluginNotAvailable:
		s.State = NotAvailable
	case failed.Code == types.ErrLimitedConnectivity:
		s.State = Limited
	default:
		s.State = Failed
	}
	return s
}
