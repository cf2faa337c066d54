package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
)

const selectNotifications = `SELECT tenant_id, id, COALESCE(incident_id, ''), namespace, name, what, at, state, attempts FROM notifications `

func scanNotification(r row, n *crontopus.Notification) error {
	return r.Scan(&n.Tenant, &n.ID, &n.Incident, &n.Channel.Namespace, &n.Channel.Name, &n.What, instant(&n.At), &n.State, document(&n.Attempts))
}

// insertNotifications stores notifications of one tenant in the transaction that decided on them and leaves
// them to be delivered. One that is over its channel's rate is kept as dropped.
func insertNotifications(ctx context.Context, t tx, list []crontopus.Notification) error {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b crontopus.Notification) int { // everybody locks channels in this order
		return cmp.Compare(a.Channel.String(), b.Channel.String())
	})
	for i := range list {
		n := &list[i]
		over, err := overRate(ctx, t, n)
		if err != nil {
			return err
		}
		if !over {
			n.State = crontopus.NotificationPending
			err = deliverLater(ctx, t, n, time.Time{})
		} else {
			n.State = crontopus.NotificationDropped
			err = errors.Join(insertNotification(ctx, t, n), tellOfDropped(ctx, t, n))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// deliverLater stores a notification that waits to be delivered.
func deliverLater(ctx context.Context, t tx, n *crontopus.Notification, at time.Time) error {
	if err := insertNotification(ctx, t, n); err != nil {
		return err
	}
	return enqueue(ctx, t, n.Tenant, n.ID, at)
}

func insertNotification(ctx context.Context, t tx, n *crontopus.Notification) error {
	var incident *string
	if n.Incident != "" {
		incident = &n.Incident
	}
	if n.Attempts == nil {
		n.Attempts = []crontopus.Attempt{}
	}
	_, err := t.Exec(ctx, `
		INSERT INTO notifications (tenant_id, id, incident_id, namespace, name, what, at, state, attempts)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		n.Tenant, n.ID, incident, n.Channel.Namespace, n.Channel.Name, n.What, micros(n.At), n.State, text(n.Attempts))
	return err
}

// overRate reports whether the channel has taken as many as it takes in an hour. All servers count what
// the database holds, one after the other for each channel. The end of an incident is not counted, and is
// told wherever anything of the incident was told: else a pager would never be quiet.
func overRate(ctx context.Context, t tx, n *crontopus.Notification) (over bool, err error) {
	channel, err := channelByName(ctx, t, n.Tenant, n.Channel, t.ForUpdate("desired_alerting"))
	if crontopus.ErrorCode(err) == crontopus.CodeNotFound {
		return false, nil // whoever delivers it says so
	}
	if err != nil {
		return false, err
	}
	counted := 0
	err = t.QueryRow(ctx, `
		SELECT count(*) FROM (SELECT 1 FROM notifications WHERE tenant_id = $1 AND namespace = $2 AND name = $3 AND at > $4 AND at <= $5
			AND state <> 'dropped' AND what NOT IN ('resolved', 'test', 'dropped') LIMIT $6) AS taken`,
		n.Tenant, n.Channel.Namespace, n.Channel.Name, micros(n.At.Add(-time.Hour)), micros(n.At.Add(time.Hour)), channel.Spec.MaxPerHour).Scan(&counted)
	if err != nil || counted < channel.Spec.MaxPerHour {
		return false, err
	}
	if n.What == crontopus.NotifyResolved {
		told, err := exists(ctx, t, `SELECT 1 FROM notifications WHERE tenant_id = $1 AND incident_id = $2
			AND namespace = $3 AND name = $4 AND state <> 'dropped'`, n.Tenant, n.Incident, n.Channel.Namespace, n.Channel.Name)
		return !told, err
	}
	return true, nil
}

// What happens in a minute is told as one count, and no more than one count in an hour.
const (
	countsAfter = time.Minute
	countsEvery = time.Hour
)

// tellOfDropped makes sure that the channel is told how many were dropped. Nobody misses the end of what
// nobody was told of.
func tellOfDropped(ctx context.Context, t tx, n *crontopus.Notification) error {
	if n.What == crontopus.NotifyResolved {
		return nil
	}
	words, err := collect(ctx, t, scanNotification, selectNotifications+`
		WHERE tenant_id = $1 AND namespace = $2 AND name = $3 AND what = 'dropped' ORDER BY at DESC LIMIT 1`,
		n.Tenant, n.Channel.Namespace, n.Channel.Name)
	if err != nil || len(words) > 0 && words[0].State == crontopus.NotificationPending {
		return err
	}
	at := n.At.Add(countsAfter)
	if len(words) > 0 {
		if next := words[0].At.Add(countsEvery); next.After(at) && next.Before(at.Add(countsEvery)) {
			at = next
		}
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	return deliverLater(ctx, t, &crontopus.Notification{ID: id.String(), Tenant: n.Tenant, Channel: n.Channel,
		What: crontopus.NotifyDropped, At: n.At, State: crontopus.NotificationPending}, at)
}

// CreateTest stores a notification that a person asked for in order to see whether the channel
// works. It is not left to the queue: whoever asks for it delivers it.
func (s *Store) CreateTest(ctx context.Context, tenant crontopus.TenantID, actor string, n crontopus.Notification) error {
	n.Tenant, n.What, n.State = tenant, crontopus.NotifyTest, crontopus.NotificationPending
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		if err := insertNotification(ctx, t, &n); err != nil {
			return err
		}
		return s.audit(ctx, t, tenant, actor, "channel.test", n.Channel.String(), n.ID)
	})
}

// Delivery reads a notification with all that it takes to write and send it. not_found means
// that there is no such notification (its incident was pruned), or says what the channel lacks:
// then the notification is returned.
func (s *Store) Delivery(ctx context.Context, tenant crontopus.TenantID, id string) (d crontopus.Delivery, err error) {
	var lacks error
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		d, lacks = crontopus.Delivery{}, nil
		if err := getNotification(ctx, t, tenant, id, "", &d.Notification); err != nil {
			return err
		}
		if err := s.tells(ctx, t, &d); err != nil {
			return err
		}
		if d.Channel, lacks = channelByName(ctx, t, tenant, d.Notification.Channel, ""); lacks == nil {
			d.Secrets, lacks = s.openSecrets(ctx, t, tenant, d.Channel.Spec.References())
		}
		if crontopus.ErrorCode(lacks) != crontopus.CodeNotFound {
			return lacks
		}
		return nil
	})
	return d, cmp.Or(err, lacks)
}

// tells reads what a notification is about.
func (s *Store) tells(ctx context.Context, t tx, d *crontopus.Delivery) error {
	n := &d.Notification
	if n.What == crontopus.NotifyDropped {
		return t.QueryRow(ctx, `SELECT count(*) FROM notifications
			WHERE tenant_id = $1 AND namespace = $2 AND name = $3 AND state = 'dropped' AND what <> 'resolved' AND at >= $4`,
			n.Tenant, n.Channel.Namespace, n.Channel.Name, micros(n.At)).Scan(&d.Dropped)
	}
	if n.Incident == "" {
		return nil
	}
	d.Incident = &crontopus.Incident{}
	err := t.QueryRow(ctx, "SELECT body FROM incidents WHERE tenant_id = $1 AND id = $2", n.Tenant, n.Incident).Scan(document(d.Incident))
	if err != nil {
		return err
	}
	d.Superseded, err = exists(ctx, t, `SELECT 1 FROM notifications WHERE tenant_id = $1 AND incident_id = $2
		AND namespace = $3 AND name = $4 AND (at, id) > ($5, $6) AND state <> 'dropped'`,
		n.Tenant, n.Incident, n.Channel.Namespace, n.Channel.Name, micros(n.At), n.ID)
	if err != nil {
		return err
	}
	earlier, err := collect(ctx, t, scanNotification, selectNotifications+`WHERE tenant_id = $1 AND incident_id = $2
		AND namespace = $3 AND name = $4 AND (at, id) < ($5, $6) AND state = 'pending' ORDER BY at, id LIMIT 1`,
		n.Tenant, n.Incident, n.Channel.Namespace, n.Channel.Name, micros(n.At), n.ID)
	if len(earlier) > 0 {
		d.Earlier = &earlier[0]
	}
	return err
}

func getNotification(ctx context.Context, t tx, tenant crontopus.TenantID, id, lock string, n *crontopus.Notification) error {
	err := scanNotification(t.QueryRow(ctx, selectNotifications+"WHERE tenant_id = $1 AND id = $2"+lock, tenant, id), n)
	if errors.Is(err, errNoRow) {
		return crontopus.Errorf(crontopus.CodeNotFound, "there is no notification %q", id)
	}
	return err
}

// RecordAttempt adds an attempt to a notification, where one was made, and says what became of it. One that has ended keeps
// its state, whoever else had it in hand.
func (s *Store) RecordAttempt(ctx context.Context, tenant crontopus.TenantID, id string, a *crontopus.Attempt, state crontopus.NotificationState) error {
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		var n crontopus.Notification
		if err := getNotification(ctx, t, tenant, id, t.ForUpdate("notifications"), &n); err != nil {
			return err
		}
		if n.State == crontopus.NotificationPending {
			n.State = state
		}
		if a != nil {
			n.Attempts = append(n.Attempts, *a)
		}
		_, err := t.Exec(ctx, "UPDATE notifications SET state = $1, attempts = $2 WHERE tenant_id = $3 AND id = $4",
			n.State, text(n.Attempts), tenant, id)
		return err
	})
}

// Notifications lists those about an incident, in the order in which they were decided.
func (s *Store) Notifications(ctx context.Context, tenant crontopus.TenantID, incidentID string) (list []crontopus.Notification, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		list, err = collect(ctx, t, scanNotification, selectNotifications+"WHERE tenant_id = $1 AND incident_id = $2 ORDER BY at, id", tenant, incidentID)
		return err
	})
	return list, err
}

const selectChannels = "SELECT body FROM desired_alerting WHERE tenant_id = $1 AND kind = 'NotificationChannel' "

func scanChannel(r row, c *crontopus.NotificationChannel) error {
	err := r.Scan(document(c))
	c.SetDefaults()
	return err
}

func channelByName(ctx context.Context, t tx, tenant crontopus.TenantID, name crontopus.JobName, lock string) (c crontopus.NotificationChannel, err error) {
	err = scanChannel(t.QueryRow(ctx, selectChannels+"AND namespace = $2 AND name = $3"+lock, tenant, name.Namespace, name.Name), &c)
	if errors.Is(err, errNoRow) {
		err = crontopus.Errorf(crontopus.CodeNotFound, "there is no channel %s", name).
			WithHint("add a NotificationChannel of this name to the repository; `crontopus channels list` shows those that there are")
	}
	return c, err
}

// Channels lists the channels of a tenant's repositories, by name.
func (s *Store) Channels(ctx context.Context, tenant crontopus.TenantID) (list []crontopus.NotificationChannel, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		list, err = collect(ctx, t, scanChannel, selectChannels+"ORDER BY namespace, name", tenant)
		return err
	})
	return list, err
}

// Channel returns a channel by name.
func (s *Store) Channel(ctx context.Context, tenant crontopus.TenantID, name crontopus.JobName) (c crontopus.NotificationChannel, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		c, err = channelByName(ctx, t, tenant, name, "")
		return err
	})
	return c, err
}

// secretName is what a reference names.
func secretName(reference string) string {
	return strings.TrimPrefix(reference, crontopus.SecretPrefix)
}
