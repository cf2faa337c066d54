package alert

import (
	"cmp"
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert/notify"
	"crontopus.dev/crontopus/alert/notify/email"
	"crontopus.dev/crontopus/alert/notify/pagerduty"
	"crontopus.dev/crontopus/alert/notify/slack"
	"crontopus.dev/crontopus/alert/notify/webhook"
	"crontopus.dev/crontopus/internal/loop"
	"crontopus.dev/crontopus/internal/netguard"
)

// How often a channel that does not take a notification is asked again, and for how long.
var patience = loop.Backoff{Min: 2 * time.Second, Max: 15 * time.Minute}

const (
	giveUpAfter = 3 * 24 * time.Hour
	// A notification waits for an earlier one of the same incident and channel, so that a pager that is
	// told of the end is not told of the beginning afterwards. An attempt under way ends in attemptEnds; one that was
	// never made is waited for until it must have got lost.
	attemptEnds = 30 * time.Second
	neverBegun  = 10 * time.Minute
	waitingStep = time.Second
)

// Deliveries is what a Deliverer needs of the store.
type Deliveries interface {
	Delivery(ctx context.Context, tenant crontopus.TenantID, id string) (crontopus.Delivery, error)
	RecordAttempt(ctx context.Context, tenant crontopus.TenantID, id string, a *crontopus.Attempt, state crontopus.NotificationState) error
	Channel(ctx context.Context, tenant crontopus.TenantID, name crontopus.JobName) (crontopus.NotificationChannel, error)
	CreateTest(ctx context.Context, tenant crontopus.TenantID, actor string, n crontopus.Notification) error
}

// DelivererOptions say what a Deliverer works with.
type DelivererOptions struct {
	Store Deliveries
	Guard netguard.Guard
	Roots *x509.CertPool               // whom mail servers may be certified by; nil: the system's
	Link  func(incident string) string // to where people look
	Now   func() time.Time
	Log   *slog.Logger
	// Observe is told how each attempt ended, by type of channel, "" for one that is gone; nil: nobody is.
	Observe func(channel string, state crontopus.NotificationState)
}

// Deliverer sends notifications and keeps a record of each attempt.
type Deliverer struct {
	o      DelivererOptions
	client *http.Client
	mail   email.Sender
	crowd  crowd
}

// NewDeliverer returns a Deliverer. It starts nothing.
func NewDeliverer(o DelivererOptions) *Deliverer {
	return &Deliverer{o: o, client: notify.NewClient(o.Guard), mail: email.Sender{Guard: o.Guard, Roots: o.Roots},
		crowd: crowd{busy: map[destination]int{}, slow: map[destination]bool{}}}
}

// Deliver makes one attempt at a notification, unless it needs none any more or its channel has enough to do. It returns after how long the next is due, 0
// for never. A server that dies between the channel's answer and the record of it has the message sent
// again, under the same id.
func (d *Deliverer) Deliver(ctx context.Context, tenant crontopus.TenantID, id string) (again time.Duration, err error) {
	delivery, err := d.o.Store.Delivery(ctx, tenant, id)
	n := &delivery.Notification
	lacks := crontopus.ErrorCode(err) == crontopus.CodeNotFound
	switch {
	case lacks && n.ID == "": // its incident is past and gone
		return 0, nil
	case err != nil && !lacks:
		return 0, err
	case n.State != crontopus.NotificationPending:
		return 0, nil
	case delivery.Superseded && len(n.Attempts) > 0:
		return 0, d.o.Store.RecordAttempt(ctx, tenant, id, nil, crontopus.NotificationSuperseded)
	case waits(&delivery, d.o.Now()):
		return waitingStep, nil
	}
	leave, ok := d.crowd.enter(n)
	if !ok {
		return crowdedStep, nil
	}
	o := notify.Outcome{}
	began := d.o.Now()
	defer func() { leave(d.o.Now().Sub(began)) }()
	if lacks { // a secret may still be set; a channel that is gone from Git was meant to be
		o = notify.Outcome{Answer: err.Error(), Permanent: delivery.Channel.Metadata.Name == ""}
	} else {
		o = d.send(ctx, &delivery)
	}
	state := crontopus.NotificationPending
	switch {
	case o.OK:
		state = crontopus.NotificationDelivered
	case o.Permanent:
		state = crontopus.NotificationFailed
	case began.Sub(n.At) > giveUpAfter:
		state = crontopus.NotificationFailed
		o.Answer += "; given up after three days"
	}
	d.tell(ctx, &delivery, &o, state)
	if err := d.record(ctx, &delivery, began, &o, state); err != nil || state != crontopus.NotificationPending {
		return 0, err
	}
	return max(o.RetryAfter, patience.Delay(len(n.Attempts)+1)), nil
}

// waits reports whether an earlier notification may still be on its way.
func waits(d *crontopus.Delivery, now time.Time) bool {
	if d.Earlier == nil {
		return false
	}
	most := neverBegun
	if len(d.Earlier.Attempts) > 0 { // it gives way when it is next looked at
		most = attemptEnds
	}
	return now.Before(d.Notification.At.Add(most))
}

// tell lets the operator know.
func (d *Deliverer) tell(ctx context.Context, delivery *crontopus.Delivery, o *notify.Outcome, state crontopus.NotificationState) {
	if d.o.Observe != nil {
		d.o.Observe(delivery.Channel.Spec.Type, state)
	}
	if state == crontopus.NotificationFailed {
		n := &delivery.Notification
		d.o.Log.WarnContext(ctx, "a notification could not be delivered", "tenant", n.Tenant, "channel", n.Channel.String(),
			"notification", n.ID, "incident", n.Incident, "answer", o.Answer)
	}
}

func (d *Deliverer) record(ctx context.Context, delivery *crontopus.Delivery, began time.Time, o *notify.Outcome, state crontopus.NotificationState) error {
	n := &delivery.Notification
	a := crontopus.Attempt{At: began, Duration: crontopus.Duration(d.o.Now().Sub(began)), OK: o.OK, Answer: o.Answer, Took: o.Took}
	return d.o.Store.RecordAttempt(ctx, n.Tenant, n.ID, &a, state)
}

// send makes an attempt by the channel's type.
func (d *Deliverer) send(ctx context.Context, delivery *crontopus.Delivery) (o notify.Outcome) {
	ctx, cancel := context.WithTimeout(ctx, 2*notify.Timeout)
	defer cancel()
	if delivery.Incident != nil && d.o.Link != nil {
		delivery.Link = d.o.Link(delivery.Incident.ID)
	}
	m := notify.Render(delivery)
	switch spec := &delivery.Channel.Spec; {
	case spec.Slack != nil:
		o = slack.Send(ctx, d.client, delivery, &m)
	case spec.Email != nil:
		o = d.mail.Send(ctx, delivery, &m)
	case spec.PagerDuty != nil:
		o = pagerduty.Send(ctx, d.client, delivery, &m)
	case spec.Webhook != nil:
		o = webhook.Send(ctx, d.client, delivery, &m, d.o.Now())
	default:
		o = notify.Refused(crontopus.Errorf(crontopus.CodeUnsupported, "this version knows no channel of type %q", spec.Type))
	}
	o.Answer = notify.Mask(o.Answer, delivery.Secrets)
	return o
}

// Test sends one message at once, because a person wants to see whether the channel works, and returns it with
// its one attempt. not_found means that there is no such channel, or that a secret is not set.
func (d *Deliverer) Test(ctx context.Context, tenant crontopus.TenantID, actor string, channel crontopus.JobName) (n crontopus.Notification, err error) {
	if _, err := d.o.Store.Channel(ctx, tenant, channel); err != nil {
		return n, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return n, err
	}
	n = crontopus.Notification{ID: id.String(), Tenant: tenant, Channel: channel, What: crontopus.NotifyTest, At: d.o.Now()}
	if err := d.o.Store.CreateTest(ctx, tenant, actor, n); err != nil {
		return n, err
	}
	delivery, lacks := d.o.Store.Delivery(ctx, tenant, n.ID)
	began, o := d.o.Now(), notify.Outcome{}
	if lacks != nil {
		o.Answer = lacks.Error()
	} else {
		o = d.send(ctx, &delivery)
	}
	state := crontopus.NotificationFailed // nobody tries a test again
	if o.OK {
		state = crontopus.NotificationDelivered
	}
	d.tell(ctx, &delivery, &o, state)
	a := crontopus.Attempt{At: began, Duration: crontopus.Duration(d.o.Now().Sub(began)), OK: o.OK, Answer: o.Answer}
	if err := d.o.Store.RecordAttempt(ctx, tenant, n.ID, &a, state); err != nil {
		return n, cmp.Or(lacks, err)
	}
	n.State, n.Attempts = state, []crontopus.Attempt{a}
	return n, lacks
}
