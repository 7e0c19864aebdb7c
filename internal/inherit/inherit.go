// Package inherit tells, through a context, which open file the processes that are
// started under it are to inherit: who asks for the processes knows the file, who
// starts them knows how, and between the two stands whatever Exec a runtime has.
package inherit

import (
	"context"
	"os"
)

// A Lender has the file. It may be asked several times, from several goroutines, and
// not at all. Nil: there is no file.
type Lender interface{ Lend() *os.File }

type lenderKey struct{}

// With returns a context under which processes inherit l's file.
func With(ctx context.Context, l Lender) context.Context {
	return context.WithValue(ctx, lenderKey{}, l)
}

// File returns the file that a process is to inherit; nil if there is none.
func File(ctx context.Context) *os.File {
	if l, ok := ctx.Value(lenderKey{}).(Lender); ok {
		return l.Lend()
	}
	return nil
}
