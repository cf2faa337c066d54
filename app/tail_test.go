package app_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/internal/pgtest"
)

// follow follows runs until the test ends or stop is called.
func follow(t *testing.T, c *client.Client, since time.Time) (runs chan crontopus.Run, stop func() error) {
	runs = make(chan crontopus.Run, 100)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- c.TailRuns(ctx, crontopus.RunFilter{Since: since}, func(r crontopus.Run) error {
			runs <- r
			return nil
		})
	}()
	t.Cleanup(cancel)
	return runs, func() error {
		cancel()
		return <-ended
	}
}

// seen waits until a run is seen in a state.
func seen(t *testing.T, runs chan crontopus.Run, id string, state crontopus.RunState) {
	t.Helper()
	for deadline := time.After(20 * time.Second); ; {
		select {
		case r := <-runs:
			if r.ID == id && r.State == state {
				return
			}
		case <-deadline:
			t.Fatalf("%s was not seen %s", id, state)
		}
	}
}

// checksIn says of hello's run that it began long ago, or what came of it.
func checksIn(t *testing.T, c *client.Client, id string, event crontopus.Event) {
	t.Helper()
	require.NoError(t, c.CheckIn(t.Context(), crontopus.CheckIn{RunID: id, Job: hello, Event: event, At: time.Now().Add(-5 * time.Hour)}))
}

func TestRunsAreFollowedWhileTheyAreRecorded(t *testing.T) {
	r := start(t, t.TempDir())
	withJob(t, r.Client)
	begin := time.Now()
	id := uuid.Must(uuid.NewV7()).String()
	runs, stop := follow(t, r.Client, begin)
	begun := uuid.Must(uuid.NewV7()).String()
	until(t, "it is followed", func() bool { // whatever comes before that is not told of
		require.NoError(t, r.CheckIn(t.Context(), crontopus.CheckIn{RunID: begun, Job: hello, Event: crontopus.EventStart, At: time.Now()}))
		return len(runs) > 0
	})
	checksIn(t, r.Client, id, crontopus.EventStart)
	seen(t, runs, id, crontopus.RunRunning)
	checksIn(t, r.Client, id, crontopus.EventFailure)
	seen(t, runs, id, crontopus.RunFailed)
	url, err := r.RotatePing(t.Context(), hello)
	require.NoError(t, err)
	_, err = shell(t, []string{"URL=" + url.URL, "PATH=/usr/bin:/bin"}, `curl -fsS "$URL/fail"`)
	require.NoError(t, err)
	require.Equal(t, crontopus.RunFailed, (<-runs).State)
	r.stop() // with a stream open
	require.ErrorIs(t, stop(), context.Canceled)
}

// What one server records, even long after its time, is seen by who follows at the other.
func TestRunsAreFollowedAtAnotherServer(t *testing.T) {
	first := options(t)
	first.Database = pgtest.Database(t)
	a := open(t, first)
	run(t, a)
	here := admin(t, a, first)
	withJob(t, here)
	second := options(t)
	second.Database = first.Database
	copyKeys(t, first, second)
	b := open(t, second)
	run(t, b)
	there, err := client.New(b.URL(), client.WithAPIKey(adminKey(t, first)))
	require.NoError(t, err)

	runs, _ := follow(t, there, time.Now())
	until(t, "it is heard of at the other", func() bool {
		checksIn(t, here, uuid.Must(uuid.NewV7()).String(), crontopus.EventStart)
		return len(runs) > 0
	})
	id := uuid.Must(uuid.NewV7()).String()
	checksIn(t, here, id, crontopus.EventStart)
	seen(t, runs, id, crontopus.RunRunning)
	checksIn(t, here, id, crontopus.EventSuccess)
	seen(t, runs, id, crontopus.RunSucceeded)
	checksIn(t, there, id, crontopus.EventFailure) // nothing new: it has ended
	other := uuid.Must(uuid.NewV7()).String()
	checksIn(t, there, other, crontopus.EventFailure)
	require.Equal(t, other, (<-runs).ID)
}
