package invoke

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxTraceValue is as much as the W3C's recommendation on baggage asks programs to
// pass on.
const maxTraceValue = 8192

// TraceContext is what a plugin is told about the trace that its run is part of,
// in the variables TRACEPARENT, TRACESTATE and BAGGAGE of its environment. The
// values are those of the W3C's headers of these names. The zero value is nothing.
type TraceContext struct {
	TraceParent string // 00-<32 hex digits of the trace>-<16 of the span>-<2 of flags>
	TraceState  string // goes only with a TraceParent
	Baggage     string
}

// Validate says what is wrong with the values. A run is never failed for them: a
// value with a fault is left out of the plugin's environment, and TraceState with
// TraceParent.
func (t TraceContext) Validate() error {
	var errs []error
	if t.TraceParent != "" && !validTraceParent(t.TraceParent) {
		errs = append(errs, fmt.Errorf("TRACEPARENT: %q is not of the form version-trace-span-flags", clip(t.TraceParent, head)))
	}
	if t.TraceState != "" && t.TraceParent == "" {
		errs = append(errs, errors.New("TRACESTATE: means nothing without TRACEPARENT"))
	}
	if !validTraceText(t.TraceState) {
		errs = append(errs, fmt.Errorf("TRACESTATE: not printable ASCII of at most %d characters", maxTraceValue))
	}
	if !validTraceText(t.Baggage) {
		errs = append(errs, fmt.Errorf("BAGGAGE: not printable ASCII of at most %d characters", maxTraceValue))
	}
	return errors.Join(errs...)
}

// environ returns a plugin's environment with the trace in it: env itself when
// there is nothing to add. A parent takes the place of the one that env has, and
// of its state, which is that other parent's.
func (t TraceContext) environ(env []string) []string {
	var set, drop []string
	add := func(name, value string) {
		if value != "" && validTraceText(value) {
			set = append(set, name+"="+value)
		}
	}
	if validTraceParent(t.TraceParent) {
		drop = append(drop, "TRACESTATE")
		add("TRACEPARENT", t.TraceParent)
		add("TRACESTATE", t.TraceState)
	}
	add("BAGGAGE", t.Baggage)
	if len(set) == 0 {
		return env
	}
	// Dropped after merging: a nil env is this process's only then.
	env = mergeEnv(env, set...)
	return slices.DeleteFunc(env, func(kv string) bool {
		return slices.ContainsFunc(drop, func(name string) bool {
			return sameName(name, envName(kv)) && !slices.Contains(set, kv)
		})
	})
}

// validTraceParent follows the recommendation: lower-case hex digits, neither
// trace nor span zero, version ff is none, and versions after 00 may have more to
// say at the end.
func validTraceParent(s string) bool {
	const size = len("00-") + 32 + len("-") + 16 + len("-00")
	if len(s) < size || len(s) > size && (s[:2] == "00" || s[size] != '-') || !validTraceText(s) {
		return false
	}
	part := strings.Split(s[:size], "-")
	if len(part) != 4 || len(part[0]) != 2 || len(part[1]) != 32 || len(part[2]) != 16 {
		return false
	}
	for _, p := range part {
		if strings.Trim(p, "0123456789abcdef") != "" {
			return false
		}
	}
	return part[0] != "ff" && strings.Trim(part[1], "0") != "" && strings.Trim(part[2], "0") != ""
}

func validTraceText(s string) bool {
	notPrintable := func(r rune) bool { return r < ' ' || r > '~' }
	return len(s) <= maxTraceValue && !strings.ContainsFunc(s, notPrintable)
}
