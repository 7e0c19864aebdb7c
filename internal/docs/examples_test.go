package docs

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shown are the functions, methods and types that some Example of their package has to
// use: the verbs, and the blocks that a runtime is built from.
var shown = map[string][]string{
	"libcni": {
		"AddNetworkList", "CheckNetworkList", "DelNetworkList", "GCNetworkList", "GetStatusNetworkList",
		"ValidateNetworkList", "GetVersionInfo", "DelAttachment", "DelContainer", "ForgetAttachment",
		"Attachments", "Pending", "Plan", "NegotiateVersion", "GetNetworkListCachedResult",
		"LoadNetworkConf", "LoadDir", "LoadFS", "NetworkConfFromBytes", "Default", "Supports", "UndeliveredCapabilities",
		"New", "Options", "RuntimeConf", "ConfError", "RecordError", "RequestError",
	},
	"libcni/podnet": {
		"Open", "Attach", "Detach", "Check", "GC", "Recover", "Forget", "Status", "Attachments", "Config", "Close",
	},
	"invoke": {
		"Call", "CheckResult", "ConvertResult", "DecodeResult", "DelegateAdd", "EnvPolicy", "FindInPath", "InProcess",
		"Limit", "LogObserver", "Observer", "PluginError", "RawExec", "Request", "TraceContext", "WithObserver",
	},
	"invoke/invoketest": {"NewExec", "Plugins", "Run", "Calls"},
	"types": {
		"Args", "Capabilities", "CapabilityArgs", "ParseCapabilities", "Pod", "ViewResult", "Primary", "Container",
		"WithBursts", "ValidateContainerID", "ValidateNetworkName", "ValidateInterfaceName",
	},
	"version": {"Negotiate", "Supports", "Compare", "Known"},
}

// TestExamples: what has to be shown is.
func TestExamples(t *testing.T) {
	for dir, names := range shown {
		t.Run(dir, func(t *testing.T) {
			used := map[string]bool{}
			for _, example := range examples(t, dir) {
				ast.Inspect(example.Code, func(n ast.Node) bool {
					if id, ok := n.(*ast.Ident); ok {
						used[id.Name] = true
					}
					return true
				})
			}
			for _, name := range names {
				assert.True(t, used[name], "no Example uses %s", name)
			}
		})
	}
}

func examples(t *testing.T, dir string) []*doc.Example {
	fset := token.NewFileSet()
	var files []*ast.File
	paths, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(dir), "*_test.go"))
	require.NoError(t, err)
	for _, path := range paths {
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		require.NoError(t, err)
		files = append(files, file)
	}
	all := doc.Examples(files...)
	assert.NotEmpty(t, all)
	return all
}

// TestExamplesHaveOutput: one without Output is compiled and never run.
func TestExamplesHaveOutput(t *testing.T) {
	count := 0
	eachGoFile(t, func(path, text string) {
		if !strings.HasSuffix(path, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments)
		require.NoError(t, err)
		for _, example := range doc.Examples(file) {
			count++
			assert.True(t, example.Output != "" || example.EmptyOutput, "%s: Example%s has no Output", path, example.Name)
		}
	})
	assert.Greater(t, count, 30)
}
