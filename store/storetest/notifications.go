package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

// testOf is a notification that a person asked for.
func testOf(id string) crontopus.Notification {
	return crontopus.Notification{ID: id, Channel: named("ops"), At: t0}
}

var notificationCases = cases{
	"a test is kept with its attempt, and audited": func(t *testing.T, s *store.Store) {
		require.NoError(t, s.CreateTest(t.Context(), here, actor, testOf("n1")))
		a := crontopus.Attempt{At: t0, Duration: crontopus.Duration(time.Second), OK: true, Answer: "200 ok"}
		require.NoError(t, s.RecordAttempt(t.Context(), here, "n1", &a, crontopus.NotificationDelivered))
		d, err := s.Delivery(t.Context(), here, "n1")
		requireCode(t, crontopus.CodeNotFound, err) // the channel
		require.ErrorContains(t, err, "production/ops")
		require.Equal(t, crontopus.NotifyTest, d.Notification.What)
		require.Equal(t, crontopus.NotificationDelivered, d.Notification.State)
		require.Equal(t, []crontopus.Attempt{a}, d.Notification.Attempts)
		audit, _, err := s.Audit(t.Context(), here, crontopus.Page{})
		require.NoError(t, err)
		require.Equal(t, "channel.test", audit[0].Action)
	},
	"what has ended stays ended, and every attempt is kept": func(t *testing.T, s *store.Store) {
		require.NoError(t, s.CreateTest(t.Context(), here, actor, testOf("n1")))
		for i, state := range []crontopus.NotificationState{crontopus.NotificationPending, crontopus.NotificationDelivered,
			crontopus.NotificationPending, crontopus.NotificationFailed} {
			a := crontopus.Attempt{At: t0.Add(time.Duration(i) * time.Minute), Answer: string(state)}
			require.NoError(t, s.RecordAttempt(t.Context(), here, "n1", &a, state))
		}
		d, err := s.Delivery(t.Context(), here, "n1")
		requireCode(t, crontopus.CodeNotFound, err)
		require.Equal(t, crontopus.NotificationDelivered, d.Notification.State)
		require.Len(t, d.Notification.Attempts, 4)
	},
	"a notification that is not there": func(t *testing.T, s *store.Store) {
		d, err := s.Delivery(t.Context(), here, "nobody")
		requireCode(t, crontopus.CodeNotFound, err)
		require.Empty(t, d.Notification.ID)
		requireCode(t, crontopus.CodeNotFound, s.RecordAttempt(t.Context(), here, "nobody", nil, crontopus.NotificationFailed))
	},
	"a channel that is not there says what to do": func(t *testing.T, s *store.Store) {
		_, err := s.Channel(t.Context(), here, named("ops"))
		requireCode(t, crontopus.CodeNotFound, err)
		require.Contains(t, crontopus.ErrorHint(err), "NotificationChannel")
	},
}
