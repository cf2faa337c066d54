package store

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/loop"
)

// How the queue works. A server that dies with a delivery in its hands costs it rescueAfter:
// another one, or the same once it is back, takes it up then.
const (
	deliveryLimit = 30 * time.Second // for one attempt
	rescueAfter   = 45 * time.Second
	deliveriesNow = 16 // at once, of one server
	pollInterval  = time.Second
	drainLimit    = 10 * time.Second // for attempts under way when the server stops
	mostFailures  = 500              // of our own, before a delivery is given up: about five days
)

// deliverJob is what a job of the queue knows. It holds nothing of a tenant's but names: the tables of
// the queue are the installation's, and no policy stands before them.
type deliverJob struct {
	Tenant       crontopus.TenantID `json:"tenant"`
	Notification string             `json:"notification"`
}

// Kind names the job in the database.
func (deliverJob) Kind() string { return "deliver" }

// enqueue makes the delivery of a notification part of the transaction: it is worked on once
// that is committed, and never if it is not. Before at, nobody begins with it.
func enqueue(ctx context.Context, t tx, tenant crontopus.TenantID, notificationID string, at time.Time) error {
	return t.Enqueue(ctx, deliverJob{tenant, notificationID}, &river.InsertOpts{ScheduledAt: at, MaxAttempts: mostFailures})
}

// queueClient is River's, whatever its transactions are.
type queueClient interface {
	Start(ctx context.Context) error
	Stopped() <-chan struct{}
}

// Work is done with a notification. It returns after how long it wants to be called again, 0
// where nothing is left to do. After an error it is called again, too, later each time.
type Work func(ctx context.Context, tenant crontopus.TenantID, notificationID string) (again time.Duration, err error)

// Queue hands out the notifications that transactions have left to be delivered, each to one
// server at a time and at least once.
type Queue struct {
	store  *Store
	worker *worker
	log    *slog.Logger
}

// NewQueue returns a queue that is at rest.
func NewQueue(s *Store, work Work, log *slog.Logger) *Queue {
	return &Queue{store: s, worker: &worker{work: work, log: log}, log: log}
}

// Run works until ctx ends, then gives attempts under way a little time to end.
func (q *Queue) Run(ctx context.Context) error {
	l := loop.Loop{Name: "working the queue of notifications", Backoff: loop.Backoff{Max: 10 * time.Second}, Log: q.log, Step: q.attend}
	return l.Run(ctx)
}

// attend works until ctx ends. An error says that it could not even begin.
func (q *Queue) attend(ctx context.Context) error {
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, q.worker); err != nil {
		return err
	}
	client, err := q.store.engine.queue(&river.Config{
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: deliveriesNow}},
		Workers:              workers,
		FetchPollInterval:    pollInterval,
		JobTimeout:           deliveryLimit,
		RescueStuckJobsAfter: rescueAfter,
		SoftStopTimeout:      drainLimit,
		RetryPolicy:          retryPolicy{},
		Logger:               riverLog(q.log),
	})
	if err != nil {
		return err
	}
	if err := client.Start(ctx); err != nil {
		return unavailable(err)
	}
	<-client.Stopped()
	return nil
}

// worker is Work as River calls it.
type worker struct {
	river.WorkerDefaults[deliverJob]
	work Work
	log  *slog.Logger
}

// Work logs an error itself: River does so only where nobody looks.
func (w *worker) Work(ctx context.Context, job *river.Job[deliverJob]) error {
	again, err := w.work(ctx, job.Args.Tenant, job.Args.Notification)
	switch {
	case err != nil:
		w.log.WarnContext(ctx, "a notification waits: what it takes to deliver it could not be done",
			"tenant", job.Args.Tenant, "notification", job.Args.Notification, "error", err)
		return err
	case again > 0:
		return river.JobSnooze(again)
	}
	return nil
}

// retryPolicy is for failures of our own, such as a database that is away: how a channel is
// asked again says Work.
type retryPolicy struct{}

// NextRetry doubles from one second to a quarter of an hour.
func (retryPolicy) NextRetry(job *rivertype.JobRow) time.Time {
	delay := min(time.Second<<min(len(job.Errors), 10), 15*time.Minute)
	return time.Now().Add(delay/2 + rand.N(delay/2))
}

// riverLog passes on what River warns of. The rest is for who works on River.
func riverLog(log *slog.Logger) *slog.Logger { return slog.New(warnings{log.Handler()}) }

type warnings struct{ slog.Handler }

// Enabled is true from warnings on.
func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}

func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }

// migrateQueue brings River's own tables up to date, beside ours. Newer ones stay as they are.
func migrateQueue[T any](ctx context.Context, driver riverdriver.Driver[T], log *slog.Logger) error {
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: riverLog(log)})
	if err != nil {
		return cannotMigrate(err)
	}
	if _, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return cannotMigrate(err)
	}
	return nil
}
