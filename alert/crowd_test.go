package alert_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert"
)

// One channel that is slow has some of the hands of a server, never all.
func TestDeliverSendsOnlySoManyToOneChannelAtOnce(t *testing.T) {
	const atOnce = 4
	held, free := make(chan struct{}, 2*atOnce), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { held <- struct{}{}; <-free }))
	defer server.Close()
	release := sync.OnceFunc(func() { close(free) })
	defer release()
	s := toWebhook(server.URL)
	d := deliverer(s, t0)
	done := make(chan error, atOnce+1)
	begin := func() {
		_, err := d.Deliver(context.Background(), "default", "n1")
		done <- err
	}
	for range atOnce {
		go begin()
	}
	for range atOnce {
		<-held
	}
	again, err := d.Deliver(t.Context(), "default", "n1")
	require.NoError(t, err)
	require.Equal(t, 4*time.Second, again, "it is taken up a little later")
	require.Empty(t, held)
	s.delivery.Notification.Channel.Name = "others"
	go begin()
	<-held // another channel's goes out
	release()
	for range atOnce + 1 {
		require.NoError(t, <-done)
	}
	s.delivery.Notification.Channel = ops
	s.delivery.Notification.State = crontopus.NotificationPending
	again, err = d.Deliver(t.Context(), "default", "n1")
	require.NoError(t, err)
	require.Zero(t, again, "there is room again")
}

// clock is a time that its owner moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) pass(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// desks are a store of which each notification is to another channel: its id.
type desks struct{ *fakeStore }

func (s desks) Delivery(_ context.Context, _ crontopus.TenantID, id string) (crontopus.Delivery, error) {
	d := s.delivery
	d.Notification.Channel.Name = id
	d.Channel.Spec.Webhook = &crontopus.WebhookChannel{URL: d.Channel.Spec.Webhook.URL + "/" + id, Secrets: d.Channel.Spec.Webhook.Secrets}
	return d, nil
}

func (desks) RecordAttempt(context.Context, crontopus.TenantID, string, *crontopus.Attempt, crontopus.NotificationState) error {
	return nil
}

// A whole provider of channels is slow: the others' messages find a hand that is free.
func TestSlowChannelsTogetherHaveHalfOfTheHands(t *testing.T) {
	const slow, hands = 12, 8
	now := &clock{now: t0}
	held, free := make(chan struct{}, slow), make(chan struct{})
	release := sync.OnceFunc(func() { close(free) })
	defer release()
	holds := false
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/quick":
		case holds:
			held <- struct{}{}
			<-free
		default:
			now.pass(3 * time.Second)
		}
	}))
	defer server.Close()
	d := alert.NewDeliverer(alert.DelivererOptions{Store: desks{toWebhook(server.URL)}, Guard: loopback, Now: func() time.Time { return now.pass(0) }, Log: quiet})
	deliver := func(channel string) time.Duration {
		again, err := d.Deliver(t.Context(), "default", channel)
		require.NoError(t, err)
		return again
	}
	for i := range slow {
		require.Zero(t, deliver(fmt.Sprint("slow-", i)), "nobody knows yet")
	}
	holds = true
	done := make(chan error, hands)
	for i := range hands {
		go func() {
			_, err := d.Deliver(context.Background(), "default", fmt.Sprint("slow-", i))
			done <- err
		}()
	}
	for range hands {
		<-held
	}
	for i := hands; i < slow; i++ {
		require.Equal(t, 4*time.Second, deliver(fmt.Sprint("slow-", i)), "there are enough under way")
	}
	require.Zero(t, deliver("quick"))
	release()
	for range hands {
		require.NoError(t, <-done)
	}
	for i := range slow { // they answer at once now, and have a hand each again
		require.Zero(t, deliver(fmt.Sprint("slow-", i)))
	}
}
