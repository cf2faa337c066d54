package alert_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert"
	"crontopus.dev/crontopus/internal/netguard"
)

var (
	t0       = time.Date(2026, 3, 1, 2, 30, 0, 0, time.UTC)
	loopback = netguard.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	quiet    = slog.New(slog.DiscardHandler)
	ops      = crontopus.JobName{Namespace: "production", Name: "ops"}
)

// fakeStore holds one notification.
type fakeStore struct {
	mu       sync.Mutex
	delivery crontopus.Delivery
	lacks    error
	recorded []crontopus.Attempt
	lost     bool // the next record fails, as if the server had died before it
}

func (s *fakeStore) Delivery(context.Context, crontopus.TenantID, string) (crontopus.Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.delivery, s.lacks
}

func (s *fakeStore) RecordAttempt(_ context.Context, _ crontopus.TenantID, _ string, a *crontopus.Attempt, state crontopus.NotificationState) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost {
		s.lost = false
		return errors.New("the server died")
	}
	if a != nil {
		s.recorded = append(s.recorded, *a)
		s.delivery.Notification.Attempts = s.recorded
	}
	s.delivery.Notification.State = state
	return nil
}

func (s *fakeStore) Channel(context.Context, crontopus.TenantID, crontopus.JobName) (crontopus.NotificationChannel, error) {
	return s.delivery.Channel, s.lacks
}

func (s *fakeStore) CreateTest(_ context.Context, _ crontopus.TenantID, _ string, n crontopus.Notification) error {
	s.delivery.Notification, s.delivery.Incident = n, nil
	return nil
}

// toWebhook is a store with a notification to a webhook at the address.
func toWebhook(address string) *fakeStore {
	return &fakeStore{delivery: crontopus.Delivery{
		Notification: crontopus.Notification{ID: "n1", Channel: ops, Incident: "i1", What: crontopus.NotifyOpened, At: t0, State: crontopus.NotificationPending},
		Incident:     &crontopus.Incident{ID: "i1", Kind: crontopus.AlertFailed, Subject: crontopus.Subject{Job: crontopus.JobName{Namespace: "production", Name: "backup"}}},
		Channel: crontopus.NotificationChannel{Metadata: crontopus.Metadata{Namespace: "production", Name: "ops"},
			Spec: crontopus.ChannelSpec{Type: crontopus.ChannelWebhook, Webhook: &crontopus.WebhookChannel{URL: address, Secrets: []string{"secret:sign"}}}},
		Secrets: map[string]string{"secret:sign": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},
	}}
}

func deliverer(s *fakeStore, now time.Time) *alert.Deliverer {
	return alert.NewDeliverer(alert.DelivererOptions{Store: s, Guard: loopback, Now: func() time.Time { return now }, Log: quiet,
		Link: func(id string) string { return "https://cron.example.com/incidents/" + id }})
}

// peer answers with the statuses in turn, the last one for ever, and keeps the ids it was sent.
func peer(t *testing.T, statuses ...int) (address string, ids *[]string) {
	ids = new([]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := statuses[min(len(*ids), len(statuses)-1)]
		*ids = append(*ids, r.Header.Get("Webhook-Id"))
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "60")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "said so")
	}))
	t.Cleanup(server.Close)
	return server.URL, ids
}

func TestDeliverSaysWhetherAndWhenToTryAgain(t *testing.T) {
	late := t0.Add(73 * time.Hour)
	for name, c := range map[string]struct {
		status int
		now    time.Time
		state  crontopus.NotificationState
		least  time.Duration
	}{
		"taken":                          {200, t0, crontopus.NotificationDelivered, 0},
		"the receiver is broken":         {500, t0, crontopus.NotificationPending, time.Second},
		"the receiver asks for patience": {429, t0, crontopus.NotificationPending, time.Minute},
		"the receiver wants no more":     {410, t0, crontopus.NotificationFailed, 0},
		"three days are over":            {500, late, crontopus.NotificationFailed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := peer(t, c.status)
			s := toWebhook(address)
			again, err := deliverer(s, c.now).Deliver(t.Context(), "default", "n1")
			require.NoError(t, err)
			require.Equal(t, c.state, s.delivery.Notification.State)
			require.GreaterOrEqual(t, again, c.least)
			require.Equal(t, c.least == 0, again == 0)
			require.Len(t, s.recorded, 1)
			require.Equal(t, c.state == crontopus.NotificationDelivered, s.recorded[0].OK)
			require.Contains(t, s.recorded[0].Answer, "said so")
		})
	}
}

func TestDeliverIsPatientForLongerEachTime(t *testing.T) {
	address, _ := peer(t, 503)
	s := toWebhook(address)
	d := deliverer(s, t0)
	for _, most := range []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second} {
		again, err := d.Deliver(t.Context(), "default", "n1")
		require.NoError(t, err)
		require.GreaterOrEqual(t, again, most/2)
		require.LessOrEqual(t, again, most)
	}
	s.recorded = make([]crontopus.Attempt, 200)
	again, err := d.Deliver(t.Context(), "default", "n1")
	require.NoError(t, err)
	require.LessOrEqual(t, again, 15*time.Minute)
}

// A channel is down for a day: what it was to be told arrives within a quarter of an hour of its return, once, and it is not
// hammered meanwhile.
func TestAChannelThatIsDownForADayIsToldWhenItIsBack(t *testing.T) {
	now, up := t0, t0.Add(24*time.Hour)
	asked, taken := 0, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; now.Before(up) {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		taken++
	}))
	defer server.Close()
	s := toWebhook(server.URL)
	d := alert.NewDeliverer(alert.DelivererOptions{Store: s, Guard: loopback, Now: func() time.Time { return now }, Log: quiet})
	for again := time.Nanosecond; again > 0; {
		var err error
		now = now.Add(again)
		again, err = d.Deliver(t.Context(), "default", "n1")
		require.NoError(t, err)
	}
	require.Equal(t, crontopus.NotificationDelivered, s.delivery.Notification.State)
	require.WithinDuration(t, up, now, 15*time.Minute)
	require.Equal(t, 1, taken)
	require.Less(t, asked, 4*24*2+12, "four to eight times an hour")
}

// The message went out, and the server died before it could write that down.
func TestDeliverSendsAgainUnderTheSameIDWhatItDidNotRecord(t *testing.T) {
	address, ids := peer(t, 200)
	s := toWebhook(address)
	s.lost = true
	d := deliverer(s, t0)
	_, err := d.Deliver(t.Context(), "default", "n1")
	require.Error(t, err)
	again, err := d.Deliver(t.Context(), "default", "n1")
	require.NoError(t, err)
	require.Zero(t, again)
	require.Equal(t, []string{"n1", "n1"}, *ids)
	_, err = d.Deliver(t.Context(), "default", "n1")
	require.NoError(t, err)
	require.Len(t, *ids, 2, "what was delivered and recorded is not sent again")
}

func TestDeliverLeavesAloneWhatNeedsNoMessage(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fakeStore)
		state  crontopus.NotificationState
		again  time.Duration
	}{
		"there is more to tell since it failed": {func(s *fakeStore) {
			s.delivery.Superseded, s.delivery.Notification.Attempts = true, []crontopus.Attempt{{}}
		}, crontopus.NotificationSuperseded, 0},
		"an earlier one has not begun": {func(s *fakeStore) {
			s.delivery.Earlier = &crontopus.Notification{}
		}, crontopus.NotificationPending, time.Second},
		"the channel is not in Git any more": {func(s *fakeStore) {
			s.lacks, s.delivery.Channel = crontopus.Errorf(crontopus.CodeNotFound, "there is no channel"), crontopus.NotificationChannel{}
		}, crontopus.NotificationFailed, 0},
		"its incident is gone": {func(s *fakeStore) {
			s.lacks, s.delivery = crontopus.Errorf(crontopus.CodeNotFound, "no such notification"), crontopus.Delivery{}
		}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			address, ids := peer(t, 200)
			s := toWebhook(address)
			c.change(s)
			again, err := deliverer(s, t0).Deliver(t.Context(), "default", "n1")
			require.NoError(t, err)
			require.Empty(t, *ids)
			require.Equal(t, c.again, again)
			require.Equal(t, c.state, s.delivery.Notification.State)
		})
	}
}

func TestDeliverWaitsNoLongerForAnEarlierOneThanItMayTake(t *testing.T) {
	address, ids := peer(t, 200)
	s := toWebhook(address)
	s.delivery.Earlier = &crontopus.Notification{Attempts: []crontopus.Attempt{{}}}
	again, err := deliverer(s, t0.Add(29*time.Second)).Deliver(t.Context(), "default", "n1")
	require.NoError(t, err)
	require.Equal(t, time.Second, again)
	_, err = deliverer(s, t0.Add(30*time.Second)).Deliver(t.Context(), "default", "n1")
	require.NoError(t, err)
	require.Len(t, *ids, 1)
}

func TestDeliverWaitsForASecretThatIsNotSetYet(t *testing.T) {
	s := toWebhook("http://127.0.0.1:1")
	s.lacks = crontopus.Errorf(crontopus.CodeNotFound, "there is no secret \"sign\"")
	again, err := deliverer(s, t0).Deliver(t.Context(), "default", "n1")
	require.NoError(t, err)
	require.Positive(t, again)
	require.Contains(t, s.recorded[0].Answer, "no secret")
}

func TestDeliverAbidesByTheGuard(t *testing.T) {
	address, ids := peer(t, 200)
	s := toWebhook(address)
	d := alert.NewDeliverer(alert.DelivererOptions{Store: s, Now: time.Now, Log: quiet})
	_, err := d.Deliver(t.Context(), "default", "n1")
	require.NoError(t, err)
	require.Empty(t, *ids)
	require.Equal(t, crontopus.NotificationFailed, s.delivery.Notification.State)
	require.Contains(t, s.recorded[0].Answer, "--allow-network 127.0.0.1/32")
}

func TestATestShowsTheAnswerAndIsTriedOnce(t *testing.T) {
	for status, state := range map[int]crontopus.NotificationState{200: crontopus.NotificationDelivered, 500: crontopus.NotificationFailed} {
		address, ids := peer(t, status)
		s := toWebhook(address)
		n, err := deliverer(s, t0).Test(t.Context(), "default", "key:ada", ops)
		require.NoError(t, err)
		require.Equal(t, state, n.State)
		require.Equal(t, crontopus.NotifyTest, n.What)
		require.Contains(t, n.Attempts[0].Answer, "said so")
		require.Equal(t, []string{n.ID}, *ids)
	}
}
