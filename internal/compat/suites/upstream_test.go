package suites

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// suite is one of upstream's test packages. Its number of specs that pass is
// known, so that it cannot shrink unseen.
type suite struct {
	pkg    string
	passed int
	// network lists the specs that cannot run without the internet: each
	// fetches an old commit of upstream and builds a program from it.
	network []string
}

var suites = []suite{
	{
		pkg:    "libcni",
		passed: 126,
		network: []string{
			"Backwards compatibility correctly handles the response from a legacy plugin",
			"Backwards compatibility correctly handles the request from a runtime with an older libcni",
		},
	},
	{
		pkg:    "pkg/invoke",
		passed: 44,
		network: []string{
			"GetVersion, integration tests correctly reporting plugin versions historical: before VERSION was introduced",
			"GetVersion, integration tests correctly reporting plugin versions historical: when VERSION was introduced but plugins couldn't customize it",
			"GetVersion, integration tests correctly reporting plugin versions historical: when plugins started reporting their own version list",
			"GetVersion, integration tests correctly reporting plugin versions historical: before CHECK was introduced",
			"GetVersion, integration tests correctly reporting plugin versions current",
		},
	},
}

// TestUpstream runs upstream's suites of libcni and pkg/invoke. Every spec is
// a subtest.
func TestUpstream(t *testing.T) {
	s := generated(t)
	for _, su := range suites {
		t.Run(su.pkg, func(t *testing.T) {
			report := filepath.Join(t.TempDir(), "report.json")
			args := []string{"test", "./" + su.pkg, "-count=1", "-args", "-ginkgo.json-report=" + report}
			for _, spec := range su.network {
				args = append(args, "-ginkgo.skip="+regexp.QuoteMeta(spec))
			}
			out, err := goTool(s.aliases, args...)
			data, rerr := os.ReadFile(report)
			require.NoError(t, rerr, "%s: no report: %v\n%s", su.pkg, err, out)
			specs := readReport(t, data)

			passed := 0
			var skipped []string
			for _, sp := range specs {
				switch sp.State {
				case "passed":
					passed++
				case "skipped":
					skipped = append(skipped, sp.name())
				}
				if sp.State != "skipped" {
					t.Run(sp.name(), func(t *testing.T) {
						if sp.State != "passed" {
							t.Errorf("%s at %s:%d\n%s", sp.State, sp.Failure.Location.FileName, sp.Failure.Location.LineNumber, sp.Failure.Message)
						}
					})
				}
			}
			assert.ElementsMatch(t, su.network, skipped, "specs that did not run")
			assert.Equal(t, su.passed, passed, "specs that passed")
			assert.NoError(t, err, "%s", tail(out))
			t.Logf("%d specs passed, %d need the internet and did not run", passed, len(skipped))
		})
	}
}

// spec is the part of ginkgo's report on one spec that counts here.
type spec struct {
	ContainerHierarchyTexts []string
	LeafNodeType            string
	LeafNodeText            string
	State                   string
	Failure                 struct {
		Message  string
		Location struct {
			FileName   string
			LineNumber int
		}
	}
}

func (s spec) name() string {
	return strings.Join(append(s.ContainerHierarchyTexts, s.LeafNodeText), " ")
}

// readReport returns the specs of a report, and failed set-up nodes with them.
func readReport(t *testing.T, data []byte) []spec {
	t.Helper()
	var reports []struct{ SpecReports []spec }
	require.NoError(t, json.Unmarshal(data, &reports))
	var specs []spec
	for _, r := range reports {
		for _, s := range r.SpecReports {
			if s.LeafNodeType == "It" || s.State != "passed" {
				specs = append(specs, s)
			}
		}
	}
	return specs
}

// tail returns the end of a long output.
func tail(out string) string {
	const most = 4000
	if len(out) > most {
		out = "..." + out[len(out)-most:]
	}
	return out
}
