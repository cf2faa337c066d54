package store_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/pgtest"
	"crontopus.dev/crontopus/store"
	"crontopus.dev/crontopus/store/storetest"
)

// poison is the message of a check-in that the database refuses, by no rule of ours.
const poison = "poison"

// onEachEngine runs a test with a recorder that was not started, on a store whose default
// tenant has the job production/backup.
func onEachEngine(t *testing.T, test func(t *testing.T, s *store.Store, r *store.Recorder)) {
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "crontopus.db")
		s := openAt(t, path)
		t.Cleanup(func() { _ = s.Close() }) // the test may have closed it
		storetest.Furnish(t, s, crontopus.DefaultTenant)
		_, err := native(t, path).Exec("CREATE TRIGGER t BEFORE INSERT ON runs WHEN NEW.message = '" + poison + "' BEGIN SELECT RAISE(ABORT, 'no'); END")
		require.NoError(t, err)
		test(t, s, store.NewRecorder(s))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		url := pgtest.Database(t)
		s := openURL(t, url)
		storetest.Furnish(t, s, crontopus.DefaultTenant)
		pgtest.SQL(t, url, "ALTER TABLE runs ADD CHECK (message <> '"+poison+"')")
		test(t, s, store.NewRecorder(s))
	})
}

// start runs a recorder until stop, which returns when everything is answered.
func start(t *testing.T, r *store.Recorder) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			require.NoError(t, <-done)
		})
	}
	t.Cleanup(stop)
	return stop
}

func success(id string) crontopus.CheckIn {
	return crontopus.CheckIn{RunID: id, Job: crontopus.JobName{Namespace: "production", Name: "backup"},
		Event: crontopus.EventSuccess, At: time.Now(), Attempt: 1}
}

// sender is somebody who checks in once, and what came of it.
type sender struct {
	checkIn crontopus.CheckIn
	results []error
	err     error
}

// send lets senders check in all at once and returns when they all wait.
func send(ctx context.Context, t *testing.T, r *store.Recorder, senders []sender) *sync.WaitGroup {
	before := r.Waiting()
	var all sync.WaitGroup
	for i := range senders {
		all.Go(func() {
			s := &senders[i]
			s.results, s.err = r.RecordCheckIns(ctx, crontopus.DefaultTenant, "", []crontopus.CheckIn{s.checkIn})
		})
	}
	require.Eventually(t, func() bool { return r.Waiting() == before+len(senders) }, 10*time.Second, time.Millisecond)
	return &all
}

func senders(n int) []sender {
	list := make([]sender, n)
	for i := range list {
		list[i].checkIn = success(uuid.NewString())
	}
	return list
}

func recorded(t *testing.T, s *store.Store, id string) bool {
	_, err := s.Run(t.Context(), crontopus.DefaultTenant, id)
	return err == nil
}

func TestRecorderAnswersEverybodyByThemselves(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s *store.Store, r *store.Recorder) {
		list := senders(700) // more than one batch
		list[3].checkIn.Event = "sneezed"
		list[4].checkIn.Job.Name = "nothing"
		list[6].checkIn.RunID = list[5].checkIn.RunID
		all := send(t.Context(), t, r, list)
		start(t, r)
		all.Wait()
		for i, sent := range list {
			require.NoError(t, sent.err)
			require.Len(t, sent.results, 1)
			code := map[int]string{3: crontopus.CodeInvalid, 4: crontopus.CodeNotFound}[i]
			require.Equal(t, code, crontopus.ErrorCode(sent.results[0]), i)
			require.Equal(t, code == "", recorded(t, s, sent.checkIn.RunID), i)
		}
		require.Zero(t, r.Waiting())
	})
}

func TestRecorderNobodyWaitsForEver(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "crontopus.db"))
	defer s.Close()
	synctest.Test(t, func(t *testing.T) {
		r := store.NewRecorder(s) // nothing is committed
		var all sync.WaitGroup
		for i := range 5 {
			after := time.Duration(i) * 400 * time.Millisecond
			all.Go(func() {
				<-time.After(after)
				came := time.Now()
				_, err := r.RecordCheckIns(t.Context(), crontopus.DefaultTenant, "", []crontopus.CheckIn{success(uuid.NewString())})
				if waited := time.Since(came); crontopus.ErrorCode(err) != crontopus.CodeUnavailable || waited < 9*time.Second || waited > 10*time.Second {
					t.Errorf("the sender that came after %s was answered %v after %s", after, err, waited)
				}
			})
		}
		all.Wait()
	})
}

func TestRecorderKeepsTenantsApart(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s *store.Store, r *store.Recorder) {
		storetest.Furnish(t, s, "other")
		start(t, r)
		c := success(uuid.NewString())
		for tenant, event := range map[crontopus.TenantID]crontopus.Event{crontopus.DefaultTenant: crontopus.EventSuccess, "other": crontopus.EventFailure} {
			c.Event = event
			results, err := r.RecordCheckIns(t.Context(), tenant, "", []crontopus.CheckIn{c})
			require.NoError(t, err)
			require.NoError(t, results[0])
		}
		mine, err := s.Run(t.Context(), crontopus.DefaultTenant, c.RunID)
		require.NoError(t, err)
		require.Equal(t, crontopus.RunSucceeded, mine.State)
		theirs, err := s.Run(t.Context(), "other", c.RunID)
		require.NoError(t, err)
		require.Equal(t, crontopus.RunFailed, theirs.State)
	})
}

func TestRecorderOneThatIsRefusedSpoilsNobodyElses(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s *store.Store, r *store.Recorder) {
		list := senders(20)
		list[7].checkIn.Message = poison
		all := send(t.Context(), t, r, list)
		start(t, r)
		all.Wait()
		for i, sent := range list {
			if i == 7 {
				require.Equal(t, crontopus.CodeInternal, crontopus.ErrorCode(sent.err))
				continue
			}
			require.NoError(t, sent.err)
			require.True(t, recorded(t, s, sent.checkIn.RunID))
		}
	})
}

func TestRecorderOneThatLeavesTakesNobodyAlong(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s *store.Store, r *store.Recorder) {
		leaving, leave := context.WithCancel(t.Context())
		gone, staying := senders(3), senders(3)
		left := send(leaving, t, r, gone)
		stayed := send(t.Context(), t, r, staying)
		leave()
		left.Wait()
		start(t, r)
		stayed.Wait()
		for i := range gone {
			require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(gone[i].err))
			require.False(t, recorded(t, s, gone[i].checkIn.RunID))
			require.NoError(t, staying[i].err)
			require.True(t, recorded(t, s, staying[i].checkIn.RunID))
		}
	})
}

func TestRecorderThatIsFullSaysSoAtOnce(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s *store.Store, r *store.Recorder) {
		many := make([]crontopus.CheckIn, 10_000)
		for i := range many {
			many[i] = success(uuid.NewString())
		}
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if _, err := r.RecordCheckIns(t.Context(), crontopus.DefaultTenant, "", many); err != nil {
				t.Error(err)
			}
		})
		require.Eventually(t, func() bool { return r.Waiting() == len(many) }, 10*time.Second, time.Millisecond)
		late := success(uuid.NewString())
		_, err := r.RecordCheckIns(t.Context(), crontopus.DefaultTenant, "", []crontopus.CheckIn{late})
		require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err))
		require.NotEmpty(t, crontopus.ErrorHint(err))
		start(t, r)
		waiting.Wait()
		require.True(t, recorded(t, s, many[9_999].RunID))
		_, err = r.RecordCheckIns(t.Context(), crontopus.DefaultTenant, "", []crontopus.CheckIn{late})
		require.NoError(t, err)
	})
}

func TestRecorderFinishesWhatItAccepted(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s *store.Store, r *store.Recorder) {
		list := senders(50)
		all := send(t.Context(), t, r, list)
		start(t, r)() // and stop
		all.Wait()
		for _, sent := range list {
			require.NoError(t, sent.err)
			require.True(t, recorded(t, s, sent.checkIn.RunID))
		}
		_, err := r.RecordCheckIns(t.Context(), crontopus.DefaultTenant, "", []crontopus.CheckIn{success(uuid.NewString())})
		require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err))
	})
}

func TestRecorderTellsEverybodyWhenTheDatabaseIsAway(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s *store.Store, r *store.Recorder) {
		list := senders(1200)
		all := send(t.Context(), t, r, list)
		require.NoError(t, s.Close())
		start(t, r)
		all.Wait()
		for _, sent := range list {
			require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(sent.err))
			require.NotEmpty(t, crontopus.ErrorHint(sent.err))
		}
	})
}

// What agents send twice may reach two servers at once.
func TestRecordersOfTwoServersComeToOneRun(t *testing.T) {
	url := pgtest.Database(t)
	one, two := openURL(t, url), openURL(t, url)
	storetest.Furnish(t, one, crontopus.DefaultTenant)
	first, second := store.NewRecorder(one), store.NewRecorder(two)
	start(t, first)
	start(t, second)
	var all sync.WaitGroup
	ids := make([]string, 200)
	for i := range ids {
		ids[i] = uuid.NewString()
		end := success(ids[i])
		begin := end
		begin.Event, begin.At = crontopus.EventStart, end.At.Add(-time.Minute)
		for r, list := range map[*store.Recorder][]crontopus.CheckIn{first: {begin}, second: {end}} {
			all.Go(func() {
				results, err := r.RecordCheckIns(t.Context(), crontopus.DefaultTenant, "", list)
				if err != nil || results[0] != nil {
					t.Error(err, results)
				}
			})
		}
	}
	all.Wait()
	for _, id := range ids {
		run, err := one.Run(t.Context(), crontopus.DefaultTenant, id)
		require.NoError(t, err)
		require.Equal(t, crontopus.RunSucceeded, run.State)
		require.NotNil(t, run.Started, "neither server wrote over what the other had")
		require.Equal(t, crontopus.Duration(time.Minute), run.Duration)
	}
}

// Of a large batch some runs are new, some change and some are as they were: those of the first two are told of.
func TestRecorderTellsWhatChangedAndNothingElse(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s *store.Store, r *store.Recorder) {
		var told []string
		r.Told = func(_ crontopus.TenantID, run string) { told = append(told, run) }
		stop := start(t, r)
		var known, all []crontopus.CheckIn
		var want []string
		for i := range 90 {
			c := success(uuid.NewString())
			switch i % 3 {
			case 0:
				known = append(known, c)
			case 1:
				begun := c
				begun.Event = crontopus.EventStart
				known, want = append(known, begun), append(want, c.RunID)
			default:
				want = append(want, c.RunID)
			}
			all = append(all, c)
		}
		results, err := r.RecordCheckIns(t.Context(), crontopus.DefaultTenant, "", known)
		require.NoError(t, err)
		require.Equal(t, make([]error, len(known)), results)
		told = nil // the recorder is at rest
		results, err = r.RecordCheckIns(t.Context(), crontopus.DefaultTenant, "", all)
		require.NoError(t, err)
		require.Equal(t, make([]error, len(all)), results)
		stop()
		require.ElementsMatch(t, want, told)
	})
}

// A transaction that waits for a lock, or the disk, holds up a few who come meanwhile, for whom another would not pay,
// but no crowd.
func TestPostgresRecorderBeginsAnotherTransactionForACrowd(t *testing.T) {
	url := pgtest.Database(t)
	s := openURL(t, url)
	storetest.Furnish(t, s, crontopus.DefaultTenant)
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	r := store.NewRecorder(s)
	start(t, r)
	held := success(uuid.NewString())
	held.Event = crontopus.EventStart
	_, err = r.RecordCheckIns(t.Context(), crontopus.DefaultTenant, "", []crontopus.CheckIn{held})
	require.NoError(t, err)
	lock, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = lock.Exec(t.Context(), "SELECT set_config('crontopus.tenant', '*', true)")
	require.NoError(t, err)
	tag, err := lock.Exec(t.Context(), "SELECT 1 FROM runs WHERE id = $1 FOR UPDATE", held.RunID)
	require.NoError(t, err)
	require.Equal(t, int64(1), tag.RowsAffected())

	ended := make(chan error, 1)
	go func() {
		end := held
		end.Event = crontopus.EventSuccess
		_, err := r.RecordCheckIns(context.Background(), crontopus.DefaultTenant, "", []crontopus.CheckIn{end})
		ended <- err
	}()
	blocked := func() (blocked bool) {
		const query = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
		return pool.QueryRow(t.Context(), query).Scan(&blocked) == nil && blocked
	}
	require.Eventually(t, blocked, 10*time.Second, 10*time.Millisecond)
	few := senders(5)
	waiting := send(t.Context(), t, r, few)
	crowd := make([]crontopus.CheckIn, 20)
	for i := range crowd {
		crowd[i] = success(uuid.NewString())
	}
	_, err = r.RecordCheckIns(t.Context(), crontopus.DefaultTenant, "", crowd)
	require.NoError(t, err)
	waiting.Wait() // the crowd took the few along
	for _, sent := range few {
		require.NoError(t, sent.err)
	}
	require.Empty(t, ended)
	require.NoError(t, lock.Rollback(t.Context()))
	require.NoError(t, <-ended)
}
