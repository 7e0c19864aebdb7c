package apidiff

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestComparisonFinds shows the comparison one fault at a time.
func TestComparisonFinds(t *testing.T) {
	const theirs = `
type Conf struct { Name string ` + "`json:\"name\"`" + `; hidden int }
func (c *Conf) Load(path string) (*Conf, error) { return nil, nil }
func (c Conf) Len() int { return 0 }
type Runner interface { Run(c *Conf) error }
func New(names ...string) *Conf { return nil }
const Code uint = 3
var Dir string`
	for name, c := range map[string]struct {
		ours string
		want []string
	}{
		"the same": {theirs, nil},
		"more": {`
type Conf struct { Extra int; Name string ` + "`json:\"name\"`" + ` }
func (c *Conf) Load(file string) (conf *Conf, err error) { return nil, nil }
func (c Conf) Len() int { return 0 }
func (c Conf) More() {}
type R = interface { Run(c *Conf) error }
type Runner R
func New(names ...string) *Conf { return nil }
const Code uint = 3
var Dir string
func Other() {}`, nil},
		"nothing": {``, []string{"Code: does not exist", "Conf: does not exist", "Dir: does not exist", "New: does not exist", "Runner: does not exist"}},
		"a little off": {`
type Conf struct { Name string }
func (c *Conf) Load(path string) *Conf { return nil }
func (c *Conf) Len() int { return 0 }
type Runner interface { Run(c *Conf) error; Stop() }
func New(names []string) *Conf { return nil }
const Code uint = 4
func Dir() string { return "" }`, []string{
			"Code: value 4, want 3",
			`Conf.Name: tag "", want "json:\"name\""`,
			"(Conf).Len: does not exist",
			"(*Conf).Load: func(path string) *ours.Conf, want func(path string) (*theirs.Conf, error)",
			"Dir: *types.Func, want *types.Var",
			"New: func(names []string) *ours.Conf, want func(names ...string) *theirs.Conf",
			"Runner: interface{Run(c *ours.Conf) error; Stop()}, want interface{Run(c *theirs.Conf) error}",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			cmp := &comparison{same: map[string]string{"theirs": "ours"}}
			cmp.packages(check(t, "theirs", theirs), check(t, "ours", c.ours))
			assert.Equal(t, c.want, cmp.missing)
		})
	}
}

func check(t *testing.T, name, src string) *types.Package {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name+".go", "package "+name+"\n"+src, 0)
	require.NoError(t, err)
	conf := types.Config{Importer: importer.Default()}
	p, err := conf.Check(name, fset, []*ast.File{f}, nil)
	require.NoError(t, err)
	return p
}
