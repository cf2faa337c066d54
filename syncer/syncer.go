package syncer

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/loop"
)

const (
	parallelSyncs = 4                // sources at once; one source never twice
	lookEvery     = time.Second      // for sources that are due; Wake does not wait for it
	errorPause    = 5 * time.Second  // after the store failed, before the source is tried again
	renewEvery    = 15 * time.Second // the lease of a source that is being synced, which lasts a minute
	cacheBytes    = 128 << 20        // of manifests whose decoded form is kept
)

// Syncer keeps the desired state like what each source's branch says.
type Syncer struct {
	Options

	owner   string // of leases: this server, since its start
	fetcher fetcher
	cache   *blobCache
	memory  *memory
	beside  *memory // of the Publisher, if there is one
	fleet   *fleet
	wake    loop.Signal
	running sync.WaitGroup

	mu       sync.Mutex
	inFlight map[string]bool // ids of the sources that are being synced
}

// New makes a Syncer. It starts nothing; Run does.
func New(opts Options) (*Syncer, error) {
	opts, err := opts.defaults()
	if err != nil {
		return nil, err
	}
	return &Syncer{
		Options:  opts,
		owner:    rand.Text(),
		fetcher:  fetcher{command: opts.FetchCommand, timeout: opts.FetchTimeout, limits: opts.FetchLimits, known: newListings(), log: opts.Log},
		cache:    newBlobCache(cacheBytes),
		memory:   newMemory(opts),
		fleet:    newFleet(opts.Store),
		wake:     loop.NewSignal(),
		inFlight: map[string]bool{},
	}, nil
}

// Wake makes Run look for due sources now: after a webhook, or when a person asked.
func (s *Syncer) Wake() { s.wake.Send() }

// Run syncs every source when it is due, until ctx ends; it then returns nil, once no sync
// is under way any more.
func (s *Syncer) Run(ctx context.Context) error {
	defer s.fetcher.retire()
	defer s.running.Wait()
	l := loop.Loop{Name: "looking for due sources", Interval: lookEvery, Wake: s.wake, Log: s.Log, Step: s.dispatch}
	return l.Run(ctx)
}

// dispatch starts a sync of each due source that has none, as far as there is room. A
// request that comes while a source is synced stays in the store until that sync is over:
// a thousand of them are one.
func (s *Syncer) dispatch(ctx context.Context) error {
	due, err := s.Store.SystemDueSources(ctx, s.Now())
	if err != nil {
		return err
	}
	for _, src := range due {
		if s.claim(src.ID) {
			s.running.Go(func() {
				s.syncOne(ctx, src)
				s.release(src.ID)
				s.fetcher.prepare(ctx)
			})
		}
	}
	return nil
}

func (s *Syncer) claim(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inFlight[id] || len(s.inFlight) >= parallelSyncs {
		return false
	}
	s.inFlight[id] = true
	return true
}

func (s *Syncer) release(id string) {
	s.mu.Lock()
	delete(s.inFlight, id)
	s.mu.Unlock()
	s.Wake() // for a request that came meanwhile, or a source that found no room
}

// syncOne syncs a source. What is wrong with the source becomes its status; an error here is
// the store's, and logged.
func (s *Syncer) syncOne(ctx context.Context, src crontopus.Source) {
	log := s.Log.With("source", src.Name, "tenant", src.Tenant)
	sync := s.attempt
	if src.RemovedAt != nil {
		sync = s.drop
	}
	err := s.Store.SystemBeginSync(ctx, src.ID, s.owner, s.Now())
	if crontopus.ErrorCode(err) == crontopus.CodeConflict {
		return // another server was first
	}
	if err == nil {
		leased, lost := context.WithCancelCause(ctx)
		go s.renew(leased, src.ID, lost)
		err = sync(leased, src, log)
		if err != nil && errors.Is(context.Cause(leased), errLeaseLost) {
			log.WarnContext(ctx, "the sync was given up: another server has the source now")
			lost(nil)
			return
		}
		lost(nil)
	}
	switch {
	case err == nil:
	case ctx.Err() != nil:
		// We are stopping: whoever is there takes up what this sync would have done, at the
		// latest when the lease has ended, if this cannot be said.
		_ = s.Store.SystemAbandonSync(context.WithoutCancel(ctx), src.ID, s.owner, s.Now())
	default:
		log.ErrorContext(ctx, "sync could not be stored", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(errorPause):
		}
	}
}

// errLeaseLost ends a sync whose server was silent for so long that another took the source.
var errLeaseLost = errors.New("syncer: another server has the source")

// renew keeps a source for this server until ctx ends. A store that is away is no reason to
// stop: nobody else can take the source meanwhile.
func (s *Syncer) renew(ctx context.Context, sourceID string, lost context.CancelCauseFunc) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if crontopus.ErrorCode(s.Store.SystemRenewLease(ctx, sourceID, s.owner, s.Now())) == crontopus.CodeConflict {
			lost(errLeaseLost)
			return
		}
	}
}

// mirror is the folder of a source's bare repository.
func (s *Syncer) mirror(sourceID string) string { return filepath.Join(s.DataDir, "mirrors", sourceID) }
