package podnet

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"sync"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
	"github.com/cnikit/cnikit/types"
)

// Manager attaches containers to networks. Its methods may be called from many
// goroutines. [Open] makes one, and it must be closed; the zero value is of no use.
type Manager struct {
	opts     Options
	store    *store
	exec     invoke.Exec // without a bound on how many run
	cni      *libcni.CNIConfig
	cleaning *libcni.CNIConfig // for DEL, which may do without what was uninstalled
	asking   *libcni.CNIConfig // for STATUS, which waits for no other plugin
	journals *journals

	containers keyed
	gate       gate
	flight     flight // the STATUS that is under way

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup // operations, of which none begins once it is closed
}

// Open loads the network configurations, finishes what an earlier process has left
// undone (see [Manager.Recover]; each attachment concerned is logged, at level Warn
// if it cannot be detached now), and begins to follow the configuration directory. A
// directory without a usable network is no error: one may be put there later.
//
// It does not wait for a plugin that a process which was killed has left: that does
// the first operation which needs its container, or Recover.
//
// The error is that of the context; nothing is open then.
func Open(ctx context.Context, opts Options) (*Manager, error) {
	opts = opts.withDefaults()
	m := &Manager{opts: opts, journals: newJournals(opts.CacheDir)}
	exec := opts.Exec
	if exec == nil {
		exec = &invoke.DefaultExec{RawExec: &invoke.RawExec{Stderr: discard{}}}
	}
	if !opts.NoLoopback {
		exec = &invoke.InProcess{Plugins: map[string]*invoke.Plugin{loopbackType: invoke.Loopback()}, Exec: exec}
	}
	m.exec = exec
	limited := gone{invoke.Limit(exec, opts.MaxPlugins), m}
	m.cni = m.newCNI(&limited)
	m.cleaning = m.newCNI(&absent{limited})
	m.asking = m.newCNI(exec)
	m.store = &store{
		dir: opts.ConfDir, plugins: opts.PluginDirs, pace: opts.pace, changed: opts.OnChange,
		find: func(plugin string) error {
			_, err := exec.FindInPath(plugin, opts.PluginDirs)
			return err
		},
		warn: func(msg string, fields ...any) { opts.Logger.Warn("podnet: "+msg, fields...) },
	}
	if opts.NoWatch {
		m.store.openWith(nil)
	} else {
		m.store.open()
	}
	found, err := m.recover(ctx, m.atOnce)
	if ctx.Err() != nil {
		_ = m.Close()
		return nil, ended(ctx)
	}
	for _, l := range found {
		m.report(l)
	}
	if err != nil {
		m.warn("what an earlier process has left cannot be looked at", err)
	}
	return m, nil
}

// report logs what became of a leftover that no caller is told of.
func (m *Manager) report(l Leftover) {
	if l.GivenUp != nil {
		return // which is logged
	}
	if l.Err == nil {
		m.log(slog.LevelInfo, "podnet: what an earlier operation has left is detached", l)
	} else {
		m.log(slog.LevelWarn, "podnet: what an earlier operation has left cannot be detached now", l)
	}
}

func (m *Manager) log(level slog.Level, msg string, l Leftover) {
	fields := []any{"containerID", l.ContainerID, "network", l.Network, "ifname", l.IfName, "path", l.Path, "recorded", l.Recorded}
	if l.Err != nil {
		fields = append(fields, "error", l.Err)
	}
	if errors.Is(l.Err, libcni.ErrAddRunning) {
		fields = append(fields, "toDo", endIt)
	}
	m.opts.Logger.Log(context.Background(), level, msg, fields...)
}

func (m *Manager) newCNI(exec invoke.Exec) *libcni.CNIConfig {
	return libcni.New(m.opts.PluginDirs, libcni.Options{
		Exec: exec, CacheDir: m.opts.CacheDir, NoSync: m.opts.NoSync,
		Rollback: true, RollbackTimeout: m.opts.Timeouts.rollback(),
		ContinueOnDelError: true, RequireRecord: true, RefuseSecondAdd: true, WaitForAdd: m.opts.waitForAdd,
		Env: m.opts.Env, Observer: m.opts.Observer,
		Warn: m.warnOfRecord,
	})
}

// warnOfRecord logs what libcni found on disk and could do without.
func (m *Manager) warnOfRecord(ctx context.Context, err error) {
	var record *libcni.RecordError
	if errors.As(err, &record) && record.Path == ctx.Value(toldOf{}) {
		return
	}
	if errors.Is(err, libcni.ErrAddRunning) {
		m.warn("DEL runs beside an ADD that is still under way", err)
		return
	}
	if plugin := (*invoke.PluginError)(nil); errors.As(err, &plugin) {
		m.opts.Logger.Info("podnet: DEL goes on without a plugin", "error", err)
		return
	}
	m.warn("a record of an attachment cannot be read or removed", err)
}

// discard takes the plugins' standard error: it is in the errors of those that
// fail, and an Observer gets its lines.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// Close waits for the operations that are under way, for plugins that have not
// answered STATUS too, and ends following the configuration directory: no goroutine of
// the manager's is left then. (An Exec of the caller's has to listen to its context.)
// What is attached stays attached. Later operations return [ErrClosed]; Config and
// Attachments still work.
func (m *Manager) Close() error {
	m.mu.Lock()
	closed := m.closed
	m.closed = true
	m.mu.Unlock()
	if closed {
		return ErrClosed
	}
	m.running.Wait()
	m.store.close()
	return nil
}

// Config returns the latest network configuration. It never fails: what is wrong
// is in it. It is the caller's: what is changed in it is not changed for the manager.
func (m *Manager) Config() *Config { return m.config().clone() }

// config is Config that shares it with all who ask.
func (m *Manager) config() *Config { return m.store.current.Load() }

// Reload reads the configuration directory now and returns the configuration, as
// Config does. A file that is bad counts as bad at once. Errors: the context's, which
// leaves the reading to go on; [ErrClosed].
func (m *Manager) Reload(ctx context.Context) (*Config, error) {
	done, err := m.begin()
	if err != nil {
		return nil, err
	}
	defer done()
	config, err := m.store.reload(ctx)
	if err != nil {
		return nil, err
	}
	return config.clone(), nil
}

// begin keeps the manager open until done is called.
func (m *Manager) begin() (done func(), err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	m.running.Add(1)
	return m.running.Done, nil
}

// used reports whether a configured network uses the plugin, and whether nobody can
// tell, since configurations cannot be read.
func (m *Manager) used(plugin string) (used, perhaps bool) {
	c := m.config()
	if c == nil {
		return false, true
	}
	unread := c.Err != nil && !errors.Is(c.Err, fs.ErrNotExist) || len(c.Bad) > 0
	return slices.Contains(c.plugins(), plugin), unread
}

func (m *Manager) warn(msg string, err error) {
	m.opts.Logger.Warn("podnet: "+msg, "error", err)
}

// hold is a container that the calling operation has for itself.
type hold struct {
	m       *Manager
	id      string
	unlock  func()
	leave   func()
	ended   func()
	journal *journal // nil: there could be none, and the operation does without
	// finished says that nothing is left of the operation.
	finished bool
}

// hold waits for the container, first for this process's operations on it, then
// for an operation on all containers, then for other processes. With try it returns
// errBusy instead of waiting for another process that works on the container.
//
// An operation that attaches needs a file for what it does. One that cleans up goes
// on without: the disk may be full, and that must not keep it from working. Where only
// this process can have no file (too many are open), others can, and it does not.
func (m *Manager) hold(ctx context.Context, id string, attach, try bool) (_ *hold, err error) {
	if err := types.ValidateContainerID(id); err != nil {
		return nil, err
	}
	h := &hold{m: m, id: id}
	defer func() {
		if err != nil {
			h.release()
		}
	}()
	if h.ended, err = m.begin(); err != nil {
		return nil, err
	}
	if h.unlock, err = m.containers.lock(ctx, id); err != nil {
		return nil, err
	}
	if h.leave, err = m.gate.enter(ctx, false); err != nil {
		return nil, err
	}
	h.journal, err = m.journals.container(ctx, id, try)
	if err != nil && !errors.Is(err, errBusy) && ctx.Err() == nil {
		err = &CacheDirError{Dir: m.opts.CacheDir, Err: err}
	}
	if err != nil && (attach || errors.Is(err, errBusy) || shortage(err) || ctx.Err() != nil) {
		return nil, beforePlugins(err)
	}
	if err != nil {
		m.warn("no lock between processes for container "+id, err)
	}
	return h, nil
}

// write notes what is about to be done.
func (h *hold) write(e entry) error {
	if err := h.journal.begin(e); err != nil {
		return &CacheDirError{Dir: h.m.opts.CacheDir, Err: err}
	}
	return nil
}

// done says that what was written down is done, and not to be undone. left is what is
// to be detached all the same.
func (h *hold) done(left []key) error {
	if len(left) > 0 {
		return h.write(entry{Operation: attaching, Attachments: left})
	}
	if err := h.journal.commit(); err != nil {
		return &CacheDirError{Dir: h.m.opts.CacheDir, Err: err}
	}
	h.finished = true
	return nil
}

// left is what an earlier operation on the container did not finish.
func (h *hold) left() []key {
	if h.journal == nil {
		return nil
	}
	return h.journal.left.Attachments
}

// unseen is what an earlier operation has left and nothing on disk tells of, if err
// says that not everything could be read; otherwise it has been finished.
func (h *hold) unseen(traces []*trace, err error) []key {
	if err == nil {
		return nil
	}
	seen := keysOf(traces)
	return slices.DeleteFunc(slices.Clone(h.left()), func(k key) bool { return slices.Contains(seen, k) })
}

// end notes what the operation leaves undone. If it cannot be noted, the file says
// what the operation began: more, of which the next one finds nothing.
func (h *hold) end(operation string, left []key) {
	h.finished = len(left) == 0
	if h.finished {
		return
	}
	if err := h.write(entry{Operation: operation, Attachments: left}); err != nil {
		h.m.warn("the file of an operation on container "+h.id+" names more than what is left", err)
	}
}

// release lets the next operation on the container begin.
func (h *hold) release() {
	if h.journal != nil {
		if err := h.journal.end(h.finished); err != nil {
			h.m.warn("the file of an operation on container "+h.id+" stays", err)
		}
	}
	for _, release := range []func(){h.leave, h.unlock, h.ended} {
		if release != nil {
			release()
		}
	}
}
