package failpoint_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// scene is something that a program does with files, which is killed at every failpoint
// that it reaches, and then done again.
type scene struct {
	files []string // the functions that write files in it, all of them
	play  func(t *testing.T) act
}

// act is how a scene is done, once it is set up.
type act struct {
	before func(t testing.TB)                         // puts everything back to where it begins
	do     func(t testing.TB, env ...string) *process // begins it
	done   func(t testing.TB, p *process)             // waits for its good end, and looks at what it came to
	each   bool                                       // kills at points that leave the same on the disk, too
	killed func(t testing.TB)                         // looks at what a kill has left; may be nil
}

// scenes are all of them, by their names.
var scenes = map[string]scene{
	"an agent applies a bundle": {[]string{"agent.(*Gate).Accept", "agent.State.changeClaim", "agent/crontab.file.write",
		"agent.(*Reconciler).remember", "agent.State.sealJobs", "agent.(*reporter).tell"}, applies},
	"a job runs":                       {[]string{"agent.State.changeClaim", "agent.(*Spool).write"}, runs},
	"a damaged check-in is set aside":  {[]string{"agent.(*Spool).write", "agent.(*Spool).count"}, setsAside},
	"a host enrolls":                   {[]string{"internal/keyfile.create", "agent.Enroll", "agent/command.write"}, enrolls},
	"a host is paused":                 {[]string{"agent.State.Pause"}, pauses},
	"a host changes its key":           {[]string{"internal/keyfile.create", "agent.RotateKey"}, changesItsKey},
	"a host follows the server's keys": {[]string{"agent.State.Follow", "agent.State.forgetRetired", "agent.(*Gate).Accept", "agent.State.sealJobs", "agent.(*reporter).tell"}, follows},
	"a server starts for the first time": {[]string{"internal/keyfile.create", "app.keepRecoveryKey", "store.LoadOrCreateBox",
		"app.ensureAdminKey", "app.(*keyring).add"}, startsFirst},
	"the server's key is rotated":     {[]string{"internal/keyfile.create", "app.(*keyring).add", "app.(*keyring).promote"}, rotates},
	"the server's keys are recovered": {[]string{"internal/keyfile.create", "app.keepRecoveryKey", "app.(*keyring).add", "app.(*keyring).promote"}, recovers},
	"credentials get another key":     {[]string{"store.LoadOrCreateBox", "app.Rekey"}, rekeys},
	"a server adopts another's keys":  {[]string{"app.(*keyring).adopt"}, adopts},
	"a backup is made":                {[]string{"app.writeArchive"}, backsUp},
	"a backup is restored":            {[]string{"app.unpackFile", "app.setAside", "app.RestoreBackup"}, restores},
	"a person logs in":                {[]string{"cli.saveConnection"}, logsIn},
	"manifests are formatted":         {[]string{"cli.writeBack"}, formats},
}

func TestKilledWhereverItWritesAFile(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(scenes)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			act := scenes[name].play(t)
			act.before(t)
			whole := record(t, func(env string) { act.done(t, act.do(t, env)) })
			requireOrder(t, whole)
			require.ElementsMatch(t, scenes[name].files, filesOf(t, whole))
			for _, kill := range kills(t, whole, act.each || os.Getenv("CRONTOPUS_SOAK") != "") {
				t.Run(kill, func(t *testing.T) {
					act.before(t)
					act.do(t, "FAILPOINT_KILL="+kill).mustBeKilled(t)
					if act.killed != nil {
						act.killed(t)
					}
					act.done(t, act.do(t))
				})
			}
		})
	}
}

func filesOf(t testing.TB, record []reached) []string {
	t.Helper()
	found := map[string]bool{}
	for _, r := range record {
		if strings.HasPrefix(r.point, "file:") {
			found[r.site(t)] = true
		}
	}
	return slices.Collect(maps.Keys(found))
}

func TestNobodyWritesAFileWithoutAScene(t *testing.T) {
	var played []string
	for _, s := range scenes {
		played = append(played, s.files...)
	}
	slices.Sort(played)
	require.Equal(t, sites(t)["file"], slices.Compact(played), "who writes a file is killed at it, in a scene of this package")
}

// keep copies a folder and returns what puts it back.
func keep(t testing.TB, folder string) (back func(testing.TB)) {
	t.Helper()
	kept := filepath.Join(t.TempDir(), "kept")
	copyTree(t, folder, kept)
	return func(t testing.TB) {
		t.Helper()
		require.NoError(t, os.RemoveAll(folder))
		copyTree(t, kept, folder)
	}
}

func copyTree(t testing.TB, from, to string) {
	t.Helper()
	out, err := exec.Command("cp", "--archive", from, to).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
