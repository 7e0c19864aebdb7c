package types

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Args are the pairs of CNI_ARGS, keys and values, in order: specification,
// section 2. The zero value has none. Args can be assigned to the Args of
// libcni's RuntimeConf and made from them, without a conversion.
//
// Plugins written in Go read CNI_ARGS with [LoadArgs], which fails for a key that it
// has no field for, unless IgnoreUnknown is set, and for a value that has a '='.
type Args [][2]string

// ArgsError says which pair of CNI_ARGS cannot be written or read.
type ArgsError struct {
	Index int    // the pair's place, from 0; that of a new pair is the number of pairs
	Key   string // the pair's key, or the whole pair if it has no '='
	Err   error  // what is wrong with it
}

// Error returns all of it in one line.
func (e *ArgsError) Error() string {
	return fmt.Sprintf("CNI_ARGS: pair %d, key %q: %s", e.Index, e.Key, e.Err)
}

// Unwrap returns Err.
func (e *ArgsError) Unwrap() error { return e.Err }

// ParseArgs returns the pairs of a text like "FOO=BAR;ABC=123", as they are:
// the text that String returns for them is s again. A value may contain '='. The empty
// text has no pairs. It returns an *[ArgsError] if a pair has no '=', an empty key or
// a NUL byte; that includes the empty pair after a final ';'.
func ParseArgs(s string) (Args, error) {
	if s == "" {
		return nil, nil
	}
	args := make(Args, 0, strings.Count(s, ";")+1)
	for pair := range strings.SplitSeq(s, ";") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, &ArgsError{Index: len(args), Key: pair, Err: errors.New("has no '='")}
		}
		if err := checkArg(key, value); err != nil {
			return nil, &ArgsError{Index: len(args), Key: key, Err: err}
		}
		args = append(args, [2]string{key, value})
	}
	return args, nil
}

// Get returns the value of key, and whether there is one. Of several it is the
// last, which is also the one that plugins use.
func (a Args) Get(key string) (value string, ok bool) {
	for _, pair := range slices.Backward(a) {
		if pair[0] == key {
			return pair[1], true
		}
	}
	return "", false
}

// Set gives key a value: in place if it has one, else at the end. Of several
// pairs with this key the first is changed and the others are removed. It returns
// an *[ArgsError], and changes nothing, if the key is empty or has one of ';', '='
// and NUL, or if the value has ';' or NUL: there is no way to write those.
//
// Set does not touch the array that a was made from.
func (a *Args) Set(key, value string) error {
	i := slices.IndexFunc(*a, func(pair [2]string) bool { return pair[0] == key })
	if err := checkArg(key, value); err != nil {
		if i < 0 {
			i = len(*a)
		}
		return &ArgsError{Index: i, Key: key, Err: err}
	}
	pair := [2]string{key, value}
	if i < 0 {
		*a = append(slices.Clip(*a), pair)
		return nil
	}
	changed := append(slices.Clone((*a)[:i]), pair)
	for _, other := range (*a)[i+1:] {
		if other[0] != key {
			changed = append(changed, other)
		}
	}
	*a = changed
	return nil
}

// Validate returns an *[ArgsError] for the first pair that [Args.Set] would
// refuse, or nil.
func (a Args) Validate() error {
	for i, pair := range a {
		if err := checkArg(pair[0], pair[1]); err != nil {
			return &ArgsError{Index: i, Key: pair[0], Err: err}
		}
	}
	return nil
}

// String returns the pairs as they are written to CNI_ARGS: "FOO=BAR;ABC=123".
// It does not check them, see [Args.Validate].
func (a Args) String() string {
	var b strings.Builder
	for i, pair := range a {
		if i > 0 {
			b.WriteByte(';')
		}
		b.WriteString(pair[0])
		b.WriteByte('=')
		b.WriteString(pair[1])
	}
	return b.String()
}

func checkArg(key, value string) error {
	switch {
	case key == "":
		return errors.New("the key is empty")
	case strings.ContainsAny(key, ";=\x00"):
		return errors.New("the key has one of ';', '=' and NUL")
	case strings.ContainsAny(value, ";\x00"):
		return errors.New("the value has ';' or NUL")
	}
	return nil
}
