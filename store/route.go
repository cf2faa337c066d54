package store

import (
	"context"
	"time"

	"crontopus.dev/crontopus"
)

// SystemRoute has it decided who is told of incidents whose time has come, at most limit, and keeps
// the decisions together with what is to be delivered, in one transaction. Incidents that another
// server sees to are left to it. decide may be called more than once, and must not call the store.
// It returns how many were seen to.
func (s *Store) SystemRoute(ctx context.Context, now time.Time, limit int, decide func([]crontopus.Case) []crontopus.Decision) (routed int, err error) {
	due := false
	err = s.engine.read(ctx, scopeLook, func(t tx) error {
		due, err = exists(ctx, t, "SELECT 1 FROM incidents WHERE route_at <= $1 LIMIT 1", micros(now))
		return err
	})
	if err != nil || !due {
		return 0, err
	}
	err = s.engine.write(ctx, scopeLook, func(t tx) error {
		cases, err := collect(ctx, t, func(r row, c *crontopus.Case) error {
			return r.Scan(document(&c.Incident), &c.Incident.Tenant, &c.Incident.WatchID, document(&c.Routing))
		}, "SELECT i.body, i.tenant_id, i.watch_id, i.routing FROM incidents i WHERE i.route_at <= $1 ORDER BY i.route_at LIMIT $2"+t.Claim("i"), micros(now), limit)
		routed = len(cases)
		if err != nil || routed == 0 {
			return err
		}
		if err := s.circumstances(ctx, t, cases, now); err != nil {
			return err
		}
		for i, d := range decide(cases) {
			if err := keepDecision(ctx, t, cases[i].Incident.Tenant, &d); err != nil {
				return err
			}
		}
		return nil
	})
	return routed, err
}

// circumstances are what decides who is told.
func (s *Store) circumstances(ctx context.Context, t tx, cases []crontopus.Case, now time.Time) (err error) {
	silences := map[crontopus.TenantID][]crontopus.Silence{}
	for i := range cases {
		c := &cases[i]
		tenant := c.Incident.Tenant
		c.Now = now
		if c.Alerting, err = s.alertingNow(ctx, t, tenant); err != nil {
			return err
		}
		if _, known := silences[tenant]; !known {
			silences[tenant], err = silencesInForce(ctx, t, tenant, now)
			if err != nil {
				return err
			}
		}
		c.Silences = silences[tenant]
	}
	return parentsNow(ctx, t, cases)
}

// parentsNow finds what suppresses open incidents at this moment. What the detector saw may be over, or another
// one of them may be open, and one that began a moment after this one could not be seen.
func parentsNow(ctx context.Context, t tx, cases []crontopus.Case) error {
	var v many
	var places []int
	for i := range cases {
		if in := &cases[i].Incident; in.Open() && in.Subject.Job.Name != "" {
			places = append(places, i)
		}
	}
	with(&v, "place", "bigint", places)
	withEach(&v, "tenant", "text", places, func(n *int) string { return string(cases[*n].Incident.Tenant) })
	withEach(&v, "space", "text", places, func(n *int) string { return cases[*n].Incident.Subject.Job.Namespace })
	withEach(&v, "job", "text", places, func(n *int) string { return cases[*n].Incident.Subject.Job.Name })
	type found struct {
		place int
		job   crontopus.Job
	}
	jobs, err := collectMany(ctx, t, func(r row, f *found) error { return r.Scan(&f.place, document(&f.job)) }, v, `
		SELECT v.place, d.body FROM v CROSS JOIN desired_jobs d WHERE d.tenant_id = v.tenant AND d.namespace = v.space AND d.name = v.job`)
	if err != nil {
		return err
	}
	for i := range jobs {
		c := &cases[jobs[i].place]
		open, err := openParents(ctx, t, c.Incident.Tenant, &jobs[i].job)
		if err != nil {
			return err
		}
		if len(open) > 0 {
			c.Parent = &open[0]
		}
	}
	return nil
}

func keepDecision(ctx context.Context, t tx, tenant crontopus.TenantID, d *crontopus.Decision) error {
	_, err := t.Exec(ctx, "UPDATE incidents SET body = $1, routing = $2, route_at = $3 WHERE tenant_id = $4 AND id = $5",
		text(d.Incident), text(d.Routing), optional(d.RouteAt), tenant, d.Incident.ID)
	if err != nil {
		return err
	}
	if err := writeEvents(ctx, t, tenant, d.Events); err != nil {
		return err
	}
	return insertNotifications(ctx, t, d.Notify)
}
