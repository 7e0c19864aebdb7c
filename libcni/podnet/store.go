package podnet

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/cnikit/cnikit/libcni"
)

// store has the latest good configuration and follows the files it comes from.
type store struct {
	dir     string                    // of configurations
	plugins []string                  // directories of plugins
	find    func(plugin string) error // nil: there is an executable
	warn    func(msg string, fields ...any)
	changed func(*Config) // called from one goroutine
	pace    pace

	current  atomic.Pointer[Config]
	requests chan chan struct{}
	stop     context.CancelFunc
	stopped  <-chan struct{}
	done     sync.WaitGroup

	// What follows belongs to the goroutine.
	watch   *watch
	blind   error     // why not everything is watched that there is
	suspect *Config   // read last time, and worse than the current one
	since   time.Time // when that was read for the first time
	rereads int
}

// pace says how fast the store reacts.
type pace struct {
	quiet    time.Duration // without another change, before files are read
	patience time.Duration // after the first change, at most
	settle   time.Duration // between two readings of what may be half written
	reread   int           // readings, at most, until what is bad counts as such
	rescan   time.Duration // for changes that nothing tells of
	blind    time.Duration // the same, when files cannot be watched
}

var defaultPace = pace{
	quiet: 50 * time.Millisecond, patience: time.Second,
	settle: 150 * time.Millisecond, reread: 20,
	rescan: time.Minute, blind: 2 * time.Second,
}

// open reads the directory for the first time and begins to follow it.
func (s *store) open() {
	w, err := newWatch()
	if err != nil {
		s.warn("network configurations cannot be watched and are read again every "+s.pace.blind.String(), "error", err)
	}
	s.openWith(w)
}

// openWith is open with a watch, or without one.
func (s *store) openWith(w *watch) {
	ctx, cancel := context.WithCancel(context.Background())
	s.requests, s.stop, s.stopped = make(chan chan struct{}), cancel, ctx.Done()
	s.watch = w
	first := s.read()
	s.current.Store(first)
	s.tell(first, nil)
	s.done.Go(s.run)
}

// close ends following; the configuration stays.
func (s *store) close() {
	s.stop()
	s.done.Wait()
}

// reload reads the directory now. What is bad counts at once.
func (s *store) reload(ctx context.Context) (*Config, error) {
	done := make(chan struct{})
	select {
	case s.requests <- done:
	case <-ctx.Done():
		return nil, ended(ctx)
	case <-s.stopped:
		return nil, ErrClosed
	}
	select {
	case <-done:
		return s.current.Load(), nil
	case <-ctx.Done():
		return nil, ended(ctx)
	}
}

func (s *store) run() {
	timer := time.NewTimer(s.pace.quiet)
	defer timer.Stop()
	every := s.rescan()
	rescan := time.NewTicker(every)
	defer rescan.Stop()
	var events <-chan fsnotify.Event
	var faults <-chan error
	if s.watch != nil {
		defer s.watch.close()
		events, faults = s.watch.notify.Events, s.watch.notify.Errors
	}
	var first time.Time // of the changes not yet looked at
	for {
		if now := s.rescan(); now != every {
			every = now
			rescan.Reset(every)
		}
		select {
		case <-s.stopped:
			return
		case event := <-events:
			if !s.watch.matters(event) {
				continue
			}
			if first.IsZero() {
				first = time.Now()
			}
			timer.Reset(min(s.pace.quiet, max(0, s.pace.patience-time.Since(first))))
			continue
		case err := <-faults: // most often: too many events to keep
			s.warn("watching network configurations", "error", err)
			timer.Reset(s.pace.quiet)
			continue
		case done := <-s.requests:
			s.publish(s.read())
			close(done)
		case <-rescan.C:
			if s.refresh() {
				timer.Reset(s.pace.settle)
			}
		case <-timer.C:
			first = time.Time{}
			if s.refresh() {
				timer.Reset(s.pace.settle)
			}
		}
	}
}

// rescan is how often files are read that nobody has told of.
func (s *store) rescan() time.Duration {
	if s.watch == nil || s.blind != nil {
		return s.pace.blind
	}
	return s.pace.rescan
}

// refresh reads the directory and publishes what it finds, unless that is worse
// than before and has not been so for a while: then somebody may be writing, and it
// reports that it wants to read again. (Two readings that agree say nothing if one
// follows the other at once: what the second one was told of, the first has seen.)
func (s *store) refresh() (again bool) {
	next := s.read()
	if !next.worse(s.current.Load()) {
		s.publish(next)
		return false
	}
	now := time.Now()
	if !next.same(s.suspect) {
		if s.rereads == s.pace.reread {
			s.publish(next)
			return false
		}
		s.suspect, s.since = next, now
		s.rereads++
	}
	if now.Sub(s.since) < s.pace.settle {
		return true
	}
	s.publish(next)
	return false
}

// publish makes next the current configuration, if it is another one.
func (s *store) publish(next *Config) {
	s.suspect, s.rereads = nil, 0
	prev := s.current.Load()
	if next.same(prev) {
		return
	}
	s.current.Store(next)
	s.tell(next, prev)
	if s.changed != nil {
		s.changed(next.clone())
	}
}

// tell warns of what is wrong and was not in prev, each once.
func (s *store) tell(next, prev *Config) {
	if next.Err != nil && (prev == nil || prev.Err == nil || prev.Err.Error() != next.Err.Error()) {
		msg := "network configurations cannot be read and stay as they were"
		if errors.Is(next.Err, fs.ErrNotExist) {
			msg = "there are no networks, their directory does not exist"
		}
		s.warn(msg, "dir", s.dir, "error", next.Err)
	}
	told := map[complaint]bool{}
	if prev != nil {
		for _, c := range s.complaints(prev) {
			told[c] = true
		}
	}
	for _, c := range s.complaints(next) {
		if told[c] {
			continue
		}
		fields := []any{"file", c.file}
		for _, f := range [...][2]string{{"network", c.network}, {"plugin", c.plugin}, {"at", c.place}, {"error", c.err}} {
			if f[1] != "" {
				fields = append(fields, f[0], f[1])
			}
		}
		s.warn(c.msg, fields...)
	}
}

// complaint is what is wrong with one network, for the log.
type complaint struct{ msg, file, network, plugin, place, err string }

func (s *store) complaints(c *Config) []complaint {
	var all []complaint
	for _, bad := range c.Bad {
		msg := "a network configuration is bad and not in use"
		if slices.ContainsFunc(c.Networks, func(n *libcni.NetworkFile) bool {
			return slices.Contains(c.Kept, n.Name) && (n.Name == bad.Network || n.File == bad.File)
		}) {
			msg = "a network configuration is bad, its network stays in use as it was when it was good"
		}
		all = append(all, complaint{msg: msg, file: bad.File, network: bad.Network, place: bad.Place(), err: bad.Error()})
	}
	for _, odd := range c.Warnings {
		all = append(all, complaint{
			msg: "a network configuration is in use, but may not mean what it seems to", file: odd.File,
			network: odd.Network, place: odd.Place(), err: odd.Error(),
		})
	}
	for _, n := range c.Networks {
		for _, plugin := range missingOf(n.NetworkConfigList, c.Missing) {
			all = append(all, complaint{
				msg: "a network cannot attach, a plugin of it is not installed", file: n.File, network: n.Name, plugin: plugin,
				err: "no executable of plugin " + plugin + " in " + strings.Join(s.plugins, ", "),
			})
		}
	}
	return all
}

// read reads the directory and watches what was read. It reads again when it
// could have missed a change between the reading and the watching.
func (s *store) read() *Config {
	for tries := 0; ; tries++ {
		next := loadConfig(s.dir, s.find, s.current.Load())
		if s.watch == nil || tries == 5 {
			return next
		}
		more, err := s.watch.follow(s.places(next))
		if err != nil && (s.blind == nil || s.blind.Error() != err.Error()) {
			s.warn("not all network configurations can be watched, they are read again every "+s.pace.blind.String(), "error", err)
		}
		s.blind = err
		if !more {
			return next
		}
	}
}

// places returns the directories and files that a configuration depends on.
func (s *store) places(c *Config) (dirs, files []string) {
	dirs = append(append(dirs, s.dir), s.plugins...)
	for _, n := range c.Networks {
		dirs = append(dirs, filepath.Join(filepath.Dir(n.File), n.Name)) // drop-in folder
		files = append(append(files, n.File), n.PluginFiles...)
	}
	for _, bad := range c.Bad {
		files = append(files, bad.File)
		if bad.Network != "" {
			dirs = append(dirs, filepath.Join(s.dir, bad.Network))
		}
	}
	return dirs, files
}
