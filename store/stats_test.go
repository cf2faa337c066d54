package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/store"
)

func TestATallyTellsWhatIsToBeDeliveredFromWhatIsTriedAgain(t *testing.T) {
	onBothEngines(t, func(t *testing.T, open func() *store.Store) {
		s := open()
		tally := func() (now, later int) {
			c, err := s.SystemTally(t.Context(), time.Now())
			require.NoError(t, err)
			return c.Notifications, c.TriedAgain
		}
		decide(t, s, notification(time.Now()), notification(time.Now()))
		now, later := tally()
		require.Equal(t, []int{2, 0}, []int{now, later})

		called, stop := works(t, s, func(string, int) (time.Duration, error) { return time.Hour, nil })
		<-called
		<-called
		stop() // what a worker answered is in the database
		now, later = tally()
		require.Equal(t, []int{0, 2}, []int{now, later})
	})
}

// A page that is asked for every few seconds must not read what there ever was.
func TestATallyReadsByIndexes(t *testing.T) {
	plans, err := store.TallyPlans(t.Context(), openAt(t, t.TempDir()+"/crontopus.db"))
	require.NoError(t, err)
	require.NotEmpty(t, plans)
	for _, step := range plans {
		if strings.HasPrefix(step, "SCAN ") && !strings.Contains(step, "INDEX") {
			require.Contains(t, []string{"SCAN sources", "SCAN due"}, step, "there are few sources")
		}
	}
}
