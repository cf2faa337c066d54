package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/pgtest"
	"crontopus.dev/crontopus/store"
)

// onBothEngines runs a test with a function that opens the same database however often.
func onBothEngines(t *testing.T, test func(t *testing.T, open func() *store.Store)) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "crontopus.db")
		test(t, func() *store.Store {
			s := openAt(t, path)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			return s
		})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		url := pgtest.Database(t)
		test(t, func() *store.Store { return openURL(t, url) })
	})
}

func notification(at time.Time) crontopus.Notification {
	id, err := uuid.NewV7()
	if err != nil {
		panic(err)
	}
	return crontopus.Notification{ID: id.String(), Tenant: crontopus.DefaultTenant, What: crontopus.NotifyOpened, At: at,
		Channel: crontopus.JobName{Namespace: "production", Name: "ops"}}
}

// decide keeps notifications in one transaction.
func decide(t testing.TB, s *store.Store, list ...crontopus.Notification) {
	t.Helper()
	require.NoError(t, store.Decide(t.Context(), s, crontopus.DefaultTenant,
		func(insert func(...crontopus.Notification) error, _ func(string, ...any) error) error {
			return insert(list...)
		}))
}

// works runs a queue until the test ends or stop is called. What work is called with comes out of the channel.
func works(t testing.TB, s *store.Store, answer func(id string, call int) (time.Duration, error)) (called chan string, stop func()) {
	called = make(chan string, 1000)
	var mu sync.Mutex
	calls := map[string]int{}
	q := store.NewQueue(s, func(_ context.Context, tenant crontopus.TenantID, id string) (time.Duration, error) {
		mu.Lock()
		calls[id]++
		n := calls[id]
		mu.Unlock()
		called <- id
		if answer == nil || tenant != crontopus.DefaultTenant {
			return 0, nil
		}
		return answer(id, n)
	}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return called, stop
}

func TestQueueWorksWhatIsCommittedAndNothingElse(t *testing.T) {
	onBothEngines(t, func(t *testing.T, open func() *store.Store) {
		s := open()
		undone, done := notification(time.Now()), notification(time.Now())
		changedItsMind := errors.New("changed its mind")
		err := store.Decide(t.Context(), s, crontopus.DefaultTenant,
			func(insert func(...crontopus.Notification) error, _ func(string, ...any) error) error {
				return errors.Join(insert(undone), changedItsMind)
			})
		require.ErrorIs(t, err, changedItsMind)
		called, _ := works(t, s, nil)
		decide(t, s, done)
		require.Equal(t, done.ID, <-called, "the first and only one")
		_, err = s.Delivery(t.Context(), crontopus.DefaultTenant, undone.ID)
		require.Equal(t, crontopus.CodeNotFound, crontopus.ErrorCode(err))
	})
}

func TestQueueCallsAgainAfterAnErrorAPanicAndWhenAsked(t *testing.T) {
	onBothEngines(t, func(t *testing.T, open func() *store.Store) {
		s := open()
		n := notification(time.Now())
		decide(t, s, n)
		called, _ := works(t, s, func(_ string, call int) (time.Duration, error) {
			switch call {
			case 1:
				return 0, errors.New("the database is away")
			case 2:
				panic("a channel's answer that nobody thought of")
			case 3:
				return time.Millisecond, nil
			}
			return 0, nil
		})
		for range 4 {
			require.Equal(t, n.ID, <-called)
		}
		// Nobody calls a fifth time: what is decided after it is what comes next.
		after := notification(time.Now())
		decide(t, s, after)
		require.Equal(t, after.ID, <-called)
	})
}

func TestQueueTakesUpWhatADeadServerHadInItsHands(t *testing.T) {
	onBothEngines(t, func(t *testing.T, open func() *store.Store) {
		s := open()
		n := notification(time.Now())
		decide(t, s, n)
		long := time.Now().Add(-time.Hour).UTC().Format("2006-01-02 15:04:05")
		require.NoError(t, store.Decide(t.Context(), s, crontopus.DefaultTenant,
			func(_ func(...crontopus.Notification) error, exec func(string, ...any) error) error {
				return exec("UPDATE river_job SET state = 'running', attempt = 1, attempted_at = '" + long + "'")
			}))
		called, _ := works(t, open(), nil)
		require.Equal(t, n.ID, <-called)
	})
}

func TestPostgresTwoQueuesDeliverEachOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	one, two := openURL(t, url), openURL(t, url)
	first, _ := works(t, one, nil)
	second, _ := works(t, two, nil)
	const many = 200
	wanted := map[string]int{}
	for range many / 10 {
		var list []crontopus.Notification
		for range 10 {
			n := notification(time.Now())
			wanted[n.ID] = 1
			list = append(list, n)
		}
		decide(t, one, list...)
	}
	got := map[string]int{}
	for range many {
		select {
		case id := <-first:
			got[id]++
		case id := <-second:
			got[id]++
		}
	}
	require.Equal(t, wanted, got)
}

func TestQueueEndsWithItsContextAndMayBeRunAgain(t *testing.T) {
	onBothEngines(t, func(t *testing.T, open func() *store.Store) {
		s := open()
		for i := range 2 {
			n := notification(time.Now())
			decide(t, s, n)
			called, stop := works(t, s, nil)
			require.Equal(t, n.ID, <-called, fmt.Sprint(i))
			stop()
		}
	})
}
