//go:build linux

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// cnitoolSandbox runs story in a sandbox with the networks of cnitool_test.go; cnitool
// returns what our tool prints on both outputs, and its status.
func cnitoolSandbox(t *testing.T, story func(t *testing.T, cnitool func(line string) (string, int))) {
	t.Helper()
	if os.Getenv(insideVar) == "" {
		t.Parallel()
		needPrivilege(t, rootless)
		require.NoError(t, buildCnitools())
	}
	sandbox(t, rootless, func(t *testing.T) string {
		needLinkKind(t, "bridge")
		dir := t.TempDir()
		for _, name := range []string{"10-churn.conflist", "20-plain.conf"} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(cnitoolNetworks[name]), 0o600))
		}
		t.Setenv("NETCONFPATH", dir)
		t.Setenv("CNI_PATH", pluginsDir())
		t.Setenv("CAP_ARGS", `{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]}`)
		story(t, func(line string) (string, int) {
			cmd := exec.CommandContext(t.Context(), filepath.Join(cnitoolsDir(), "cnikit"), strings.Fields(line)...)
			out, _ := cmd.CombinedOutput()
			t.Logf("$ cnitool %s\n%s", line, out)
			return string(out), cmd.ProcessState.ExitCode()
		})
		return ""
	})
}

// TestCnitoolExplain gives what explain prints to a shell: it is what the verb does.
func TestCnitoolExplain(t *testing.T) {
	cnitoolSandbox(t, func(t *testing.T, cnitool func(string) (string, int)) {
		before := traces(t)
		con := newContainer(t, "con")
		explained := func(verb string) error {
			script, status := cnitool("explain " + verb + " churn " + con.netns)
			require.Zero(t, status)
			cmd := exec.CommandContext(t.Context(), "sh", "-e")
			cmd.Stdin = strings.NewReader(script)
			out, err := cmd.CombinedOutput()
			t.Logf("%s", out)
			return err
		}
		_, status := cnitool("add churn " + con.netns)
		require.Zero(t, status)
		con.serve(t, 80)
		assertReaches(t, nil, "127.0.0.1:8080", "con")

		require.NoError(t, explained("check"))
		reservations, err := filepath.Glob("/var/lib/cni/networks/churn/10.*")
		require.NoError(t, err)
		require.Len(t, reservations, 1)
		require.NoError(t, os.Rename(reservations[0], "/var/lib/cni/reservation"))
		require.Error(t, explained("check"), "CHECK without the reservation")
		require.NoError(t, os.Rename("/var/lib/cni/reservation", reservations[0]))

		require.NoError(t, explained("status"))
		require.NoError(t, explained("del"))
		assert.NotContains(t, con.ip(t, "-br link show"), "eth0")
		_, status = cnitool("del churn " + con.netns) // the record, of which the shell knew nothing
		require.Zero(t, status)
		assert.NotContains(t, strings.Join(leftBehind(before, traces(t)), "\n"), "cnitool-")
	})
}

// TestCnitoolDoctor does what the doctor says until there is nothing left to do.
func TestCnitoolDoctor(t *testing.T) {
	cnitoolSandbox(t, func(t *testing.T, cnitool func(string) (string, int)) {
		said, status := cnitool("doctor")
		require.Zero(t, status, said)

		lost := newContainer(t, "lost")
		_, status = cnitool("add churn " + lost.netns)
		require.Zero(t, status)
		lost.remove(t)
		_, status = cnitool("add churn /run/netns/never-there")
		require.Equal(t, 1, status)

		said, status = cnitool("doctor")
		require.Equal(t, 2, status)
		assert.Regexp(t, `warning +churn cnitool-\w+ eth0: its network namespace /run/netns/lost is gone`, said)
		assert.Regexp(t, `warning +churn cnitool-\w+ eth0: an ADD failed or died`, said)
		advice := regexp.MustCompile(`cnitool (clean cnitool-\w+)`).FindAllStringSubmatch(said, -1)
		require.Len(t, advice, 2)
		for _, a := range advice {
			said, status := cnitool("-v " + a[1])
			require.Zero(t, status, said)
		}

		said, status = cnitool("doctor")
		assert.Zero(t, status, said)
		assert.Empty(t, libraryFiles(t))
	})
}

// TestCnitoolDamaged cuts the record of another runtime's container off and does what the
// doctor, or clean, says: nothing is left of it, host-local's reservation neither.
func TestCnitoolDamaged(t *testing.T) {
	cnitoolSandbox(t, func(t *testing.T, cnitool func(string) (string, int)) {
		con := newContainer(t, "con")
		for name, tc := range map[string]struct {
			left func(text []byte) int
			do   string
		}{
			"as the doctor says":   {func(text []byte) int { return bytes.Index(text, []byte(`"result"`)) }, ""},
			"empty, as it says":    {func([]byte) int { return 0 }, ""},
			"clean":                {func(text []byte) int { return len(text) - 1 }, "clean c1"},
			"clean, empty":         {func([]byte) int { return 0 }, "clean --netns " + con.netns + " c1"},
			"clean, as it says":    {func([]byte) int { return 0 }, "clean c1"},
			"a second ADD between": {func([]byte) int { return 0 }, "add --container c1 churn " + con.netns},
		} {
			t.Log(name)
			before := traces(t)
			_, status := cnitool("add --container c1 churn " + con.netns)
			require.Zero(t, status)
			reserved, err := filepath.Glob("/var/lib/cni/networks/churn/10.*")
			require.NoError(t, err)
			require.Len(t, reserved, 1)
			record := "/var/lib/cni/results/churn-c1-eth0"
			text, err := os.ReadFile(record)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(record, text[:tc.left(text)], 0o600))

			if strings.HasPrefix(tc.do, "add") {
				said, status := cnitool(tc.do)
				require.Equal(t, 1, status)
				assert.Contains(t, said, "it is attached already, and the record "+record+" of that is damaged")
				tc.do = ""
			}
			if tc.do == "" {
				said, status := cnitool("doctor")
				require.Equal(t, 2, status)
				advice := regexp.MustCompile(`(?m)CNI_PATH=\S+ NETCONFPATH=\S+ cnitool del --container c1 churn \S+$`).FindString(said)
				require.NotEmpty(t, advice, said)
				if strings.HasSuffix(advice, `"$NETNS"`) {
					said, status = paste(t, advice, "NETNS=")
					require.Equal(t, 1, status, said)
				}
				said, status = paste(t, advice, "NETNS="+con.netns)
				require.Zero(t, status, said)
				tc.do = "del --container c1 churn " + con.netns // again
			}
			if tc.do == "clean c1" && tc.left(text) == 0 {
				said, status := cnitool(tc.do)
				require.Equal(t, 2, status)
				assert.Contains(t, said, "not detached from churn: eth0")
				assert.Contains(t, con.ip(t, "-br link show"), "eth0")
				advice := regexp.MustCompile(`cnitool (clean --netns "\$NETNS" c1)`).FindStringSubmatch(said)
				require.NotNil(t, advice, said)
				tc.do = strings.Replace(advice[1], `"$NETNS"`, con.netns, 1)
			}
			_, status = cnitool(tc.do)
			require.Zero(t, status)

			_, status = cnitool("doctor")
			assert.Zero(t, status)
			assert.Empty(t, libraryFiles(t))
			for _, file := range reserved {
				assert.NoFileExists(t, file)
			}
			assert.NotContains(t, con.ip(t, "-br link show"), "eth0")
			assert.NotContains(t, strings.Join(leftBehind(before, traces(t)), "\n"), "c1")
		}
	})
}

// paste gives a line that cnitool printed to a shell.
func paste(t *testing.T, line string, env ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `cnitool() { "$TOOL" "$@"; }; `+line)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "CAP_ARGS=" + os.Getenv("CAP_ARGS"), "TOOL=" + filepath.Join(cnitoolsDir(), "cnikit")}
	cmd.Env = append(cmd.Env, env...)
	out, _ := cmd.CombinedOutput()
	t.Logf("$ %s\n%s", line, out)
	return string(out), cmd.ProcessState.ExitCode()
}

// TestCnitoolFindsNamespace: the container ID of one of cnitool's own tells the network
// namespace, where the record does not.
func TestCnitoolFindsNamespace(t *testing.T) {
	cnitoolSandbox(t, func(t *testing.T, cnitool func(string) (string, int)) {
		con := newContainer(t, "con")
		_, status := cnitool("add churn " + con.netns)
		require.Zero(t, status)
		records, err := filepath.Glob("/var/lib/cni/results/churn-cnitool-*-eth0")
		require.NoError(t, err)
		require.Len(t, records, 1)
		require.NoError(t, os.Truncate(records[0], 0))
		id := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(records[0]), "churn-"), "-eth0")
		said, status := cnitool("clean " + id)
		require.Zero(t, status, said)
		assert.Contains(t, said, "Detached from churn: eth0")
		assert.NotContains(t, con.ip(t, "-br link show"), "eth0")
		assert.Empty(t, libraryFiles(t))
	})
}

// TestCnitoolDoctorDisk: where ADD fails for want of a disk to write to, the doctor says so,
// and where it does not, it leaves nothing behind.
func TestCnitoolDoctorDisk(t *testing.T) {
	cnitoolSandbox(t, func(t *testing.T, cnitool func(string) (string, int)) {
		con := newContainer(t, "con")
		for name, tc := range map[string]struct {
			options, says string
			fill          bool
		}{
			"read-only":            {"ro,mode=755", "read-only file system", false},
			"full":                 {"size=16k,mode=755", "no space left on device", true},
			"no room for a record": {"size=4k,mode=755,nr_inodes=1", "no space left on device", false},
		} {
			t.Log(name)
			host(t, "mount -t tmpfs -o "+tc.options+" none /var/lib/cni")
			if tc.fill {
				require.Error(t, os.WriteFile("/var/lib/cni/fill", make([]byte, 1<<20), 0o600))
			}
			said, status := cnitool("doctor")
			assert.Equal(t, 2, status)
			assert.Regexp(t, `FAULT +/var/lib/cni: takes no file, so that every ADD fails: .*`+tc.says, said)
			_, status = cnitool("add churn " + con.netns)
			assert.Equal(t, 1, status)
			host(t, "umount /var/lib/cni")
		}
		_, status := cnitool("doctor")
		assert.Zero(t, status)
		assert.Empty(t, libraryFiles(t))
	})
}

// TestCnitoolForgetfulShell: DEL in a shell without CAP_ARGS takes them from the record, and
// where that is damaged, clean does not leave the port mapping behind unless told to.
func TestCnitoolForgetfulShell(t *testing.T) {
	cnitoolSandbox(t, func(t *testing.T, cnitool func(string) (string, int)) {
		con := newContainer(t, "con")
		before := traces(t)
		arguments := os.Getenv("CAP_ARGS")
		add := func() {
			require.NoError(t, os.Setenv("CAP_ARGS", arguments))
			_, status := cnitool("add --container c1 churn " + con.netns)
			require.Zero(t, status)
			require.NoError(t, os.Unsetenv("CAP_ARGS"))
		}
		add()
		_, status := cnitool("del --container c1 churn " + con.netns)
		require.Zero(t, status)
		assert.NotContains(t, strings.Join(leftBehind(before, traces(t)), "\n"), "c1")

		add()
		require.NoError(t, os.Truncate("/var/lib/cni/results/churn-c1-eth0", 0))
		said, status := cnitool("clean --netns " + con.netns + " c1")
		require.Equal(t, 2, status)
		assert.Contains(t, con.ip(t, "-br link show"), "eth0")
		advice := regexp.MustCompile(`CAP_ARGS=\S+ CNI_PATH=\S+ NETCONFPATH=\S+ cnitool clean .*`).FindString(said)
		require.NotEmpty(t, advice)
		cmd := exec.CommandContext(t.Context(), "sh", "-c", `cnitool() { "$TOOL" "$@"; }; `+advice)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TOOL=" + filepath.Join(cnitoolsDir(), "cnikit")}
		require.Error(t, cmd.Run(), "the shell refuses it while CAP_ARGS is not set")
		said, status = paste(t, advice, "CAP_ARGS="+arguments)
		require.Zero(t, status, said)
		assert.NotContains(t, strings.Join(leftBehind(before, traces(t)), "\n"), "c1")
		assert.Empty(t, libraryFiles(t))
	})
}
