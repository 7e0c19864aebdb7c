package types_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"testing"

	cnitypes "github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cnikit/cnikit/types"
)

// TestTypesAreUpstreams: values go both ways without a conversion. The API
// comparison in internal/apidiff covers every identifier; here is one of each kind.
func TestTypesAreUpstreams(t *testing.T) {
	var conf *cnitypes.PluginConf = &types.NetConf{Name: "n", IPAM: types.IPAM{Type: "host-local"}}
	assert.Equal(t, "host-local", conf.IPAM.Type)

	var result types.Result = &current.Result{}
	_, err := current.GetResult(result)
	assert.NoError(t, err)

	err = fmt.Errorf("plugin: %w", types.NewError(types.ErrTryAgainLater, "busy", "later"))
	var theirs *cnitypes.Error
	require.True(t, errors.As(err, &theirs))
	assert.EqualValues(t, 11, theirs.Code)
}

func TestUpstreamsFunctions(t *testing.T) {
	n, err := types.ParseCIDR("10.1.2.3/24")
	require.NoError(t, err)
	assert.Equal(t, "10.1.2.3/24", n.String())

	var args struct {
		types.CommonArgs
		POD types.UnmarshallableString
	}
	require.NoError(t, types.LoadArgs("IgnoreUnknown=1;X=2;POD=p", &args))
	assert.EqualValues(t, "p", args.POD)
	assert.Equal(t, "p", types.GetKeyField("POD", reflect.ValueOf(&args)).String())

	assert.Error(t, types.PrintResult(&current.Result{CNIVersion: "1.1.0"}, "7.7.7"))
}

// go doc shows no fields of an alias: its comment has to name them.
func TestDocsOfAliasesNameTheFields(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "upstream.go", nil, parser.ParseComments)
	require.NoError(t, err)
	docs := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok {
			docs[spec.Name.Name] = spec.Doc.Text()
		}
		return true
	})
	for name, value := range map[string]any{
		"Error": types.Error{}, "PluginConf": types.PluginConf{}, "NetConfList": types.NetConfList{}, "IPAM": types.IPAM{},
		"DNS": types.DNS{}, "Route": types.Route{}, "GCAttachment": types.GCAttachment{},
	} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(value)) {
			assert.Regexp(t, `\b`+field.Name+`\b`, docs[name], name)
		}
	}
}
