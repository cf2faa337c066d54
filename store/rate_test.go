package store_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

// hasChannel has Git say that there is the channel of notifications, which takes so many an hour.
func hasChannel(t *testing.T, s *store.Store, most int) {
	ctx, now := t.Context(), time.Now()
	src := crontopus.Source{ID: uuid.NewString(), Name: "ops", URL: "https://git.example.com/ops.git", Branch: "main", Interval: crontopus.Duration(time.Minute), CreatedAt: now}
	require.NoError(t, s.CreateSource(ctx, crontopus.DefaultTenant, "key:admin", src, crontopus.SourceSecrets{}))
	require.NoError(t, s.SystemBeginSync(ctx, src.ID, "me", now))
	channel := &crontopus.NotificationChannel{Kind: crontopus.KindNotificationChannel, Metadata: crontopus.Metadata{Namespace: "production", Name: "ops"},
		Spec: crontopus.ChannelSpec{Type: crontopus.ChannelSlack, MaxPerHour: most, Slack: &crontopus.SlackChannel{URL: "secret:none"}}}
	require.NoError(t, s.FinishSync(ctx, crontopus.DefaultTenant, src.ID, crontopus.SyncOutcome{Owner: "me",
		Sync:     crontopus.Sync{ID: uuid.NewString(), Trigger: crontopus.TriggerPoll, Started: now, Finished: &now, Reason: crontopus.ReasonSynced, Stages: []crontopus.SyncStage{}},
		Desired:  &crontopus.DesiredState{SourceID: src.ID, Revision: "main@sha1:1", Seal: []byte("sealed")},
		Alerting: []crontopus.DesiredAlerting{{AlertingManifest: crontopus.AlertingManifest{Channel: channel}, SourceID: src.ID, Path: "a.yaml", Line: 1, Revision: "main@sha1:1"}}}))
}

// What is over a channel's rate is not sent. The channel hears how many that was: a minute after the first, then
// once an hour.
func TestAChannelIsToldHowManyWereOverItsRate(t *testing.T) {
	onBothEngines(t, func(t *testing.T, open func() *store.Store) {
		s := open()
		hasChannel(t, s, 2)
		called, _ := works(t, s, nil)
		now := time.Now()
		count := func(at time.Time, over int) {
			words := <-called
			d, err := s.Delivery(t.Context(), crontopus.DefaultTenant, words)
			require.Equal(t, crontopus.CodeNotFound, crontopus.ErrorCode(err), "its secret is not set")
			require.Equal(t, crontopus.NotifyDropped, d.Notification.What)
			require.Equal(t, over, d.Dropped)
			require.WithinDuration(t, at, d.Notification.At, 0)
			require.NoError(t, s.RecordAttempt(t.Context(), crontopus.DefaultTenant, words, nil, crontopus.NotificationDelivered))
		}
		batch := func(at time.Time, n int) (list []crontopus.Notification) {
			for range n {
				list = append(list, notification(at))
			}
			decide(t, s, list...)
			return list
		}
		long := now.Add(-2 * time.Hour).Truncate(time.Microsecond)
		first := batch(long, 5)
		got := []string{<-called, <-called}
		require.ElementsMatch(t, []string{first[0].ID, first[1].ID}, got)
		count(long, 3)

		later := now.Add(-30 * time.Minute).Truncate(time.Microsecond)
		second := batch(later, 3)
		got = []string{<-called, <-called}
		require.ElementsMatch(t, []string{second[0].ID, second[1].ID}, got, "the hour is over")
		count(later, 1)

		batch(now, 4)
		other := notification(now)
		other.Channel.Name = "others"
		decide(t, s, other)
		require.Equal(t, other.ID, <-called, "the next count is half an hour away")
	})
}
