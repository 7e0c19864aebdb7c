package apidiff

import (
	"fmt"
	"go/constant"
	"go/token"
	"go/types"
)

// comparison finds out what one package lacks of another's exported API.
type comparison struct {
	same    map[string]string // import path of theirs to that of ours
	missing []string          // the findings, one line each
}

func (c *comparison) miss(format string, args ...any) {
	c.missing = append(c.missing, fmt.Sprintf(format, args...))
}

// packages compares every exported identifier of theirs with ours.
func (c *comparison) packages(theirs, ours *types.Package) {
	for _, name := range theirs.Scope().Names() {
		want := theirs.Scope().Lookup(name)
		if !want.Exported() {
			continue
		}
		if got := ours.Scope().Lookup(name); got == nil {
			c.miss("%s: does not exist", name)
		} else {
			c.objects(name, want, got)
		}
	}
}

func (c *comparison) objects(name string, want, got types.Object) {
	if fmt.Sprintf("%T", want) != fmt.Sprintf("%T", got) {
		c.miss("%s: %T, want %T", name, got, want)
		return
	}
	switch want := want.(type) {
	case *types.Const:
		if g := got.(*types.Const); !constant.Compare(want.Val(), token.EQL, g.Val()) {
			c.miss("%s: value %s, want %s", name, g.Val(), want.Val())
		}
		c.types(name, want.Type(), got.Type())
	case *types.TypeName:
		c.declared(name, want.Type(), got.Type())
	default:
		c.types(name, want.Type(), got.Type())
	}
}

// declared compares two types that go by the same name. Types that are one by
// alias are equal; otherwise ours may have more fields and methods, except that
// an interface may not: others implement it.
func (c *comparison) declared(name string, want, got types.Type) {
	if types.Identical(want, got) {
		return
	}
	wantStruct, isStruct := want.Underlying().(*types.Struct)
	gotStruct, ok := got.Underlying().(*types.Struct)
	switch {
	case isStruct && ok:
		c.fields(name, wantStruct, gotStruct)
	default:
		c.types(name, want.Underlying(), got.Underlying())
	}
	if types.IsInterface(want) {
		return
	}
	c.methods(name, want, got)
	c.methods("*"+name, types.NewPointer(want), types.NewPointer(got))
}

func (c *comparison) fields(name string, want, got *types.Struct) {
	tags := map[string]string{}
	fields := map[string]*types.Var{}
	for i := range got.NumFields() {
		fields[got.Field(i).Name()], tags[got.Field(i).Name()] = got.Field(i), got.Tag(i)
	}
	for i := range want.NumFields() {
		f := want.Field(i)
		if !f.Exported() {
			continue
		}
		g, where := fields[f.Name()], name+"."+f.Name()
		switch {
		case g == nil:
			c.miss("%s: does not exist", where)
			continue
		case f.Embedded() != g.Embedded():
			c.miss("%s: embedded is %t, want %t", where, g.Embedded(), f.Embedded())
		case want.Tag(i) != tags[f.Name()]:
			c.miss("%s: tag %q, want %q", where, tags[f.Name()], want.Tag(i))
		}
		c.types(where, f.Type(), g.Type())
	}
}

// methods compares method sets, promoted methods included.
func (c *comparison) methods(name string, want, got types.Type) {
	wantSet, gotSet := types.NewMethodSet(want), types.NewMethodSet(got)
	for m := range wantSet.Methods() {
		if !m.Obj().Exported() {
			continue
		}
		where := "(" + name + ")." + m.Obj().Name()
		if g := gotSet.Lookup(nil, m.Obj().Name()); g == nil {
			c.miss("%s: does not exist", where)
		} else {
			c.types(where, m.Type(), g.Type())
		}
	}
}

func (c *comparison) types(where string, want, got types.Type) {
	if !c.equal(want, got) {
		c.miss("%s: %s, want %s", where, got, want)
	}
}

// equal reports whether two types are the same but for the packages that the
// table puts in each other's place.
func (c *comparison) equal(want, got types.Type) bool {
	want, got = types.Unalias(want), types.Unalias(got)
	if types.Identical(want, got) {
		return true
	}
	switch w := want.(type) {
	case *types.Named:
		g, ok := got.(*types.Named)
		return ok && w.Obj().Pkg() != nil && g.Obj().Pkg() != nil && w.Obj().Name() == g.Obj().Name() &&
			c.same[w.Obj().Pkg().Path()] == g.Obj().Pkg().Path()
	case *types.Pointer:
		g, ok := got.(*types.Pointer)
		return ok && c.equal(w.Elem(), g.Elem())
	case *types.Slice:
		g, ok := got.(*types.Slice)
		return ok && c.equal(w.Elem(), g.Elem())
	case *types.Array:
		g, ok := got.(*types.Array)
		return ok && w.Len() == g.Len() && c.equal(w.Elem(), g.Elem())
	case *types.Map:
		g, ok := got.(*types.Map)
		return ok && c.equal(w.Key(), g.Key()) && c.equal(w.Elem(), g.Elem())
	case *types.Chan:
		g, ok := got.(*types.Chan)
		return ok && w.Dir() == g.Dir() && c.equal(w.Elem(), g.Elem())
	case *types.Signature:
		g, ok := got.(*types.Signature)
		return ok && w.Variadic() == g.Variadic() && c.tuples(w.Params(), g.Params()) && c.tuples(w.Results(), g.Results())
	case *types.Interface:
		g, ok := got.(*types.Interface)
		if !ok || w.NumMethods() != g.NumMethods() {
			return false
		}
		for i := range w.NumMethods() { // sorted by name
			if w.Method(i).Name() != g.Method(i).Name() || !c.equal(w.Method(i).Type(), g.Method(i).Type()) {
				return false
			}
		}
		return true
	}
	return false // generic and unnamed struct types: upstream has none
}

func (c *comparison) tuples(want, got *types.Tuple) bool {
	if want.Len() != got.Len() {
		return false
	}
	for i := range want.Len() {
		if !c.equal(want.At(i).Type(), got.At(i).Type()) {
			return false
		}
	}
	return true
}
