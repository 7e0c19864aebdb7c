package invoke

import (
	"os"
	"runtime"
	"slices"
	"strings"
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
		base = os.Environ()
	}
	// The names are cut out once and not in every comparison, and numbers are
	// sorted, not strings: twice as fast (BenchmarkEnviron).
	all := make([]string, 0, len(base)+len(extra))
	all = append(append(all, base...), extra...)
	names, order := make([]string, len(all)), make([]int, len(all))
	for i, kv := range all {
		names[i], order[i] = foldName(kv), i
	}
	slices.SortFunc(order, func(a, b int) int {
		if c := strings.Compare(names[a], names[b]); c != 0 {
			return c
		}
		return a - b
	})
	env := make([]string, 0, len(all))
	for i, at := range order {
		if i+1 == len(order) || names[at] != names[order[i+1]] {
			env = append(env, all[at])
		}
	}
	return env
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
