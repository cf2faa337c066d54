package failpoint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// reached is a failpoint as a program has recorded it.
type reached struct {
	point   string   // file:before-rename
	subject string   // the file that the next call is about
	chain   []string // who asked for it, innermost first
}

// site is the function that asked for the file or the transaction.
func (r reached) site(t testing.TB) string {
	t.Helper()
	seam, _, _ := strings.Cut(r.point, ":")
	i := slices.IndexFunc(r.chain, func(name string) bool { return slices.Contains(sites(t)[seam], name) })
	require.GreaterOrEqualf(t, i, 0, "%v was reached on behalf of nobody that is known to use the seam", r)
	return r.chain[i]
}

// readRecord returns the points in the order in which they were reached.
func readRecord(t testing.TB, file string) (all []reached) {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	for line := range strings.Lines(string(data)) {
		parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		require.Len(t, parts, 3, "%q", line)
		all = append(all, reached{parts[0], parts[1], strings.Fields(parts[2])})
	}
	return all
}

// record keeps a record while do runs programs with the variable that it is given.
func record(t testing.TB, do func(env string)) []reached {
	t.Helper()
	file := filepath.Join(t.TempDir(), "record")
	do("FAILPOINT_RECORD=" + file)
	return readRecord(t, file)
}

// asOftenAsTimeLets are functions whose second call may be left out in another run.
var asOftenAsTimeLets = []string{"agent.(*reporter).tell"}

// kills names every point of a record, each as often as it was reached, as FAILPOINT_KILL
// has it. Unless each is asked for, those are left out that leave the same on the disk as
// the rename: the page cache outlives kill -9.
func kills(t testing.TB, record []reached, each bool) (all []string) {
	t.Helper()
	hits := map[string]int{}
	for _, r := range record {
		name := r.point + "@" + r.site(t)
		hits[name]++
		if hits[name] > 1 && slices.Contains(asOftenAsTimeLets, r.site(t)) {
			continue
		}
		if !each && (r.point == "file:before-write" || r.point == "file:before-fsync") {
			continue
		}
		all = append(all, fmt.Sprintf("%s#%d", name, hits[name]))
	}
	return all
}

// requireOrder fails unless each file in the record was written, brought to the disk, renamed
// and its folder brought to the disk, in this order: kill -9 keeps the page cache, so no
// killed program shows what a power cut would. What is updated in place is brought to the disk.
// It returns the names that files got.
func requireOrder(t testing.TB, record []reached) (files []string) {
	t.Helper()
	synced := map[string]bool{} // temporary files: whether they are on the disk
	owed := map[string]int{}    // folders to be brought to the disk, by who owes it
	for _, r := range record {
		folder := func(name string) string { return r.site(t) + " " + filepath.Dir(name) }
		switch r.point {
		case "file:before-write":
			synced[r.subject] = false
		case "file:before-fsync":
			require.Contains(t, synced, r.subject, "%v", r)
			synced[r.subject] = true
		case "file:before-rename":
			from, to, _ := strings.Cut(r.subject, " -> ")
			if onDisk, written := synced[from]; written {
				require.True(t, onDisk, "%v", r)
				owed[folder(to)]++
			} else { // moved: what it was before is on the disk
				owed[folder(from)]++
				owed[folder(to)]++
			}
			files = append(files, to)
		case "file:before-fsync-dir":
			if who := folder(r.subject + "/x"); owed[who] > 0 { // else a file was made under its own name
				owed[who]--
			}
		}
	}
	for name, onDisk := range synced {
		require.True(t, onDisk, "%s is not brought to the disk", name)
	}
	for who, n := range owed {
		require.Zero(t, n, "%s is not brought to the disk", who)
	}
	require.NotEmpty(t, files)
	return files
}
