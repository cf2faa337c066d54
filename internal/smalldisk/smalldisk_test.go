package smalldisk_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/smalldisk"
)

func TestADiskIsAsSmallAsItIsSaidToBe(t *testing.T) {
	dir := t.TempDir()
	fill := func(count string) (string, error) {
		words := append(smalldisk.Command("2m", dir), "dd", "if=/dev/zero", "of="+dir+"/file", "bs=1M", "count="+count)
		out, err := exec.CommandContext(t.Context(), words[0], words[1:]...).CombinedOutput()
		return string(out), err
	}
	said, err := fill("1")
	require.NoError(t, err, said)
	said, err = fill("3")
	require.Error(t, err)
	require.Contains(t, said, "No space left on device")
	require.NoFileExists(t, dir+"/file", "nothing is left, and nobody else saw it")
}
