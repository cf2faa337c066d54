package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
)

const selectIncidents = "SELECT i.body, i.tenant_id, i.watch_id FROM incidents i "

func scanIncident(r row, in *crontopus.Incident) error {
	return r.Scan(document(in), &in.Tenant, &in.WatchID)
}

// Incidents lists incidents, the newest first, without evidence and the runs that they missed.
func (s *Store) Incidents(ctx context.Context, tenant crontopus.TenantID, f crontopus.IncidentFilter, p crontopus.Page) (list []crontopus.Incident, next string, err error) {
	from, err := parseCursor(p, afterAll)
	if err != nil {
		return nil, "", err
	}
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		where, args := incidentConditions(tenant, f)
		where.add("(i.opened_at, i.id) < (%s, %s)", &args, from.At, from.Text)
		query := selectIncidents + where.String() + fmt.Sprintf(" ORDER BY i.opened_at DESC, i.id DESC LIMIT $%d", len(args)+1)
		list, err = collect(ctx, t, scanIncident, query, append(args, limit(p))...)
		return err
	})
	list, next = cut(list, p, func(in *crontopus.Incident) cursor { return cursor{At: micros(in.OpenedAt), Text: in.ID} })
	for i := range list {
		list[i].Cause.Evidence, list[i].Missed = nil, nil
	}
	return list, next, err
}

func incidentConditions(tenant crontopus.TenantID, f crontopus.IncidentFilter) (w conditions, args []any) {
	w.add("i.tenant_id = %s", &args, tenant)
	switch f.State {
	case crontopus.IncidentOpen:
		w.add("i.resolved_at IS NULL", &args)
	case crontopus.IncidentAcknowledged: // the few that are open are read; in no text of theirs is a bare quote
		w.add(`i.resolved_at IS NULL AND i.body LIKE '%%"state":"acknowledged"%%'`, &args)
	case crontopus.IncidentResolved:
		w.add("i.resolved_at IS NOT NULL", &args)
	}
	if f.Kind != "" {
		w.add("i.kind = %s", &args, f.Kind)
	}
	if f.Job != nil {
		w.add("i.namespace = %s AND i.name = %s", &args, f.Job.Namespace, f.Job.Name)
	}
	if f.Namespace != "" {
		w.add("i.namespace = %s", &args, f.Namespace)
	}
	if f.Agent != "" {
		w.add("i.agent = %s", &args, f.Agent)
	}
	if !f.Since.IsZero() {
		w.add("i.opened_at >= %s", &args, micros(f.Since))
	}
	return w, args
}

// Incident returns one incident with all that is known of it.
func (s *Store) Incident(ctx context.Context, tenant crontopus.TenantID, id string) (in crontopus.Incident, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		return getIncident(ctx, t, tenant, id, "", &in)
	})
	return in, err
}

func getIncident(ctx context.Context, t tx, tenant crontopus.TenantID, id, lock string, in *crontopus.Incident) error {
	err := scanIncident(t.QueryRow(ctx, selectIncidents+"WHERE i.tenant_id = $1 AND i.id = $2"+lock, tenant, id), in)
	if errors.Is(err, errNoRow) {
		return crontopus.Errorf(crontopus.CodeNotFound, "there is no incident %q", id).
			WithHint("`crontopus incidents list --state all` shows those that there are")
	}
	return err
}

// IncidentEvents returns the newest lines of an incident's story, at most MaxStoryShown, the oldest first.
func (s *Store) IncidentEvents(ctx context.Context, tenant crontopus.TenantID, id string) (list []crontopus.IncidentEvent, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		list, err = collect(ctx, t, func(r row, e *crontopus.IncidentEvent) error {
			return r.Scan(&e.ID, &e.Incident, instant(&e.At), &e.Actor, &e.What, document(&e.Text))
		}, "SELECT id, incident_id, at, actor, what, body FROM incident_events WHERE tenant_id = $1 AND incident_id = $2 ORDER BY at DESC, id DESC LIMIT $3",
			tenant, id, crontopus.MaxStoryShown)
		return err
	})
	slices.Reverse(list)
	return list, err
}

// ChangeIncident lets a person change an incident. What change returns becomes a line of its
// story and of the audit log; only its What and Text are read. The detector and whoever decides who is told see to
// the incident again. change may be called more than once.
func (s *Store) ChangeIncident(ctx context.Context, tenant crontopus.TenantID, actor, id string, now time.Time,
	change func(*crontopus.Incident) (crontopus.IncidentEvent, error),
) (in crontopus.Incident, err error) {
	err = s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		// The watch first, as the detector does: who locks both does so in this order.
		_, err := t.Exec(ctx, `UPDATE watches SET look_at = $1 WHERE tenant_id = $2 AND look_at > $1
			AND id = (SELECT watch_id FROM incidents WHERE tenant_id = $2 AND id = $3)`, micros(now), tenant, id)
		if err != nil {
			return err
		}
		in = crontopus.Incident{}
		if err := getIncident(ctx, t, tenant, id, t.ForUpdate("i"), &in); err != nil {
			return err
		}
		event, err := change(&in)
		if err != nil {
			return err
		}
		event.ID, event.Incident, event.At, event.Actor = newEventID(), id, now, actor
		if err := writeIncident(ctx, t, tenant, &in, micros(now)); err != nil {
			return err
		}
		if err := writeEvents(ctx, t, tenant, []crontopus.IncidentEvent{event}); err != nil {
			return err
		}
		return s.audit(ctx, t, tenant, actor, "incident."+event.What, id, event.Text)
	})
	return in, err
}

func newEventID() string { return uuid.Must(uuid.NewV7()).String() }
