package store

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/loop"
)

const (
	// maxBatch is how many check-ins share a transaction; a sender's own are never divided.
	maxBatch = 500
	// maxWaiting is how many check-ins may wait for a transaction. Who comes then is told
	// at once to come later.
	maxWaiting = 10_000
	// company is how many check-ins have to wait before a transaction begins beside one that is under way.
	company = 16
	// batchLimit is how long a transaction may take before the database counts as away.
	batchLimit = 10 * time.Second
	// patience is how long a sender waits before it had better try again, or a second less: all of one second
	// share a timer, since one for each takes 3 % of what a server can record.
	patience = 10 * time.Second
)

// Recorder commits the check-ins of all who wait in one transaction: a commit costs the
// disk the same for one as for hundreds. Nobody waits for company: while a batch is being
// committed, the next one gathers by itself. Where the database writes for several at once, a
// large one need not wait for the disk to be done with the one before.
type Recorder struct {
	// Told, if it is set before Run, hears of each run that is not as it was, once that is committed.
	Told func(tenant crontopus.TenantID, runID string)

	store *Store
	wake  loop.Signal

	mu         sync.Mutex
	queue      []*waiter       // in the order of their coming
	waiting    int             // check-ins in queue
	committing int             // transactions under way; each that ends looks at queue again
	ended      bool            // Run is over, and nobody would answer
	late       <-chan struct{} // closed when the patience of those who come now is over
	lateSince  time.Time       // when the first of them came
}

// waiter is a sender that waits for its answer.
type waiter struct {
	submission
	ctx  context.Context
	late <-chan struct{} // closed when it waits no longer
	err  error           // of the transaction
	done chan struct{}   // closed once results or err are there
}

// left reports whether nobody waits for the answer any more.
func (w *waiter) left() bool {
	select {
	case <-w.late:
		return true
	default:
		return w.ctx.Err() != nil
	}
}

// NewRecorder returns a recorder for a store. Nothing is recorded before Run.
func NewRecorder(s *Store) *Recorder { return &Recorder{store: s, wake: loop.NewSignal()} }

// RecordCheckIns is Store.RecordCheckIns together with everybody else's. unavailable, at once,
// where too many wait or the database is away, and after about ten seconds without an answer. A caller whose
// ctx ends gets none either; its check-ins may be recorded nevertheless.
func (r *Recorder) RecordCheckIns(ctx context.Context, tenant crontopus.TenantID, agentID string, list []crontopus.CheckIn) ([]error, error) {
	return r.record(ctx, submission{tenant: tenant, agentID: agentID, list: list})
}

func (r *Recorder) record(ctx context.Context, s submission) ([]error, error) {
	w := &waiter{submission: s, ctx: ctx, done: make(chan struct{})}
	if err := r.enqueue(w); err != nil {
		return nil, err
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		return nil, unavailable(ctx.Err())
	case <-w.late:
		return nil, unavailable(context.DeadlineExceeded)
	}
	if w.err != nil {
		return nil, w.err
	}
	return w.results, nil
}

// Waiting is how many check-ins wait for a transaction.
func (r *Recorder) Waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waiting
}

func (r *Recorder) enqueue(w *waiter) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return crontopus.Errorf(crontopus.CodeUnavailable, "the server is stopping").WithHint("try again: another may have taken its place")
	}
	if r.waiting > 0 && r.waiting+len(w.list) > maxWaiting {
		return crontopus.Errorf(crontopus.CodeUnavailable, "%d check-ins wait for the database already", r.waiting).
			WithHint("try again; if it lasts, the database is too slow for what is sent")
	}
	w.late = r.untilLate()
	r.queue = append(r.queue, w)
	r.waiting += len(w.list)
	if r.ready() {
		r.wake.Send()
	}
	return nil
}

// untilLate returns what closes when who comes now has waited for long enough, under the lock.
func (r *Recorder) untilLate() <-chan struct{} {
	if r.late == nil || time.Since(r.lateSince) > time.Second {
		late := make(chan struct{})
		time.AfterFunc(patience, func() { close(late) })
		r.late, r.lateSince = late, time.Now()
	}
	return r.late
}

// ready reports whether a transaction is to begin, if there is who would.
func (r *Recorder) ready() bool { return r.committing == 0 || r.waiting >= company }

// Run commits what is queued until ctx ends, then what is still queued, and returns nil.
// Errors go to those who wait.
func (r *Recorder) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for range r.store.engine.writers() {
		all.Go(func() { r.work(ctx) })
	}
	all.Wait()
	return nil
}

func (r *Recorder) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			r.end()
			r.drain(context.WithoutCancel(ctx))
			return
		case <-r.wake:
			r.drain(context.WithoutCancel(ctx)) // a batch that began is finished
		}
	}
}

func (r *Recorder) end() {
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
}

// drain commits batches until nobody waits, or who waits is taken by another. When the database
// is away, everybody who waits hears so at once, rather than one batch after the other.
func (r *Recorder) drain(ctx context.Context) {
	for {
		runtime.Gosched() // who is about to check in does so first: the batch costs the same
		batch := r.begin()
		if len(batch) == 0 {
			return
		}
		err := r.commit(ctx, batch)
		answer(r.finish(err), err)
	}
}

// begin takes the batch of a transaction that is under way from now on, none where there is no need for one.
func (r *Recorder) begin() []*waiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ready() {
		return nil
	}
	batch := r.take(maxBatch)
	if len(batch) > 0 {
		r.committing++
	}
	return batch
}

// finish ends a transaction. It returns who waits if the database is away.
func (r *Recorder) finish(err error) (waiting []*waiter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.committing--
	if err != nil {
		waiting = r.take(maxWaiting)
	}
	return waiting
}

// take takes waiters from the queue until they bring n check-ins, under the lock. Who has gone is left out.
func (r *Recorder) take(n int) (batch []*waiter) {
	taken, count := 0, 0
	for _, w := range r.queue {
		if count > 0 && count+len(w.list) > n {
			break
		}
		taken++
		r.waiting -= len(w.list)
		if !w.left() {
			batch = append(batch, w)
			count += len(w.list)
		}
	}
	clear(r.queue[:taken]) // what was answered is not kept
	r.queue = r.queue[taken:]
	return batch
}

// commit records a batch, or where one of it spoils the transaction, each by itself. It
// returns an error if the database is away.
func (r *Recorder) commit(ctx context.Context, batch []*waiter) error {
	err := r.try(ctx, batch)
	if err == nil || away(err) || len(batch) == 1 {
		answer(batch, err)
		return onlyAway(err)
	}
	for i, w := range batch {
		err := r.try(ctx, batch[i:i+1])
		if away(err) {
			answer(batch[i:], err)
			return err
		}
		answer([]*waiter{w}, err)
	}
	return nil
}

func (r *Recorder) try(ctx context.Context, batch []*waiter) error {
	ctx, cancel := context.WithTimeout(ctx, batchLimit)
	defer cancel()
	submissions := make([]*submission, len(batch))
	for i, w := range batch {
		submissions[i] = &w.submission
	}
	changed, err := r.store.recordAll(ctx, scopeIngest, submissions)
	if err != nil || r.Told == nil {
		return err
	}
	for _, run := range changed {
		r.Told(run.tenant, run.ID)
	}
	return nil
}

// away reports whether an error is about the database rather than about what was sent.
func away(err error) bool {
	return err != nil && crontopus.ErrorCode(err) == crontopus.CodeUnavailable && !errors.Is(err, errRaced)
}

func onlyAway(err error) error {
	if away(err) {
		return err
	}
	return nil
}

// answer tells waiters what came of their check-ins.
func answer(batch []*waiter, err error) {
	for _, w := range batch {
		w.err = err
		close(w.done)
	}
}
