package alias

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// linked are the variables that programs assign to. A Go package cannot
// re-export a variable: a copy of it would take an assignment and lose it. So
// these share their memory with ours through the linker, which works as long
// as ours is initialised with a constant value; TestSharedVariables in the
// suites watches over it.
var linked = []string{"CacheDir", "ExecutableFileExtensions"}

// writePackage writes into dir one file with every name that the package in
// the directory theirs exports, each leading to the import path ours.
func writePackage(dir, theirs, ours string) error {
	p := &pkg{ours: ours, base: path.Base(ours), fset: token.NewFileSet(), seen: map[string]bool{}, imports: map[string]string{}}
	files, err := filepath.Glob(filepath.Join(theirs, "*.go"))
	if err != nil {
		return err
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(p.fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if err := p.addFile(f); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	src, err := p.source()
	if err != nil {
		return fmt.Errorf("%s: %w", ours, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "alias.go"), src, 0o644)
}

// pkg collects the declarations of one generated package.
type pkg struct {
	ours, base string // import path and name of the package led to
	name       string // of the generated package
	fset       *token.FileSet
	seen       map[string]bool   // declared, perhaps by another system's file
	imports    map[string]string // name in the generated file -> path
	body       bytes.Buffer
}

func (p *pkg) addFile(f *ast.File) error {
	p.name = f.Name.Name
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && p.wants(d.Name) {
				if err := p.addFunc(f, d); err != nil {
					return err
				}
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					if s.TypeParams != nil {
						return fmt.Errorf("%s: generic types are not provided for", s.Name)
					}
					if p.wants(s.Name) {
						fmt.Fprintf(&p.body, "type %s = ours.%[1]s\n\n", s.Name)
					}
				case *ast.ValueSpec:
					if err := p.addValue(f, d.Tok, s); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

func (p *pkg) wants(name *ast.Ident) bool {
	if !name.IsExported() || p.seen[name.Name] {
		return false
	}
	p.seen[name.Name] = true
	return true
}

func (p *pkg) addValue(f *ast.File, tok token.Token, s *ast.ValueSpec) error {
	for i, name := range s.Names {
		switch {
		case !p.wants(name):
		case tok == token.CONST || !slices.Contains(linked, name.Name):
			fmt.Fprintf(&p.body, "%s %s = ours.%[2]s\n\n", tok, name)
		default:
			typ, err := p.typeOf(f, s, i)
			if err != nil {
				return err
			}
			p.imports["_"] = "unsafe"
			fmt.Fprintf(&p.body, "//go:linkname %s %s.%[1]s\nvar %[1]s %[3]s\n\n", name, p.ours, typ)
		}
	}
	return nil
}

// typeOf returns the type of a variable that is linked, from its declaration
// or from the literal it is initialised with.
func (p *pkg) typeOf(f *ast.File, s *ast.ValueSpec, i int) (string, error) {
	if s.Type != nil {
		return p.expr(f, s.Type)
	}
	switch v := s.Values[i].(type) {
	case *ast.BasicLit:
		if v.Kind == token.STRING {
			return "string", nil
		}
	case *ast.CompositeLit:
		return p.expr(f, v.Type)
	}
	return "", fmt.Errorf("%s: the type is not plain from its declaration", s.Names[i])
}

// addFunc writes a function with upstream's signature that calls ours: where
// the two differ, the generated package does not compile.
func (p *pkg) addFunc(f *ast.File, d *ast.FuncDecl) error {
	if d.Type.TypeParams != nil {
		return fmt.Errorf("%s: generic functions are not provided for", d.Name)
	}
	var params, args, results []string
	for _, field := range d.Type.Params.List {
		typ, err := p.expr(f, field.Type)
		if err != nil {
			return err
		}
		for range max(1, len(field.Names)) {
			arg := "a" + strconv.Itoa(len(args))
			params = append(params, arg+" "+typ)
			if strings.HasPrefix(typ, "...") {
				arg += "..."
			}
			args = append(args, arg)
		}
	}
	ret := ""
	if d.Type.Results != nil {
		ret = "return "
		for _, field := range d.Type.Results.List {
			typ, err := p.expr(f, field.Type)
			if err != nil {
				return err
			}
			for range max(1, len(field.Names)) {
				results = append(results, typ)
			}
		}
	}
	fmt.Fprintf(&p.body, "func %s(%s) (%s) { %[4]sours.%[1]s(%[5]s) }\n\n",
		d.Name, strings.Join(params, ", "), strings.Join(results, ", "), ret, strings.Join(args, ", "))
	return nil
}

// expr returns the source of a type and notes the imports it needs.
func (p *pkg) expr(f *ast.File, e ast.Expr) (string, error) {
	var err error
	ast.Inspect(e, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok {
			err = p.addImport(f, x.Name)
		}
		return false
	})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = printer.Fprint(&b, p.fset, e)
	return b.String(), err
}

func (p *pkg) addImport(f *ast.File, name string) error {
	for _, spec := range f.Imports {
		importPath, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		local := path.Base(importPath)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local == name {
			p.imports[name] = importPath
			return nil
		}
	}
	return fmt.Errorf("no import is named %s", name)
}

func (p *pkg) source() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Code generated by cnikit's alias generator. DO NOT EDIT.\n\n")
	fmt.Fprintf(&b, "// Package %s is %s under upstream's name.\npackage %[1]s\n\nimport (\n", p.name, p.ours)
	names := make([]string, 0, len(p.imports))
	for name := range p.imports {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "%s %q\n", name, p.imports[name])
	}
	fmt.Fprintf(&b, "ours %q\n)\n\n", p.ours)
	b.Write(p.body.Bytes())
	return format.Source(b.Bytes())
}
