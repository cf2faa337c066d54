package app_test

import (
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/pgtest"
)

// At the full hour everybody checks in: ten thousand at once, each on a connection that many share. Each is
// taken, or told when to come back, and what was taken is there. It comes as fast as the machine lets it.
func TestEverybodyChecksInAtTheFullHour(t *testing.T) {
	all := int64(2000)
	if os.Getenv("CRONTOPUS_SOAK") != "" {
		all = 10_000
	}
	for name, database := range map[string]string{"SQLite": "", "PostgreSQL": pgtest.Database(t)} {
		t.Run(name, func(t *testing.T) {
			o := options(t)
			o.Database = database
			a := open(t, o)
			run(t, a)
			c := admin(t, a, o)
			withJob(t, c)
			const connections = 256
			l := &load{url: a.URL(), key: adminKey(t, o),
				http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: connections}}}
			defer l.http.CloseIdleConnections()
			var next atomic.Int64
			var senders sync.WaitGroup
			began := time.Now()
			for range connections {
				senders.Go(func() {
					for next.Add(1) <= all {
						id := uuid.Must(uuid.NewV7()).String()
						for !l.checkIn(id) {
							<-time.After(time.Second) // as it was told
						}
					}
				})
			}
			senders.Wait()
			took := time.Since(began)
			require.Empty(t, l.wrong)
			require.Len(t, l.acknowledged, int(all))
			t.Logf("%d check-ins on %d connections were taken in %s, %d were told to come back, the slowest answer took %s",
				all, connections, took.Round(time.Millisecond), l.refused, l.slowest.Round(time.Millisecond))
			l.requireKept(t, c)
		})
	}
}
