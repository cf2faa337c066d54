package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

// ids of runs, in the order of a list.
func idsOf(runs []crontopus.Run) (ids []string) {
	for _, r := range runs {
		ids = append(ids, r.ID)
	}
	return ids
}

var followCases = cases{
	"a recorder tells of each run that is not as it was, once that is committed": func(t *testing.T, s *store.Store) {
		p := newPinging(t, s)
		told := make(chan string, 10)
		r := store.NewRecorder(s)
		r.Told = func(tenant crontopus.TenantID, id string) {
			runs, err := s.RunsNamed(t.Context(), tenant, []string{id})
			if err == nil && len(runs) == 1 {
				told <- id + " " + string(runs[0].State)
			}
		}
		stop := runRecorder(t, r)
		c := crontopus.CheckIn{RunID: uuid.Must(uuid.NewV7()).String(), Job: named("backup"), Event: crontopus.EventStart, At: lately}
		record := func() {
			results, err := r.RecordCheckIns(t.Context(), here, "", []crontopus.CheckIn{c})
			require.NoError(t, err)
			require.NoError(t, results[0])
		}
		record()
		record() // the same again changes nothing
		c.Event = crontopus.EventFailure
		record()
		c.Job = named("nothing")
		_, err := r.RecordCheckIns(t.Context(), here, "", []crontopus.CheckIn{c})
		require.NoError(t, err)
		stop()
		close(told)
		require.Equal(t, c.RunID+" running", <-told)
		require.Equal(t, c.RunID+" failed", <-told)
		require.Empty(t, told)
		require.Len(t, p.runs(), 1)
	},
	"runs are found by their names, those of others are not": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		first, second := checkIn("backup", crontopus.EventStart), checkIn("backup", crontopus.EventSuccess)
		second.At = second.At.Add(time.Hour)
		second.ScheduledFor = nil
		second.Output = []byte("much")
		w.record(a.ID, first, second)
		runs, err := s.RunsNamed(t.Context(), here, []string{second.RunID, uuid.NewString(), first.RunID})
		require.NoError(t, err)
		require.Equal(t, []string{first.RunID, second.RunID}, idsOf(runs), "by their place in lists")
		require.Equal(t, "db-01", runs[0].Agent)
		require.Nil(t, runs[1].Output)
		runs, err = s.RunsNamed(t.Context(), here, nil)
		require.NoError(t, err)
		require.Empty(t, runs)
	},
	"what began before is found if it ended since": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		long, short := checkIn("backup", crontopus.EventStart), checkIn("backup", crontopus.EventStart)
		long.ScheduledFor, short.ScheduledFor = nil, nil
		end, over := long, short
		end.Event, end.At = crontopus.EventSuccess, t0.Add(3*time.Hour)
		over.Event, over.At = crontopus.EventSuccess, t0.Add(time.Minute)
		w.record(a.ID, long, short, end, over)
		for since, want := range map[time.Duration][]string{0: {long.RunID, short.RunID}, time.Hour: {long.RunID}, 3 * time.Hour: {long.RunID}, 4 * time.Hour: nil} {
			runs, err := s.RunsSince(t.Context(), here, t0.Add(since))
			require.NoError(t, err)
			require.ElementsMatch(t, want, idsOf(runs), since)
		}
		require.NoError(t, s.Follow(t.Context(), here))
	},
}
