package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// packages are those that a program imports, by the name that documents give them.
var packages = map[string]string{
	"libcni": "libcni", "podnet": "libcni/podnet", "invoke": "invoke",
	"invoketest": "invoke/invoketest", "types": "types", "version": "version",
}

const module = "github.com/cnikit/cnikit/"

var selector = regexp.MustCompile(`\b(libcni|podnet|invoke|invoketest|types|version)\.[A-Z]`)

// TestSnippetsCompile type-checks the code in documents and in doc comments. What a
// snippet does not declare (ctx, list, err, ...) may be anything.
func TestSnippetsCompile(t *testing.T) {
	compiled := newCompiled(t)
	count := 0
	check := func(where, code string) {
		count++
		t.Run(where, func(t *testing.T) {
			for _, fault := range compiled.faults(code) {
				t.Errorf("%s\n%s", fault, code)
			}
		})
	}
	for _, name := range markdown(t) {
		for i, m := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(read(t, name), -1) {
			check(fmt.Sprint(name, " ", i), m[1])
		}
	}
	for _, dir := range packages {
		for i, code := range commentedCode(t, dir) {
			check(fmt.Sprint(dir, " ", i), code)
		}
	}
	assert.Greater(t, count, 12)
}

func TestSnippetsCompileFindsFaults(t *testing.T) {
	compiled := newCompiled(t)
	for code, fault := range map[string]string{
		"cni := libcni.Now(nil, libcni.Options{})\n_ = cni":          "undefined: libcni.Now",
		"&invoke.InProcess{Plugin: nil}":                             "unknown field Plugin",
		"n, err := manager.Attach(ctx)\nvar _ podnet.Pod = 1\n_ = n": "cannot use 1",
		"x := types.Args{\n":                                         "expected",
		"list, err := libcni.LoadNetworkConf(\"/etc/cni/net.d\")":    "not enough arguments",
	} {
		faults := compiled.faults(code)
		if assert.NotEmpty(t, faults, code) {
			assert.Contains(t, faults[0], fault)
		}
	}
}

// commentedCode returns the blocks of code in the comments of a package that use one
// of the packages.
func commentedCode(t *testing.T, dir string) (blocks []string) {
	paths, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(dir), "*.go"))
	require.NoError(t, err)
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, group := range file.Comments {
			for _, block := range new(comment.Parser).Parse(group.Text()).Content {
				if code, ok := block.(*comment.Code); ok && selector.MatchString(code.Text) {
					blocks = append(blocks, code.Text)
				}
			}
		}
	}
	return blocks
}

// compiled has the packages as they were compiled for this test.
type compiled struct {
	fset     *token.FileSet
	importer types.Importer
}

func newCompiled(t *testing.T) *compiled {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-export", "-json=ImportPath,Export",
		"log/slog", "testing", "fmt", "os", "time", module+"libcni/podnet", module+"invoke/invoketest")
	var stderr bytes.Buffer
	list.Stderr = &stderr
	out, err := list.Output()
	require.NoError(t, err, "%s", &stderr)
	exports := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p struct{ ImportPath, Export string }
		require.NoError(t, d.Decode(&p))
		exports[p.ImportPath] = p.Export
	}
	c := &compiled{fset: token.NewFileSet()}
	c.importer = importer.ForCompiler(c.fset, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})
	return c
}

// TestNamedIdentifiersExist looks for what documents call `Options.NoSync`,
// `invoke.Limit` or `DelContainer`. ARCHITECTURE.md is about what is inside.
func TestNamedIdentifiersExist(t *testing.T) {
	scopes := newCompiled(t).scopes(t)
	quoted := regexp.MustCompile("`((?:[a-z]+\\.)?[A-Z]\\w*[a-z]\\w*(?:\\.[A-Z]\\w*)*)`")
	count := 0
	for _, doc := range markdown(t) {
		for _, m := range quoted.FindAllStringSubmatch(read(t, doc), -1) {
			from, _, _ := strings.Cut(m[1], ".")
			foreign := strings.ToLower(from) == from && packages[from] == ""
			if doc != "ARCHITECTURE.md" && !foreign && !testName.MatchString(m[1]) {
				count++
				assert.True(t, scopes.have(m[1]), "%s names %s, which no package has", doc, m[1])
			}
		}
	}
	assert.Greater(t, count, 50)

	for name, want := range map[string]bool{
		"libcni.New": true, "New": true, "invoke.New": false, "Options.NoSync": true, "Options.Sync": false,
		"podnet.Options.NoSync": true, "DelContainer": true, "CNIConfig.DelContainer": true, "Manager.DelContainer": false,
	} {
		assert.Equal(t, want, scopes.have(name), name)
	}
}

type scopes map[string]*types.Scope

func (c *compiled) scopes(t *testing.T) scopes {
	all := scopes{}
	for name, path := range packages {
		p, err := c.importer.Import(module + path)
		require.NoError(t, err)
		all[name] = p.Scope()
	}
	return all
}

// have reports whether a package has a name, or, if there is none of a package before
// it, whether one of their types has it.
func (s scopes) have(name string) bool {
	parts := strings.Split(name, ".")
	if scope, ok := s[parts[0]]; ok {
		return has(scope.Lookup(parts[1]), parts[2:])
	}
	for _, scope := range s {
		if has(scope.Lookup(parts[0]), parts[1:]) {
			return true
		}
		for _, of := range scope.Names() {
			if o, ok := scope.Lookup(of).(*types.TypeName); ok && len(parts) == 1 && has(o, parts) {
				return true
			}
		}
	}
	return false
}

// has reports whether an object is there and its type has the fields or methods.
func has(o types.Object, members []string) bool {
	for ; o != nil && len(members) > 0; members = members[1:] {
		o, _, _ = types.LookupFieldOrMethod(o.Type(), true, nil, members[0])
	}
	return o != nil
}

// imports are of snippets that show none.
var imports = func() string {
	text := "import (\n\"context\"; \"errors\"; \"fmt\"; \"log\"; \"log/slog\"; \"net/netip\"; \"os\"; \"os/exec\"; \"testing\"; \"time\"\n"
	for _, path := range packages {
		text += fmt.Sprintf("%q\n", module+path)
	}
	return text + ")\n"
}()

// faults returns what is wrong with a snippet: a file, declarations, statements or an
// expression.
func (c *compiled) faults(code string) []string {
	code = regexp.MustCompile(`(?m)^\s*\.\.\.$`).ReplaceAllString(code, "")
	forms := []string{
		code,
		"package p\n" + imports + code,
		"package p\n" + imports + "var _ = " + code,
		"package p\n" + imports + "func _() {\n" + code + "\n}",
	}
	if !strings.HasPrefix(code, "package ") {
		forms = forms[1:]
	}
	var file *ast.File
	var err error
	for _, form := range forms {
		if file, err = parser.ParseFile(c.fset, "snippet.go", form, parser.SkipObjectResolution); err == nil {
			break
		}
	}
	if err != nil {
		return []string{err.Error()} // as statements, which most of them are
	}
	var faults []string
	conf := types.Config{Importer: c.importer, Error: func(err error) {
		fault := err.(types.Error)
		switch {
		case fault.Soft: // unused variables, imports
		case regexp.MustCompile(`^undefined: [a-z]\w*$`).MatchString(fault.Msg):
		default:
			faults = append(faults, fault.Msg)
		}
	}}
	_, _ = conf.Check("p", c.fset, []*ast.File{file}, nil)
	return faults
}
