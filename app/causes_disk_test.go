package app_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/gittest"
	"crontopus.dev/crontopus/internal/smalldisk"
)

// smallDisk is a folder on a disk of its own, until the test ends.
func smallDisk(t *testing.T) (dir string) {
	inside := t.TempDir()
	words := append(smalldisk.Command("1m", inside), "sh", "-c", "echo ready; cat")
	holder := exec.Command(words[0], words[1:]...)
	in, err := holder.StdinPipe()
	require.NoError(t, err)
	out, err := holder.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, holder.Start())
	_, err = out.Read(make([]byte, 6))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, in.Close())
		require.NoError(t, holder.Wait())
	})
	return fmt.Sprintf("/proc/%d/root%s", holder.Process.Pid, inside)
}

// The agent's own folder is full, so that what its runs have to say is lost.
func TestAHostWithoutRoomSaysSo(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(smallDisk(t), "state")
	repo := gittest.NewRepo(t)
	repo.Commit(t, "a job", map[string]string{"job.yaml": jobOf("backup", "full", "")})
	var harm, mend map[string]crontopus.Incident
	synctest.Test(t, func(t *testing.T) {
		clock("11:57:40")
		v := newVillage(t, repo, func(*app.Options) {})
		h := v.settlesOn("full", dir)
		clock("12:00:30")
		fill := filepath.Join(dir, "fill")
		f, err := os.Create(fill)
		require.NoError(t, err)
		for err == nil {
			_, err = f.Write(make([]byte, 4096))
		}
		require.NoError(t, f.Close())
		clock("12:09:00")
		harm = v.incidents()
		require.NoError(t, os.Remove(fill))
		clock("12:14:45")
		mend = v.incidents()
		h.off()
	})
	for about, want := range map[string]telling{
		"full":           {kind: crontopus.AlertDrift, code: crontopus.CauseDiskFull, says: []string{"full has no room left in " + dir + " (its disk is full)"}},
		"backup on full": {kind: crontopus.AlertMissed, code: crontopus.CauseDiskFull, says: []string{"did not start at 12:02 UTC: full has no room left in " + dir}, evidence: []string{"last check-in: succeeded"}},
	} {
		in := harm[about]
		want.check(t, &in)
		require.Equal(t, crontopus.ResolvedRecovered, mend[about].Resolution)
	}
}
