package diff

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

// run is one run of a plugin, as the plugin saw it.
type run struct {
	Plugin  string
	Environ []string
	Stdin   string
}

func (r run) command() string { return lookup(r.Environ, "CNI_COMMAND") }

func lookup(environ []string, key string) string {
	for _, kv := range environ {
		if v, ok := strings.CutPrefix(kv, key+"="); ok {
			return v
		}
	}
	return ""
}

// answer is what a plugin prints and how it ends.
type answer struct {
	stdout, stderr string
	err            *types.Error
	exit           int
}

// answerTo finds the answer to a run among the files of a case.
func answerTo(files func(name string) (string, bool), r run) answer {
	var a answer
	name := r.Plugin + "." + r.command()
	if text, ok := files(name + ".error"); ok {
		a.err = &types.Error{}
		if err := json.Unmarshal([]byte(text), a.err); err != nil {
			panic(err)
		}
		a.exit = 1
	}
	if text, ok := files(name + ".exit"); ok {
		a.exit, _ = strconv.Atoi(text)
	}
	a.stderr, _ = files(name + ".stderr")
	stdout, ok := files(name)
	if !ok && a.exit == 0 {
		stdout = defaultAnswer(r)
	}
	a.stdout = stdout
	return a
}

func defaultAnswer(r run) string {
	var conf struct{ CNIVersion string }
	_ = json.Unmarshal([]byte(r.Stdin), &conf)
	switch r.command() {
	case "ADD":
		switch conf.CNIVersion {
		case "", "0.1.0", "0.2.0":
			return fmt.Sprintf(`{"cniVersion":%q,"ip4":{"ip":"10.1.0.5/16","gateway":"10.1.0.1"},"dns":{}}`, conf.CNIVersion)
		case "0.3.0", "0.3.1", "0.4.0":
			return fmt.Sprintf(`{"cniVersion":%q,"interfaces":[{"name":"eth0","sandbox":"/run/netns/c1"}],"ips":[{"version":"4","interface":0,"address":"10.1.0.5/16","gateway":"10.1.0.1"}],"dns":{}}`, conf.CNIVersion)
		default:
			return fmt.Sprintf(`{"cniVersion":%q,"interfaces":[{"name":"eth0","sandbox":"/run/netns/c1"}],"ips":[{"interface":0,"address":"10.1.0.5/16","gateway":"10.1.0.1"}],"dns":{}}`, conf.CNIVersion)
		}
	case "VERSION":
		return `{"cniVersion":"1.1.0","supportedVersions":["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}`
	default:
		return ""
	}
}

// fake is an Exec that runs nothing, answers from a case and keeps what it was
// given. It is an Exec of either library.
type fake struct {
	version.PluginDecoder
	c *testCase

	mu   sync.Mutex
	runs []run
}

func (f *fake) FindInPath(plugin string, paths []string) (string, error) {
	if f.c.missing[plugin] {
		return "", fmt.Errorf("failed to find plugin %q in path %s", plugin, paths)
	}
	return filepath.Join(paths[0], plugin), nil
}

func (f *fake) ExecPlugin(_ context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	r := run{Plugin: filepath.Base(path), Environ: append([]string(nil), environ...), Stdin: string(stdin)}
	f.mu.Lock()
	f.runs = append(f.runs, r)
	f.mu.Unlock()
	a := answerTo(func(name string) (string, bool) { s, ok := f.c.files[name]; return s, ok }, r)
	if a.err != nil {
		return nil, a.err
	}
	if a.exit != 0 {
		return nil, fmt.Errorf("exit status %d", a.exit)
	}
	return []byte(a.stdout), nil
}

func (f *fake) take() []run {
	f.mu.Lock()
	defer f.mu.Unlock()
	runs := f.runs
	f.runs = nil
	return runs
}

// pluginDirVariable names the directory of a process case. In its presence this
// test's binary is a plugin: the answers are in the directory, and what it was
// given is written there.
const pluginDirVariable = "CNIKIT_DIFF_PLUGIN_DIR"

// actAsPlugin is the life of a plugin process. It returns its exit status.
func actAsPlugin(dir string) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	stdin, err := io.ReadAll(os.Stdin)
	if err != nil {
		return fail(err)
	}
	r := run{Plugin: filepath.Base(os.Args[0]), Environ: os.Environ(), Stdin: string(stdin)}
	line, err := json.Marshal(r)
	if err != nil {
		return fail(err)
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fail(err)
	}
	defer log.Close()
	if _, err := log.Write(append(line, '\n')); err != nil {
		return fail(err)
	}
	a := answerTo(func(name string) (string, bool) {
		text, err := os.ReadFile(filepath.Join(dir, name))
		return string(text), err == nil
	}, r)
	if a.err != nil && a.stdout == "" {
		_ = a.err.Print()
	}
	_, _ = os.Stdout.WriteString(a.stdout)
	_, _ = os.Stderr.WriteString(a.stderr)
	return a.exit
}

// takeLog is fake.take for processes.
func takeLog(dir string) []run {
	path := filepath.Join(dir, "log")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	_ = os.Remove(path)
	var runs []run
	for line := range strings.Lines(string(data)) {
		var r run
		if json.Unmarshal([]byte(line), &r) == nil {
			runs = append(runs, r)
		}
	}
	return runs
}
