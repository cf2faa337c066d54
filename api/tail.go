package api

import (
	"context"
	"sync"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/loop"
)

// Limits of those who follow runs: what one of them costs is a query for each batch of check-ins.
const (
	tailsPerTenant = 20
	tailsAtAll     = 200
	tailBacklog    = 5000 // runs that wait to be read for one of them, before they are looked for instead
)

// tails are those who follow runs.
type tails struct {
	store tailStore
	now   func() time.Time

	mu     sync.Mutex
	of     map[crontopus.TenantID]map[*tail]bool
	all    int
	closed chan struct{} // closed when nobody is to follow any longer
	once   sync.Once
}

// tail is what one of them has not read yet.
type tail struct {
	wake loop.Signal

	mu   sync.Mutex
	ids  []string
	lost bool // there was more than that
}

func newTails(store tailStore, now func() time.Time) *tails {
	return &tails{store: store, now: now, of: map[crontopus.TenantID]map[*tail]bool{}, closed: make(chan struct{})}
}

// join lets one more follow the tenant's runs, unless there are enough.
func (s *tails) join(tenant crontopus.TenantID) (t *tail, leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= tailsAtAll || len(s.of[tenant]) >= tailsPerTenant {
		return nil, nil, crontopus.Errorf(codeRateLimited, "%d others follow the runs already", len(s.of[tenant])).
			WithHint("end one of them, or list the runs")
	}
	t = &tail{wake: loop.NewSignal()}
	if s.of[tenant] == nil {
		s.of[tenant] = map[*tail]bool{}
	}
	s.of[tenant][t] = true
	s.all++
	return t, sync.OnceFunc(func() { s.leave(tenant, t) }), nil
}

func (s *tails) leave(tenant crontopus.TenantID, t *tail) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if delete(s.of[tenant], t); len(s.of[tenant]) == 0 {
		delete(s.of, tenant)
	}
}

// tell tells those who follow the tenant, or everybody, which runs are not as they were; without ids, that some are not.
func (s *tails) tell(tenant crontopus.TenantID, ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for of, list := range s.of {
		if tenant != "" && of != tenant {
			continue
		}
		for t := range list {
			t.add(ids)
		}
	}
}

func (t *tail) add(ids []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(ids) == 0 || len(t.ids)+len(ids) > tailBacklog {
		t.ids, t.lost = nil, true
	} else if !t.lost {
		t.ids = append(t.ids, ids...)
	}
	t.wake.Send()
}

// take returns what was not read yet: runs, or that they have to be looked for.
func (t *tail) take() (ids []string, lost bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ids, lost = t.ids, t.lost
	t.ids, t.lost = nil, false
	return ids, lost
}

// close ends all streams, also those to come.
func (s *tails) close() { s.once.Do(func() { close(s.closed) }) }

type tailStore interface {
	// Follow has other servers tell which of the tenant's runs are not as they were.
	Follow(ctx context.Context, tenant crontopus.TenantID) error
	RunsNamed(ctx context.Context, tenant crontopus.TenantID, ids []string) ([]crontopus.Run, error)
	RunsSince(ctx context.Context, tenant crontopus.TenantID, since time.Time) ([]crontopus.Run, error)
}
