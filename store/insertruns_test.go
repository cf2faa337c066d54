package store_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
	"crontopus.dev/crontopus/store/storetest"
)

// Whether little is wrong or much, what goes well is a signal for the entries that something is wrong with, and for
// no others.
func TestWhatGoesWellIsASignalWhereSomethingIsWrong(t *testing.T) {
	const jobs = 250
	for _, wrong := range []int{0, 1, 100, 101, 249} {
		t.Run(fmt.Sprint(wrong), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "crontopus.db")
			s := openAt(t, path)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			storetest.Furnish(t, s, crontopus.DefaultTenant)
			list := storetest.PingJobs(t, s, crontopus.DefaultTenant, jobs)
			db := native(t, path)
			exec := func(query string, args ...any) {
				_, err := db.Exec(query, args...)
				require.NoError(t, err)
			}
			exec("DELETE FROM signals")
			exec("UPDATE watches SET alert = 0")
			for _, j := range list[:wrong] {
				exec("UPDATE watches SET alert = 1 WHERE id = ?", crontopus.EntryWatchID(j.Job, ""))
			}
			r := store.NewRecorder(s)
			start(t, r)
			var all []crontopus.CheckIn
			for _, j := range list {
				c := success(uuid.NewString())
				c.Job = j.Job
				all = append(all, c)
			}
			_, err := r.RecordCheckIns(t.Context(), crontopus.DefaultTenant, "", all)
			require.NoError(t, err)
			var told, right int
			require.NoError(t, db.QueryRow("SELECT count(*) FROM signals").Scan(&told))
			require.NoError(t, db.QueryRow("SELECT count(*) FROM signals s JOIN watches w ON w.id = s.watch_id JOIN runs r ON r.id = s.run_id AND r.name = w.name WHERE w.alert = 1").Scan(&right))
			require.Equal(t, []int{wrong, wrong}, []int{told, right})
		})
	}
}
