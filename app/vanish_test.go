package app_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
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

// enroll adds hosts without jobs.
func (n *night) enroll(hosts int) {
	hash := sha256.Sum256([]byte("another token"))
	require.NoError(n.t, n.s.CreateEnrollmentToken(n.t.Context(), crontopus.DefaultTenant, "key:admin",
		crontopus.EnrollmentToken{ID: "t2", Uses: hosts, CreatedAt: n.now, ExpiresAt: n.now.Add(time.Hour)}, hash))
	for i := range hosts {
		key, _, err := ed25519.GenerateKey(nil)
		require.NoError(n.t, err)
		a, err := n.s.SystemEnroll(n.t.Context(), hash, crontopus.Agent{ID: uuid.NewString(), Name: fmt.Sprintf("web-%04d", i), PublicKey: key}, n.now)
		require.NoError(n.t, err)
		n.more = append(n.more, a)
	}
}

// sends works the queue until so many messages were sent, and counts them by what they tell. Who counts what was
// not sent tells how many.
func (n *night) sends(messages int) (sent map[crontopus.NotificationEvent]int, unsent int) {
	ctx, cancel := context.WithCancel(n.t.Context())
	var mu sync.Mutex
	sent = map[crontopus.NotificationEvent]int{}
	total := 0
	queue := store.NewQueue(n.s, func(ctx context.Context, tenant crontopus.TenantID, id string) (time.Duration, error) {
		d, err := n.s.Delivery(ctx, tenant, id)
		if err != nil && crontopus.ErrorCode(err) != crontopus.CodeNotFound { // its secret is not set
			return 0, err
		}
		mu.Lock()
		defer mu.Unlock()
		sent[d.Notification.What]++
		unsent += d.Dropped
		if total++; total == messages {
			cancel()
		}
		return 0, n.s.RecordAttempt(context.WithoutCancel(ctx), tenant, id, &crontopus.Attempt{At: n.now, OK: true}, crontopus.NotificationDelivered)
	}, slog.New(slog.DiscardHandler))
	require.NoError(n.t, queue.Run(ctx))
	return sent, unsent
}

// A switch dies, and with it a thousand hosts at once. People get as many messages as the channel takes, and one that
// says how many more there are; when all are back they hear of the end of each that they were told of.
func TestAThousandHostsThatVanishAtOnce(t *testing.T) {
	const hosts = 1000
	for name, o := range map[string]store.Options{
		"SQLite": {Path: filepath.Join(t.TempDir(), "crontopus.db")}, "PostgreSQL": {URL: pgtest.Database(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t, o)
			n.enroll(hosts - 1)
			two := time.Date(2026, 3, 3, 2, 0, 0, 0, time.UTC)
			n.until(two, true)
			n.until(two.Add(6*time.Minute), false)
			require.Len(t, n.told, hosts, "one incident each, whatever was due on it")
			sent, unsent := n.sends(crontopus.DefaultMaxPerHour + 1)
			require.Equal(t, map[crontopus.NotificationEvent]int{crontopus.NotifyOpened: crontopus.DefaultMaxPerHour, crontopus.NotifyDropped: 1}, sent)
			require.Equal(t, hosts-crontopus.DefaultMaxPerHour, unsent)

			n.until(two.Add(8*time.Minute), true)
			require.Len(t, n.told, 2*hosts)
			sent, _ = n.sends(crontopus.DefaultMaxPerHour)
			require.Equal(t, map[crontopus.NotificationEvent]int{crontopus.NotifyResolved: crontopus.DefaultMaxPerHour}, sent)
			open, _, err := n.s.Incidents(t.Context(), crontopus.DefaultTenant, crontopus.IncidentFilter{State: crontopus.IncidentOpen}, crontopus.Page{})
			require.NoError(t, err)
			require.Empty(t, open)
		})
	}
}
