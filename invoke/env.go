package invoke

import (
	"cmp"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
)

// EnvPolicy says which variables of this process a plugin gets to see. The zero
// value is the compatible one: all of them.
type EnvPolicy struct {
	// Allow, when it is not nil, is the list of names that are passed on; an empty
	// list passes on nothing. The six CNI variables are always there. A plugin
	// that runs other programs wants PATH in the list.
	Allow []string
	// Set are variables, "KEY=value", that every plugin gets in place of this
	// process's.
	Set []string
}

// Environ returns the whole environment of a plugin that is called with a: what
// the policy passes on of this process's environment, then Set, then the CNI
// variables, each going before the ones named earlier. It is sorted and has no
// name twice, so that it can be compared, and is meant to be made once and shared
// by the plugins of a chain.
func (p EnvPolicy) Environ(a *Args) []string {
	if p.Allow == nil && len(p.Set) == 0 {
		return mergeEnv(nil, a.vars()...)
	}
	env := os.Environ()
	if p.Allow != nil {
		env = slices.DeleteFunc(env, func(kv string) bool {
			return !slices.ContainsFunc(p.Allow, func(name string) bool { return sameName(name, envName(kv)) })
		})
	}
	env = append(env, p.Set...)
	return mergeEnv(env, a.vars()...)
}

// mergeEnv returns base and extra as one sorted list in which the last value of
// each name is left. A nil base stands for the environment of this process, as it
// does for a plugin. Entries that are not of the form KEY=value are kept.
func mergeEnv(base []string, extra ...string) []string {
	if base == nil {
		base = ownEnviron()
	} else {
		base = sortedEnv(base)
	}
	extra = sortedEnv(extra)
	env := make([]string, 0, len(base)+len(extra))
	for len(base) > 0 && len(extra) > 0 {
		order := strings.Compare(foldName(base[0]), foldName(extra[0]))
		if order < 0 {
			env, base = append(env, base[0]), base[1:]
			continue
		}
		env, extra = append(env, extra[0]), extra[1:]
		if order == 0 {
			base = base[1:]
		}
	}
	return append(append(env, base...), extra...)
}

// ownEnviron returns the environment of this process, sorted; not to be written to.
// Since it hardly ever changes it is sorted once: an ADD's environment then takes a
// third of the time (BenchmarkEnviron).
func ownEnviron() []string {
	env := os.Environ()
	last := lastOwn.Load()
	if last == nil || !slices.Equal(last.environ, env) {
		last = &ownEnv{env, sortedEnv(env)}
		lastOwn.Store(last)
	}
	return last.sorted
}

type ownEnv struct{ environ, sorted []string }

var lastOwn atomic.Pointer[ownEnv]

// sortedEnv returns a list that is sorted and in which the last value of each name is
// left: all itself, if it is such a list.
func sortedEnv(all []string) []string {
	if ascending(all) {
		return all
	}
	env := make([]string, 0, len(all))
	order := sortedByName(all)
	for i, at := range order {
		kv := all[at&placeMask]
		if i+1 == len(order) || !at.maySameName(order[i+1]) || foldName(kv) != foldName(all[order[i+1]&placeMask]) {
			env = append(env, kv)
		}
	}
	return env
}

func ascending(env []string) bool {
	for i := 1; i < len(env); i++ {
		if foldName(env[i-1]) >= foldName(env[i]) {
			return false
		}
	}
	return true
}

// place is where a variable is in an environment, below the first bytes of its name.
type place uint64

const (
	placeBits = 24
	placeMask = 1<<placeBits - 1
)

func (p place) maySameName(other place) bool { return p>>placeBits == other>>placeBits }

// sortedByName returns the places of variables in the order of their names, and of
// equal names in their own. It sorts numbers, and looks at names only where their
// first bytes are the same: in half the time (BenchmarkEnviron).
func sortedByName(env []string) []place {
	order := make([]place, len(env))
	for i, kv := range env {
		order[i] = place(firstBytes(foldName(kv))>>placeBits<<placeBits) | place(i)
	}
	slices.Sort(order)
	for i, end := 0, 0; i < len(order); i = end {
		for end = i + 1; end < len(order) && order[i].maySameName(order[end]); end++ {
		}
		if end > i+1 {
			slices.SortFunc(order[i:end], func(a, b place) int {
				if c := strings.Compare(foldName(env[a&placeMask]), foldName(env[b&placeMask])); c != 0 {
					return c
				}
				return cmp.Compare(a, b)
			})
		}
	}
	return order
}

// firstBytes is a number that orders names as their first eight bytes do, where those
// are none of them zero.
func firstBytes(name string) (n uint64) {
	for i := range min(len(name), 8) {
		n |= uint64(name[i]) << (56 - 8*i)
	}
	return n
}

// lookupEnv returns the last value of a name in an environment.
func lookupEnv(env []string, name string) string {
	for _, kv := range slices.Backward(env) {
		if key, value, ok := strings.Cut(kv, "="); ok && sameName(key, name) {
			return value
		}
	}
	return ""
}

// envName returns the name in KEY=value. Windows keeps each drive's directory in
// variables whose names begin with an equals sign.
func envName(kv string) string {
	if i := strings.IndexByte(kv, '='); i > 0 {
		return kv[:i]
	}
	if i := strings.IndexByte(kv[min(1, len(kv)):], '='); i >= 0 {
		return kv[:i+1]
	}
	return kv
}

func foldName(kv string) string {
	if runtime.GOOS == "windows" {
		return strings.ToUpper(envName(kv))
	}
	return envName(kv)
}

func sameName(a, b string) bool {
	if runtime.GOOS == "windows" {
		return strings.EqualFold(a, b)
	}
	return a == b
}
