package store

import (
	"cmp"
	"context"
	"slices"

	"crontopus.dev/crontopus"
)

// incidents reads the open ones of watches, of the hosts of entries, and of the jobs that entries
// depend on.
func (f *facts) incidents(ctx context.Context) error {
	own, owners := f.watched(func(*crontopus.Look) bool { return true })
	withEach(&own, "about", "text", owners, func(l **crontopus.Look) string { return (*l).Watch.ID })
	hosts, hosted := f.watched(func(l *crontopus.Look) bool { return l.Watch.Kind == crontopus.WatchEntry && l.Agent != nil })
	withEach(&hosts, "about", "text", hosted, func(l **crontopus.Look) string { return crontopus.AgentWatchID((*l).Watch.AgentID) })
	if err := f.open(ctx, own, f.t.ForUpdate("i"), func(l *crontopus.Look, in *crontopus.Incident) { l.Incident = in }); err != nil {
		return err
	}
	if err := f.open(ctx, hosts, "", func(l *crontopus.Look, in *crontopus.Incident) { l.Host = in }); err != nil {
		return err
	}
	return f.parents(ctx)
}

// open reads the open incidents of the watches that others are about.
func (f *facts) open(ctx context.Context, v many, lock string, put func(*crontopus.Look, *crontopus.Incident)) error {
	type found struct {
		crontopus.Incident
		key watchKey
	}
	all, err := collectMany(ctx, f.t, func(r row, i *found) error {
		err := r.Scan(document(&i.Incident), &i.key.tenant, &i.WatchID, &i.key.id)
		i.Tenant = i.key.tenant
		return err
	}, v, `
		SELECT i.body, i.tenant_id, i.watch_id, v.watch FROM v CROSS JOIN incidents i
		WHERE i.tenant_id = v.tenant AND i.watch_id = v.about AND i.resolved_at IS NULL`+lock)
	for i := range all {
		put(f.at[all[i].key], &all[i].Incident)
	}
	return err
}

// absences reads the last one of the hosts of entries, where something looks wrong.
func (f *facts) absences(ctx context.Context) error {
	v, list := f.watched(func(l *crontopus.Look) bool { return l.Agent != nil && f.suspicious(l) })
	withEach(&v, "host", "text", list, func(l **crontopus.Look) string { return crontopus.AgentWatchID((*l).Watch.AgentID) })
	type found struct {
		key   watchKey
		state crontopus.WatchState
	}
	all, err := collectMany(ctx, f.t, func(r row, a *found) error {
		return r.Scan(&a.key.tenant, &a.key.id, document(&a.state))
	}, v, "SELECT v.tenant, v.watch, w.state FROM v CROSS JOIN watches w WHERE w.tenant_id = v.tenant AND w.id = v.host")
	for i := range all {
		f.at[all[i].key].Away = all[i].state.Away
	}
	return err
}

func (f *facts) parents(ctx context.Context) error {
	for i := range f.looks {
		l := &f.looks[i]
		if l.Job == nil || len(l.Job.Job.Spec.Monitor.DependsOn) == 0 {
			continue
		}
		var err error
		if l.Parents, err = openParents(ctx, f.t, l.Watch.Tenant, &l.Job.Job); err != nil {
			return err
		}
	}
	return nil
}

// openParents are the open incidents of the jobs that one depends on, the oldest of each.
func openParents(ctx context.Context, t tx, tenant crontopus.TenantID, job *crontopus.Job) (list []crontopus.Incident, err error) {
	for _, parent := range job.DependsOn() {
		open, err := collect(ctx, t, func(r row, in *crontopus.Incident) error { return r.Scan(document(in), &in.WatchID) }, `
			SELECT body, watch_id FROM incidents WHERE tenant_id = $1 AND namespace = $2 AND name = $3 AND resolved_at IS NULL ORDER BY opened_at LIMIT 1`,
			tenant, parent.Namespace, parent.Name)
		if err != nil {
			return nil, err
		}
		list = append(list, open...)
	}
	return list, nil
}

// keepVerdicts writes what comes of looks.
func keepVerdicts(ctx context.Context, t tx, looks []crontopus.Look, verdicts []crontopus.Verdict) error {
	if err := dropSignals(ctx, t, looks, verdicts); err != nil {
		return err
	}
	if err := writeWatches(ctx, t, verdicts); err != nil {
		return err
	}
	host := map[watchKey]*crontopus.MissedOnHost{}
	for i := range verdicts {
		v := &verdicts[i]
		for j := range v.Incidents {
			if err := writeIncident(ctx, t, v.Watch.Tenant, &v.Incidents[j], micros(looks[i].Now)); err != nil {
				return err
			}
		}
		if err := writeEvents(ctx, t, v.Watch.Tenant, v.Events); err != nil {
			return err
		}
		for j := range v.Hosts {
			h := &v.Hosts[j]
			key := watchKey{v.Watch.Tenant, h.Incident}
			if host[key] == nil {
				host[key] = &crontopus.MissedOnHost{Incident: h.Incident}
			}
			host[key].Missed = append(host[key].Missed, h.Missed...)
			host[key].Retracted = append(host[key].Retracted, h.Retracted...)
		}
		if returned(v) {
			if err := wakeMissed(ctx, t, v.Watch.Tenant, v.Watch.AgentID, looks[i].Now); err != nil {
				return err
			}
		}
	}
	return moveMissed(ctx, t, host)
}

// returned reports whether a verdict ends a host's absence.
func returned(v *crontopus.Verdict) bool {
	return slices.ContainsFunc(v.Incidents, func(in crontopus.Incident) bool { return in.Kind == crontopus.AlertAgentOffline && !in.Open() })
}

func dropSignals(ctx context.Context, t tx, looks []crontopus.Look, verdicts []crontopus.Verdict) error {
	type seen struct{ tenant, watch, run string }
	var list []seen
	for i := range looks {
		for j := range looks[i].Signals {
			if run := looks[i].Signals[j].ID; !slices.Contains(verdicts[i].Unheard, run) {
				list = append(list, seen{string(looks[i].Watch.Tenant), looks[i].Watch.ID, run})
			}
		}
	}
	var v many
	withEach(&v, "tenant", "text", list, func(s *seen) string { return s.tenant })
	withEach(&v, "watch", "text", list, func(s *seen) string { return s.watch })
	withEach(&v, "run", "text", list, func(s *seen) string { return s.run })
	_, err := execMany(ctx, t, v, "DELETE FROM signals WHERE (tenant_id, watch_id, run_id) IN (SELECT tenant, watch, run FROM v)")
	return err
}

func writeWatches(ctx context.Context, t tx, verdicts []crontopus.Verdict) error {
	var stay, gone []*crontopus.Watch
	for i := range verdicts {
		if verdicts[i].Gone {
			gone = append(gone, &verdicts[i].Watch)
		} else {
			stay = append(stay, &verdicts[i].Watch)
		}
	}
	table := func(list []*crontopus.Watch) (v many) {
		withEach(&v, "tenant", "text", list, func(w **crontopus.Watch) string { return string((*w).Tenant) })
		withEach(&v, "watch", "text", list, func(w **crontopus.Watch) string { return (*w).ID })
		return v
	}
	if _, err := execMany(ctx, t, table(gone), "DELETE FROM watches WHERE (tenant_id, id) IN (SELECT tenant, watch FROM v)"); err != nil {
		return err
	}
	v := table(stay)
	withEach(&v, "look", "bigint", stay, func(w **crontopus.Watch) int64 { return micros((*w).LookAt) })
	withEach(&v, "is_alert", "bigint", stay, func(w **crontopus.Watch) int64 { return bit((*w).Alert) })
	withEach(&v, "remembers", "text", stay, func(w **crontopus.Watch) string { return text((*w).State) })
	_, err := execMany(ctx, t, v, `
		UPDATE watches SET look_at = v.look, alert = v.is_alert, state = v.remembers FROM v WHERE watches.tenant_id = v.tenant AND watches.id = v.watch`)
	return err
}

// writeIncident keeps an incident, to be seen to at an instant: who must be told of it now?
func writeIncident(ctx context.Context, t tx, tenant crontopus.TenantID, in *crontopus.Incident, routeAt int64) error {
	_, err := t.Exec(ctx, `
		INSERT INTO incidents (tenant_id, id, watch_id, kind, namespace, name, agent, opened_at, resolved_at, route_at, body, routing)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '{}')
		ON CONFLICT (tenant_id, id) DO UPDATE SET kind = excluded.kind, resolved_at = excluded.resolved_at, route_at = excluded.route_at, body = excluded.body`,
		tenant, in.ID, in.WatchID, in.Kind, in.Subject.Job.Namespace, in.Subject.Job.Name, in.Subject.Agent, micros(in.OpenedAt),
		optional(in.ResolvedAt), routeAt, text(in))
	return err
}

func writeEvents(ctx context.Context, t tx, tenant crontopus.TenantID, events []crontopus.IncidentEvent) error {
	for i := range events {
		e := &events[i]
		if _, err := t.Exec(ctx, `
			INSERT INTO incident_events (tenant_id, id, incident_id, at, actor, what, body) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			tenant, e.ID, e.Incident, micros(e.At), e.Actor, e.What, text(e.Text)); err != nil {
			return err
		}
	}
	return nil
}

// moveMissed writes entries' missed runs into the incidents of their hosts. Whoever writes more than
// one does so in the order of their ids.
func moveMissed(ctx context.Context, t tx, hosts map[watchKey]*crontopus.MissedOnHost) error {
	keys := make([]watchKey, 0, len(hosts))
	for k := range hosts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b watchKey) int { return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.id, b.id)) })
	for _, k := range keys {
		var in crontopus.Incident
		err := t.QueryRow(ctx, "SELECT body FROM incidents i WHERE tenant_id = $1 AND id = $2"+t.ForUpdate("i"), k.tenant, k.id).Scan(document(&in))
		if crontopus.ErrorCode(err) == crontopus.CodeNotFound {
			continue
		}
		if err != nil {
			return err
		}
		in.Move(hosts[k])
		if _, err := t.Exec(ctx, "UPDATE incidents SET body = $1 WHERE tenant_id = $2 AND id = $3", text(in), k.tenant, k.id); err != nil {
			return err
		}
	}
	return nil
}
