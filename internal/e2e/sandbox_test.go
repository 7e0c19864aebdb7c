//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const (
	insideVar  = "CNIKIT_E2E_INSIDE"  // set in the sandboxed copy of the test binary
	reportVar  = "CNIKIT_E2E_REPORT"  // the file for what the story returns
	skippedVar = "CNIKIT_E2E_SKIPPED" // the file for why it was skipped
)

// A privilege is what a sandbox needs of the outside.
type privilege string

const (
	// rootless sandboxes have a user namespace of their own.
	rootless privilege = "-Urmn"
	// privileged ones are made by root and keep its user namespace.
	privileged privilege = "-mn"
)

func TestMain(m *testing.M) {
	// Where users' shells do not look for it, plugins still find iptables.
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	if os.Getenv(runtimeVar) != "" {
		os.Exit(churn())
	}
	if os.Getenv(insideVar) != "" {
		if err := furnish(); err != nil {
			fmt.Fprintln(os.Stderr, "furnishing the sandbox:", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// sandbox runs story in a copy of this test binary that has network and mount namespaces
// of its own, with nothing in /run and /var/lib and only a loopback interface that is up.
// The copy runs the test t and nothing else; its output goes to t, its skip and its
// failure become t's, and what story returns there is returned here.
//
// The process of the copy is "the host" of the story; containers are further network
// namespaces inside.
func sandbox(t *testing.T, p privilege, story func(t *testing.T) string) string {
	t.Helper()
	if os.Getenv(insideVar) != "" {
		report := story(t)
		require.NoError(t, os.WriteFile(os.Getenv(reportVar), []byte(report), 0o600))
		return report
	}
	needPrivilege(t, p)
	plugins := builtPlugins(t)
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	report, skipped := filepath.Join(dir, "report"), filepath.Join(dir, "skipped")

	only := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	cmd := exec.CommandContext(t.Context(), "unshare", string(p), self,
		"-test.run="+only, "-test.v=true", "-test.count=1", "-test.timeout=4m")
	cmd.Env = append(os.Environ(), insideVar+"=1", pluginsVar+"="+plugins, reportVar+"="+report, skippedVar+"="+skipped)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	require.NoError(t, cmd.Run(), "the story failed in its sandbox")
	if reason, err := os.ReadFile(skipped); err == nil {
		t.Skip(string(reason))
	}
	text, err := os.ReadFile(report)
	require.NoError(t, err, "the story did not run to its end")
	return string(text)
}

// needPrivilege skips a test where sandboxes of this kind cannot be had.
func needPrivilege(t *testing.T, p privilege) {
	t.Helper()
	for _, tool := range []string{"unshare", "ip", "tc", "iptables", "ip6tables", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			unavailable(t, "%s is not installed", tool)
		}
	}
	if p == privileged && os.Geteuid() != 0 {
		unavailable(t, "this story needs root")
	}
	if out, err := exec.CommandContext(t.Context(), "unshare", string(p), "true").CombinedOutput(); err != nil {
		unavailable(t, "no namespaces: unshare %s: %v: %s", p, err, out)
	}
}

// unavailable skips a test for want of something in the environment; where CI is "true"
// everything has to be there, and it fails.
func unavailable(t *testing.T, format string, args ...any) {
	t.Helper()
	reason := fmt.Sprintf(format, args...)
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	if file := os.Getenv(skippedVar); file != "" {
		require.NoError(t, os.WriteFile(file, []byte(reason), 0o600))
	}
	t.Skip(reason)
}

// needLinkKind skips a story on a kernel that makes no links of a kind; options go before
// the kind.
func needLinkKind(t *testing.T, kind string, options ...string) {
	t.Helper()
	args := append(append([]string{"link", "add", "name", "probe"}, options...), "type", kind)
	if out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput(); err != nil {
		unavailable(t, "this kernel makes no links of kind %s: %s", kind, out)
	}
	host(t, "ip link del probe")
}

// furnish gives a new sandbox what the plugins expect of a host: empty /run and /var/lib
// (the whole of it: without root /var/lib/cni could not be made there) and a loopback
// interface that is up.
func furnish() error {
	for _, dir := range []string{"/run", "/var/lib"} {
		if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
			return fmt.Errorf("tmpfs on %s: %w", dir, err)
		}
	}
	for _, dir := range []string{"/run/netns", "/var/lib/cni"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("lo up: %w: %s", err, out)
	}
	return nil
}
