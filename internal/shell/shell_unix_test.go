//go:build unix

package shell_test

import (
	"os/exec"
	"testing"

	"github.com/cnikit/cnikit/internal/shell"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWord(t *testing.T) {
	for _, plain := range []string{"/run/netns/web-1", "CNI_PATH=/opt/cni/bin:/usr/lib/cni", "a@b%c,d+e_f"} {
		assert.Equal(t, plain, shell.Word(plain))
	}
	words := []string{"", " ", "two words", "it's", `"`, `\`, "$HOME", "`id`", "a;b", "*", "~", "#", "line\nline", `{"portMappings":[{}]}`, "é", "'"}
	for _, word := range words {
		assert.NotEqual(t, word, shell.Word(word))
	}
	for _, word := range words {
		out, err := exec.Command("sh", "-c", "printf %s "+shell.Word(word)).Output()
		require.NoError(t, err)
		assert.Equal(t, word, string(out))
	}
}
