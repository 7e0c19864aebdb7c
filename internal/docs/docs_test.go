// Package docs holds the tests that keep README.md, ARCHITECTURE.md, DIFFERENCES.md
// and their like true as far as a test can.
package docs

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

var documents = []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "DIFFERENCES.md", "CHANGELOG.md", "SECURITY.md"}

var (
	testName   = regexp.MustCompile(`\b(?:Test|Fuzz|Example)[A-Z0-9_]\w*`)
	diffCase   = regexp.MustCompile("`diff:[a-z0-9-]+`")
	makeTarget = regexp.MustCompile("`make ([a-z0-9-]+)")
)

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return strings.ReplaceAll(string(data), "\r\n", "\n")
}

// TestReadmeProgram compares the programs in README.md with the files that are
// compiled and vetted with everything else.
func TestReadmeProgram(t *testing.T) {
	for _, name := range []string{"attach", "networks"} {
		source := read(t, "examples/"+name+"/main.go")
		program := source[strings.Index(source, "package main"):]
		assert.Contains(t, read(t, "README.md"), "```go\n"+program+"```\n", name)
	}
}

// TestPackageProgram does the same for the program in podnet's documentation.
func TestPackageProgram(t *testing.T) {
	source := read(t, "examples/networks/main.go")
	_, body, found := strings.Cut(source, "func main() {\n")
	require.True(t, found)
	var comment strings.Builder
	for line := range strings.Lines(strings.TrimSuffix(body, "}\n")) {
		comment.WriteString("//" + line)
	}
	assert.Contains(t, read(t, "libcni/podnet/doc.go"), comment.String())
}

// TestDocumentedPathsExist looks for every file and directory of this project that a
// document names in `backticks`.
func TestDocumentedPathsExist(t *testing.T) {
	quoted := regexp.MustCompile("`(\\.?[A-Za-z0-9_*-]+(?:/[A-Za-z0-9_.*-]+)*(?:/|\\.(?:go|md|mod|conf)))`")
	for _, doc := range documents {
		t.Run(doc, func(t *testing.T) {
			found := quoted.FindAllStringSubmatch(read(t, doc), -1)
			for _, m := range found {
				matches, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(m[1])))
				require.NoError(t, err)
				assert.NotEmpty(t, matches, "%s names %s, which is not there", doc, m[1])
			}
			if doc == "ARCHITECTURE.md" {
				assert.NotEmpty(t, found)
			}
		})
	}
}

// TestLinks follows the links of all documents to files of this project, and to
// headings in them.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	count := 0
	for _, doc := range markdown(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, doc), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			count++
			if target == "" {
				target = filepath.Base(doc)
			}
			target = filepath.Join(filepath.Dir(doc), filepath.FromSlash(target))
			if _, err := os.Stat(filepath.Join(root, target)); !assert.NoError(t, err, "%s links to %s", doc, m[1]) {
				continue
			}
			if anchor != "" {
				assert.Contains(t, anchors(read(t, target)), anchor, "%s links to %s", doc, m[1])
			}
		}
	}
	assert.Greater(t, count, 10)
}

func TestAnchors(t *testing.T) {
	text := "# After a crash\n```\n# no heading\n```\n## `go vet`, and\tmore: C_1!\n"
	assert.Equal(t, []string{"after-a-crash", "go-vet-and-more-c_1"}, anchors(text))
}

// anchors are the names that GitHub gives to the headings of a document.
func anchors(text string) (names []string) {
	for i, part := range strings.Split(text, "```") {
		if i%2 == 1 { // in a block of code
			continue
		}
		for _, m := range regexp.MustCompile(`(?m)^#+ +(.*)$`).FindAllStringSubmatch(part, -1) {
			name := regexp.MustCompile(`[^\pL\pN_\s-]`).ReplaceAllString(strings.ToLower(strings.TrimSpace(m[1])), "")
			names = append(names, regexp.MustCompile(`\s`).ReplaceAllString(name, "-"))
		}
	}
	return names
}

// markdown returns the documents of all modules of this project.
func markdown(t *testing.T) (names []string) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") && !strings.Contains(path, "testdata") {
			path, err = filepath.Rel(root, path)
			names = append(names, path)
		}
		return err
	})
	require.NoError(t, err)
	return names
}

// TestNamedTestsExist looks for the tests that documents give as proof. Of the
// differential cases, `diff:NAME`, it wants to see those only that DIFFERENCES.md
// lists: those are held to what they show.
func TestNamedTestsExist(t *testing.T) {
	tests := testNames(t)
	differ := read(t, "DIFFERENCES.md")
	for _, doc := range markdown(t) {
		text := read(t, doc)
		for _, name := range testName.FindAllString(text, -1) {
			assert.True(t, tests[name], "%s names %s, which is not there", doc, name)
		}
		for _, name := range diffCase.FindAllString(text, -1) {
			assert.Contains(t, differ, name, "%s names a case that DIFFERENCES.md does not", doc)
		}
	}
}

// TestMakeTargetsExist looks for the targets of the Makefile that documents name.
func TestMakeTargetsExist(t *testing.T) {
	makefile := "\n" + read(t, "Makefile")
	for _, doc := range documents {
		for _, m := range makeTarget.FindAllStringSubmatch(read(t, doc), -1) {
			assert.Contains(t, makefile, "\n"+m[1]+":", "%s names a target that is not there", doc)
		}
	}
}

// TestSpecificationIsMapped holds ARCHITECTURE.md's table of sections and files
// against the headings of the specification: each section that says what is to be
// done has a row, and no row a section that is not there.
func TestSpecificationIsMapped(t *testing.T) {
	sections := specification(t)
	require.Greater(t, len(sections), 20)
	delete(sections, "1 Example configuration")
	delete(sections, "2 Overview")

	_, table, ok := strings.Cut(read(t, "ARCHITECTURE.md"), "## From the specification to the code")
	require.True(t, ok)
	table, _, _ = strings.Cut(table, "\n## ")
	rows := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| (\d [^|]*) \|(.*)\|$`).FindAllStringSubmatch(table, -1) {
		rows[m[1]] = true
		assert.Contains(t, m[2], ".go`", "row %s names no file", m[1])
	}
	assert.Equal(t, sections, rows)
}

// TestCitedSectionsExist looks for the sections that comments cite, as in
// (SPEC.md, section 3, "Adding an attachment").
func TestCitedSectionsExist(t *testing.T) {
	sections := specification(t)
	space := regexp.MustCompile(`\n\s*// |\s+`)
	cited := regexp.MustCompile(`section (\d), "([^"]*)"`)
	count := 0
	eachGoFile(t, func(path, text string) {
		for _, m := range cited.FindAllStringSubmatch(space.ReplaceAllString(text, " "), -1) {
			count++
			assert.True(t, sections[m[1]+" "+m[2]], "%s cites a section that is not there: %s", path, m[0])
		}
	})
	assert.Greater(t, count, 10)
}

// specification returns the headings of the specification, which comes with
// upstream's module, as "3 Adding an attachment".
func specification(t *testing.T) map[string]bool {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/containernetworking/cni").Output()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "SPEC.md"))
	require.NoError(t, err)

	sections := map[string]bool{}
	number := ""
	for line := range strings.Lines(string(text)) {
		title, ok := strings.CutPrefix(strings.TrimSpace(line), "##")
		if !ok {
			continue
		}
		title = strings.ReplaceAll(strings.TrimLeft(title, "# "), "`", "")
		if rest, ok := strings.CutPrefix(title, "Section "); ok {
			number = rest[:1]
			continue
		}
		if strings.HasPrefix(title, "Appendix") {
			break
		}
		if number != "" {
			title, _, _ = strings.Cut(title, ":") // ADD: Add container to network, ...
			sections[number+" "+title] = true
		}
	}
	return sections
}

// TestDifferencesHaveTests holds every row of DIFFERENCES.md to its form: a
// number of its own, and a test that exists somewhere in the tree.
func TestDifferencesHaveTests(t *testing.T) {
	tests := testNames(t)
	numbers := map[string]bool{}
	for _, line := range strings.Split(read(t, "DIFFERENCES.md"), "\n") {
		cells := strings.Split(strings.Trim(strings.ReplaceAll(line, `\|`, "/"), "|"), "|")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") || strings.TrimSpace(cells[0]) == "#" {
			continue
		}
		if !assert.Len(t, cells, 7, "not seven cells: %s", line) {
			continue
		}
		number := strings.TrimSpace(cells[0])
		assert.False(t, numbers[number], "two rows have the number %s", number)
		numbers[number] = true
		named := testName.FindAllString(cells[5], -1)
		assert.NotEmpty(t, named, "row %s names no test", number)
		for _, n := range named {
			assert.True(t, tests[n], "row %s names %s, which is not there", number, n)
		}
	}
	assert.NotEmpty(t, numbers)
}

// testNames returns the tests of all modules of this project, and what is named
// like one: invoketest.TestExec.
func testNames(t *testing.T) map[string]bool {
	names := map[string]bool{}
	fn := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)
	eachGoFile(t, func(_, text string) {
		for _, m := range fn.FindAllStringSubmatch(text, -1) {
			names[m[1]] = true
		}
	})
	return names
}

// eachGoFile calls f for every Go file of all modules of this project.
func eachGoFile(t *testing.T, f func(path, text string)) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		f(path, strings.ReplaceAll(string(text), "\r\n", "\n"))
		return err
	})
	require.NoError(t, err)
}

// TestFuzzTargetsHaveACorpus: each begins with input of the field, which go test
// runs too.
func TestFuzzTargetsHaveACorpus(t *testing.T) {
	target := regexp.MustCompile(`(?m)^func (Fuzz\w+)\(f \*testing\.F\)`)
	count := 0
	eachGoFile(t, func(path, text string) {
		for _, m := range target.FindAllStringSubmatch(text, -1) {
			count++
			seeds, err := filepath.Glob(filepath.Join(filepath.Dir(path), "testdata", "fuzz", m[1], "*"))
			require.NoError(t, err)
			assert.NotEmpty(t, seeds, "%s in %s has no files", m[1], path)
		}
	})
	assert.Greater(t, count, 10)
}
