package store

import (
	"context"
	"slices"
	"time"

	"crontopus.dev/crontopus"
)

const watchColumns = "w.tenant_id, w.id, w.kind, w.namespace, w.name, w.agent_id, w.source_id, w.look_at, w.alert, w.state"

func scanWatch(r row, w *crontopus.Watch) error {
	return r.Scan(&w.Tenant, &w.ID, &w.Kind, &w.Job.Namespace, &w.Job.Name, &w.AgentID, &w.SourceID, instant(&w.LookAt), flag(&w.Alert), document(&w.State))
}

// SystemLook has watches judged whose time has come, at most limit, those that wait longest first,
// and keeps the verdicts, in one transaction. Watches that another server looks at are left to it.
// judge may be called more than once, and must not call the store. It returns how many were looked at.
func (s *Store) SystemLook(ctx context.Context, now time.Time, limit int, judge func([]crontopus.Look) []crontopus.Verdict) (looked int, err error) {
	due := false
	err = s.engine.read(ctx, scopeDue, func(t tx) error { // mostly there is nothing to do, and nobody is kept waiting
		// By its order the first is found by the index, however many the planner takes to be due.
		due, err = exists(ctx, t, "SELECT 1 FROM (SELECT look_at FROM watches ORDER BY look_at LIMIT 1) AS first WHERE look_at <= $1", micros(now))
		return err
	})
	if err != nil || !due {
		return 0, err
	}
	err = s.engine.write(ctx, scopeLook, func(t tx) error {
		watches, err := collect(ctx, t, scanWatch, `
			SELECT `+watchColumns+` FROM watches w WHERE w.look_at <= $1 ORDER BY w.look_at LIMIT $2`+t.Claim("w"), micros(now), limit)
		if err != nil || len(watches) == 0 {
			looked = 0
			return err
		}
		looked = len(watches)
		f := facts{t: t, now: now, looks: make([]crontopus.Look, len(watches)), at: map[watchKey]*crontopus.Look{}}
		for i, w := range watches {
			f.looks[i] = crontopus.Look{Watch: w, Now: now}
			f.at[watchKey{w.Tenant, w.ID}] = &f.looks[i]
		}
		if err := f.read(ctx, s); err != nil {
			return err
		}
		return keepVerdicts(ctx, t, f.looks, judge(f.looks))
	})
	return looked, err
}

type watchKey struct {
	tenant crontopus.TenantID
	id     string
}

// facts are what is known about watches, read in few statements for all of them.
type facts struct {
	t     tx
	now   time.Time
	looks []crontopus.Look
	at    map[watchKey]*crontopus.Look
}

func (f *facts) read(ctx context.Context, s *Store) error {
	since, err := servingSince(ctx, f.t, f.now)
	if err != nil {
		return err
	}
	for i := range f.looks {
		f.looks[i].UpSince = since
	}
	for _, part := range []func(context.Context) error{
		f.agents, f.jobs, f.sources,
		f.runs, f.signals, // in this order: a run that is seen has its signal seen, too
		f.incidents, f.absences, // in this order: an absence whose incident is over is seen
		f.neighbours,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	known := map[crontopus.TenantID]*crontopus.Alerting{}
	for i := range f.looks {
		l := &f.looks[i]
		if known[l.Watch.Tenant] == nil {
			if known[l.Watch.Tenant], err = s.alertingNow(ctx, f.t, l.Watch.Tenant); err != nil {
				return err
			}
		}
		l.Alerting = known[l.Watch.Tenant]
	}
	return nil
}

// watched is a table of watches with the key of each, and what else the query needs of it.
func (f *facts) watched(of func(*crontopus.Look) bool) (v many, list []*crontopus.Look) {
	for i := range f.looks {
		if of(&f.looks[i]) {
			list = append(list, &f.looks[i])
		}
	}
	withEach(&v, "tenant", "text", list, func(l **crontopus.Look) string { return string((*l).Watch.Tenant) })
	withEach(&v, "watch", "text", list, func(l **crontopus.Look) string { return (*l).Watch.ID })
	return v, list
}

func (f *facts) agents(ctx context.Context) error {
	v, list := f.watched(func(l *crontopus.Look) bool { return l.Watch.AgentID != "" })
	withEach(&v, "agent", "text", list, func(l **crontopus.Look) string { return (*l).Watch.AgentID })
	type found struct {
		crontopus.Agent
		watch   string
		expires *time.Time
	}
	all, err := collectMany(ctx, f.t, func(r row, a *found) error {
		return r.Scan(&a.Tenant, &a.ID, &a.Name, flag(&a.NameFixed), document(&a.Labels), document(&a.Facts),
			flag(&a.MatchFacts), &a.PublicKey, instant(&a.EnrolledAt), maybe(&a.RevokedAt),
			maybe(&a.Status.LastSeenAt), maybe(&a.Status.SpoolDrained), document(&a.Status.Report),
			&a.Status.Desired.Epoch, &a.Status.Desired.Number, &a.watch, maybe(&a.expires))
	}, v, `
		SELECT a.tenant_id, a.id, a.name, a.name_fixed, a.labels, a.facts, a.match_facts, a.public_key,
			a.enrolled_at, a.revoked_at, a.last_seen_at, a.spool_drained_at, a.report,
			COALESCE(p.epoch, 0), COALESCE(p.number, 0), v.watch, p.expires_at
		FROM v JOIN agents a ON a.tenant_id = v.tenant AND a.id = v.agent
			LEFT JOIN publications p ON p.tenant_id = a.tenant_id AND p.agent_id = a.id
		WHERE a.revoked_at IS NULL`)
	for i := range all {
		l := f.at[watchKey{all[i].Tenant, all[i].watch}]
		l.Agent = &all[i].Agent
		if all[i].expires != nil {
			l.Expires = *all[i].expires
		}
	}
	return err
}

func (f *facts) sources(ctx context.Context) error {
	for i := range f.looks {
		l, id := &f.looks[i], f.looks[i].Watch.SourceID
		if l.Watch.Kind == crontopus.WatchEntry && l.Job == nil {
			id = l.Watch.State.SourceID
		}
		if id == "" {
			continue
		}
		var src crontopus.Source
		err := scanSource(f.t.QueryRow(ctx, selectSources+"WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL", l.Watch.Tenant, id), &src)
		switch {
		case err == nil:
			l.Source = &src
		case crontopus.ErrorCode(err) != crontopus.CodeNotFound:
			return err
		}
	}
	return nil
}

// jobs reads what Git says of entries that are in their agent's newest bundle, and of jobs without
// an agent.
func (f *facts) jobs(ctx context.Context) error {
	v, list := f.watched(func(l *crontopus.Look) bool { return l.Watch.Kind == crontopus.WatchEntry })
	withEach(&v, "space", "text", list, func(l **crontopus.Look) string { return (*l).Watch.Job.Namespace })
	withEach(&v, "job", "text", list, func(l **crontopus.Look) string { return (*l).Watch.Job.Name })
	withEach(&v, "agent", "text", list, func(l **crontopus.Look) string { return (*l).Watch.AgentID })
	type found struct {
		crontopus.DesiredJob
		key  watchKey
		url  string
		here bool
	}
	all, err := collectMany(ctx, f.t, func(r row, j *found) error {
		return r.Scan(document(&j.Job), &j.Digest, &j.SourceID, &j.Path, &j.Line, &j.Revision, document(&j.Commit), &j.key.tenant, &j.key.id, &j.url, flag(&j.here))
	}, v, `
		SELECT d.body, d.digest, d.source_id, d.path, d.line, d.revision, d.commit_info, v.tenant, v.watch,
			COALESCE((SELECT s.url FROM sources s WHERE s.tenant_id = d.tenant_id AND s.id = d.source_id), ''), -- no join: it could come first, and bring every job of the source
			CASE WHEN v.agent = '' OR EXISTS (SELECT 1 FROM agent_jobs a WHERE a.tenant_id = v.tenant AND a.agent_id = v.agent
				AND a.namespace = v.space AND a.name = v.job AND a.current = 1) THEN 1 ELSE 0 END
		FROM v CROSS JOIN desired_jobs d
		WHERE d.tenant_id = v.tenant AND d.namespace = v.space AND d.name = v.job`)
	for i := range all {
		l := f.at[all[i].key]
		l.SourceURL = all[i].url
		if all[i].here && (l.Watch.AgentID == "") == all[i].Job.Spec.Target.Ping {
			l.Job = &all[i].DesiredJob
		} else {
			l.Left = &all[i].DesiredJob
		}
	}
	return err
}

// alertingNow is what the tenant's repositories say of alerting. It is read again when Git says
// something else.
func (s *Store) alertingNow(ctx context.Context, t tx, tenant crontopus.TenantID) (*crontopus.Alerting, error) {
	var sequence int64
	if err := t.QueryRow(ctx, "SELECT desired_sequence FROM tenants WHERE id = $1", tenant).Scan(&sequence); err != nil {
		return nil, err
	}
	key := alertingKey{tenant, sequence}
	a, known, seen := s.alerting.Get(key)
	if known {
		return a, nil
	}
	read, err := alerting(ctx, t, tenant)
	if err != nil {
		return nil, err
	}
	s.alerting.Put(key, &read, seen)
	return &read, nil
}

// rememberedAlerting is of how many tenants it is.
const rememberedAlerting = 1000

// alertingKey is a tenant at a sequence of its desired state.
type alertingKey struct {
	tenant   crontopus.TenantID
	sequence int64
}

// suspicious reports whether a look will tell of something wrong, so that more is to be read.
func (f *facts) suspicious(l *crontopus.Look) bool {
	if l.Watch.Kind != crontopus.WatchEntry || l.Job == nil {
		return false
	}
	return l.Watch.Alert || len(l.Signals) > 0 || slices.ContainsFunc(l.Watch.State.Due, func(d time.Time) bool {
		return !d.After(f.now) && !slices.ContainsFunc(l.Runs, func(r crontopus.Run) bool { return r.ScheduledFor != nil && r.ScheduledFor.Equal(d) })
	})
}
