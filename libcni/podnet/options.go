package podnet

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/cnikit/cnikit/invoke"
)

// Options are the choices of a [Manager]. The zero value is ready for use on a
// node whose files are where they usually are.
type Options struct {
	// ConfDir has the network configurations. Empty: /etc/cni/net.d.
	ConfDir string
	// PluginDirs are where plugins are looked for, in order. Empty: /opt/cni/bin.
	PluginDirs []string
	// CacheDir has the records and what else must outlive a crash. It is for this
	// manager, and others with the same ConfDir, alone: GC detaches whatever else
	// is on record there. Empty: /var/lib/cni/podnet.
	CacheDir string
	// NoWatch reads the files of ConfDir and the plugins' directories again every two
	// seconds, in place of being told of changes: for file systems that tell of none,
	// and for tests in a testing/synctest bubble, where time stands still while
	// anybody waits for a file ("Testing" in the package documentation).
	NoWatch bool

	// DefaultNetwork is the network of containers that ask for none. Empty: the
	// first one in lexical order of the files' names, see [Config.Default].
	DefaultNetwork string
	// IfPrefix is what interface names begin with that the manager assigns; a
	// number follows. Empty: eth.
	IfPrefix string
	// NoLoopback leaves the containers' loopback interface as it is. By default
	// the first Attach of a container brings it up: by the first configured
	// network that has no other plugin than loopback, else by one of the
	// manager's own, and in either case without a process ([invoke.Loopback]).
	NoLoopback bool

	// MaxPlugins bounds how many plugins run at a time. Those that wait are let in
	// in the order in which they came. Those of Status do not count and do not wait:
	// one that hangs must not make the others look ill. 0: 16; negative: no bound.
	MaxPlugins int
	// Timeouts bound each verb.
	Timeouts Timeouts

	// Exec finds and runs the plugins. Nil: they are processes.
	Exec invoke.Exec
	// Env says which of this process's variables the plugins inherit.
	Env invoke.EnvPolicy
	// Observer is told of every plugin run.
	Observer *invoke.Observer
	// NoSync is libcni's option of that name: records are not safe against a crash
	// of the machine.
	NoSync bool

	// Logger gets what goes wrong without failing a call: configurations that are bad
	// or odd, and plugins that are not installed, each at Open or when it comes up;
	// directories that do not exist or cannot be read or watched; leftovers; plugins that
	// were given up; waiting for plugins that outlive their runtime; capability
	// arguments that no plugin takes; at level Info the leftovers that Open has cleaned
	// up, and plugins that refuse an ADD and its DEL for the version's sake. Nil: nobody.
	Logger *slog.Logger
	// OnChange is called with each new configuration after the one that Open loads,
	// one at a time, and perhaps before Open has returned. It must return soon: the
	// directory is not followed meanwhile. It must not call Close or Reload.
	OnChange func(*Config)

	pace pace // of following the directory; zero: defaultPace

	waitForAdd time.Duration // that an ADD that is under way is waited for; zero: 10 seconds
}

// Timeouts bound the verbs, each for one network and one container. 0 stands for
// the time given here, a negative value for no bound. Waiting for a place among
// [Options].MaxPlugins counts; waiting for other operations on a container is bounded by
// the caller's context alone.
//
// All are within the caller's context, but for what undoes a failed Attach: that
// has Del for each network to undo, the failed one and loopback included. So Attach
// returns at the latest when its context has ended and Del has passed for each of
// its networks, and whenever a plugin has to be killed, [invoke.RawExec.Grace] more.
// (An Exec of the caller's has to listen to its context.)
type Timeouts struct {
	Add    time.Duration // 2 minutes
	Check  time.Duration // 30 seconds
	Del    time.Duration // 1 minute; rolling back is bounded in any case
	GC     time.Duration // 1 minute, for the plugins of one network
	Status time.Duration // 10 seconds, for all networks together; always bounded
}

// Errors that operations return; found by errors.Is.
var (
	// ErrClosed says that the manager was closed. All methods of it return that then,
	// but for Config and Attachments.
	ErrClosed = errors.New("network manager is closed")
	// ErrInterfaceInUse says that another attachment of the container has the
	// interface name, or that an interface of that name is in its network namespace.
	ErrInterfaceInUse = errors.New("interface name is in use in this container")
	// ErrUnfinished says that an attachment is one that an earlier operation has
	// left and that nobody could detach since. [Manager.Recover] and the next
	// operation on the container try again, [Manager.Forget] gives it up.
	ErrUnfinished = errors.New("an earlier operation on the container is not finished")
)

// withDefaults fills in what is not said.
func (o Options) withDefaults() Options {
	set := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	set(&o.ConfDir, "/etc/cni/net.d")
	set(&o.CacheDir, "/var/lib/cni/podnet")
	set(&o.IfPrefix, "eth")
	if len(o.PluginDirs) == 0 {
		o.PluginDirs = []string{"/opt/cni/bin"}
	}
	// The caller may go on to change these.
	o.PluginDirs = slices.Clone(o.PluginDirs)
	o.Env.Allow, o.Env.Set = slices.Clone(o.Env.Allow), slices.Clone(o.Env.Set)
	if o.MaxPlugins == 0 {
		o.MaxPlugins = 16
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.pace == (pace{}) {
		o.pace = defaultPace
	}
	if o.waitForAdd == 0 {
		o.waitForAdd = 10 * time.Second
	}
	o.Timeouts = o.Timeouts.withDefaults()
	return o
}

func (t Timeouts) withDefaults() Timeouts {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&t.Add, 2 * time.Minute}, {&t.Check, 30 * time.Second}, {&t.Del, time.Minute},
		{&t.GC, time.Minute}, {&t.Status, 10 * time.Second},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	if t.Status < 0 {
		t.Status = 10 * time.Second
	}
	return t
}

// rollback is the bound of undoing one attachment.
func (t Timeouts) rollback() time.Duration {
	if t.Del < 0 {
		return time.Minute
	}
	return t.Del
}

// bounded is context.WithTimeout that knows of no timeout.
func bounded(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}
