package syncer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/syncer"
)

// rival is a publisher on the same store at another server.
type rival struct {
	*syncer.Publisher
	published chan []string
	stop      func()
}

func (p *press) rival(t *testing.T) *rival {
	t.Helper()
	r := &rival{published: make(chan []string, 100)}
	opts := p.opts
	opts.OnPublished = func(_ crontopus.TenantID, ids []string) { r.published <- ids }
	opts.Now = func() time.Time {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.now
	}
	var err error
	r.Publisher, err = syncer.NewPublisher(opts)
	require.NoError(t, err)
	r.stop = running(t, r.Run)
	return r
}

func TestOfTwoPublishersOnePublishesUntilItEnds(t *testing.T) {
	p := newPress(t)
	p.addAgent("db", "db-01")
	p.markAll(t, "id-db-01")
	require.Equal(t, []string{"id-db-01"}, <-p.published)
	other := p.rival(t)
	for range 20 {
		p.memStore.mu.Lock()
		p.epoch++ // each time there is something to sign
		p.mark(tenant, []string{"id-db-01"})
		p.memStore.mu.Unlock()
		other.Wake() // whoever is told first
		p.publisher.Wake()
		require.Equal(t, []string{"id-db-01"}, <-p.published)
	}
	require.Empty(t, other.published, "nothing is signed twice")

	p.stopPress()
	p.memStore.mu.Lock()
	p.epoch++
	p.mark(tenant, []string{"id-db-01"})
	p.memStore.mu.Unlock()
	other.Wake()
	require.Equal(t, []string{"id-db-01"}, <-other.published, "the clock stands still, so no lease runs out")
}

func TestAPublisherThatWasKilledIsReplacedInSeconds(t *testing.T) {
	p := newPress(t)
	p.addAgent("db", "db-01")
	p.memStore.mu.Lock()
	p.leases[publishing] = memLease{"a server that is no more", p.now.Add(5 * time.Second)}
	refused := make(chan struct{}, 100)
	p.fault = func(call string) error {
		if call == "lease publisher" {
			refused <- struct{}{}
		}
		return nil
	}
	p.mark(tenant, []string{"id-db-01"})
	p.memStore.mu.Unlock()
	for range 3 {
		p.publisher.Wake()
		<-refused
	}
	require.Empty(t, p.published)
	p.advance(5 * time.Second)
	require.Equal(t, []string{"id-db-01"}, <-p.published, "without being woken")
}

// A server whose clock jumps back must not believe that it publishes for so much longer.
func TestAPublisherWhoseClockJumpsBackAsksAgain(t *testing.T) {
	p := newPress(t)
	p.addAgent("db", "db-01")
	p.markAll(t, "id-db-01")
	require.Equal(t, []string{"id-db-01"}, <-p.published)
	p.advance(-time.Hour)
	p.memStore.mu.Lock()
	p.leases[publishing] = memLease{"another server", p.now.Add(5 * time.Second)}
	p.memStore.mu.Unlock()
	p.memStore.mu.Lock()
	p.epoch++
	p.mark(tenant, []string{"id-db-01"})
	asked := make(chan struct{}, 100)
	p.fault = func(call string) error {
		if call == "lease publisher" {
			asked <- struct{}{}
		}
		return nil
	}
	p.memStore.mu.Unlock()
	p.publisher.Wake()
	<-asked
	require.Empty(t, p.published)
}
