package store

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
)

const badgeColumns = "tenant_id, id, namespace, name, label, created_at"

func scanBadge(r row, b *crontopus.Badge) error {
	return r.Scan(&b.Tenant, &b.ID, &b.Namespace, &b.Name, &b.Label, instant(&b.CreatedAt))
}

// EnsureBadge returns the badge of a job, or of a label, and makes it where there is none.
// not_found for a job that the tenant never had.
func (s *Store) EnsureBadge(ctx context.Context, tenant crontopus.TenantID, actor string, b crontopus.Badge) (made crontopus.Badge, err error) {
	err = s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		if b.Name != "" {
			if err := s.jobWasThere(ctx, t, tenant, b.Job()); err != nil {
				return err
			}
		}
		n, err := t.Exec(ctx, "INSERT INTO badges ("+badgeColumns+") VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
			tenant, uuid.NewString(), b.Namespace, b.Name, b.Label, micros(s.now()))
		if err != nil {
			return err
		}
		if err := scanBadge(t.QueryRow(ctx, "SELECT "+badgeColumns+` FROM badges
			WHERE tenant_id = $1 AND namespace = $2 AND name = $3 AND label = $4`, tenant, b.Namespace, b.Name, b.Label), &made); err != nil || n == 0 {
			return err
		}
		return s.audit(ctx, t, tenant, actor, "badge.create", made.Of(), "")
	})
	return made, err
}

// Badges lists the badges by what they are of.
func (s *Store) Badges(ctx context.Context, tenant crontopus.TenantID, p crontopus.Page) (list []crontopus.Badge, next string, err error) {
	from, err := parseCursor(p, beforeAll)
	if err != nil {
		return nil, "", err
	}
	namespace, name, _ := strings.Cut(from.Text, "/")
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		list, err = collect(ctx, t, scanBadge, "SELECT "+badgeColumns+` FROM badges
			WHERE tenant_id = $1 AND (namespace, name, label) > ($2, $3, $4) ORDER BY namespace, name, label LIMIT $5`,
			tenant, namespace, name, from.More, limit(p))
		return err
	})
	list, next = cut(list, p, func(b *crontopus.Badge) cursor { return cursor{Text: b.Namespace + "/" + b.Name, More: b.Label} })
	return list, next, err
}

// errNoBadge says nothing of what there is: an address is a secret.
var errNoBadge = crontopus.Errorf(crontopus.CodeNotFound, "there is no such badge").
	WithHint("`crontopus badges list` shows those that there are")

// RotateBadge gives a badge another address. The old one shows nothing from now on.
func (s *Store) RotateBadge(ctx context.Context, tenant crontopus.TenantID, actor, id string) (b crontopus.Badge, err error) {
	err = s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		err := scanBadge(t.QueryRow(ctx, "UPDATE badges SET id = $1, created_at = $2 WHERE tenant_id = $3 AND id = $4 RETURNING "+badgeColumns,
			uuid.NewString(), micros(s.now()), tenant, id), &b)
		if err != nil {
			return orNoBadge(err)
		}
		return s.audit(ctx, t, tenant, actor, "badge.rotate", b.Of(), "")
	})
	return b, err
}

// RemoveBadge ends a badge.
func (s *Store) RemoveBadge(ctx context.Context, tenant crontopus.TenantID, actor, id string) error {
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		var b crontopus.Badge
		err := scanBadge(t.QueryRow(ctx, "DELETE FROM badges WHERE tenant_id = $1 AND id = $2 RETURNING "+badgeColumns, tenant, id), &b)
		if err != nil {
			return orNoBadge(err)
		}
		return s.audit(ctx, t, tenant, actor, "badge.remove", b.Of(), "")
	})
}

func orNoBadge(err error) error {
	if errors.Is(err, errNoRow) {
		return errNoBadge
	}
	return err
}

// SystemBadge returns the badge with the address: not_found if there is none.
func (s *Store) SystemBadge(ctx context.Context, id string) (b crontopus.Badge, err error) {
	err = s.engine.read(ctx, scopeCredentials, func(t tx) error {
		return orNoBadge(scanBadge(t.QueryRow(ctx, "SELECT "+badgeColumns+" FROM badges WHERE id = $1", id), &b))
	})
	return b, err
}

// BadgeState tells how the jobs of a badge are. It reads the job, or those with the label, and what
// is wrong now.
func (s *Store) BadgeState(ctx context.Context, tenant crontopus.TenantID, b crontopus.Badge) (state crontopus.BadgeState, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		jobs, err := badgeJobs(ctx, t, tenant, &b)
		if err != nil || len(jobs) == 0 {
			state = crontopus.NewBadgeState(0, 0, 0)
			return err
		}
		bad, err := troubled(ctx, t, tenant, b.Job())
		late, down := 0, 0
		for i := range jobs {
			switch bad[jobs[i].Job.Name()] {
			case crontopus.BadgeLate:
				late++
			case crontopus.BadgeDown:
				down++
			}
		}
		state = crontopus.NewBadgeState(len(jobs), late, down)
		return err
	})
	return state, err
}

// badgeJobs returns the watched jobs of a badge. Those that cannot have its label are not decoded.
func badgeJobs(ctx context.Context, t tx, tenant crontopus.TenantID, b *crontopus.Badge) (jobs []crontopus.DesiredJob, err error) {
	var found []crontopus.DesiredJob
	if b.Name != "" {
		found, err = collect(ctx, t, scanDesired, selectDesired+"WHERE d.tenant_id = $1 AND d.namespace = $2 AND d.name = $3", tenant, b.Namespace, b.Name)
	} else {
		found, err = collect(ctx, t, scanDesired, selectDesired+`
			WHERE d.tenant_id = $1 AND ($2 = '' OR d.namespace = $2) AND d.body LIKE $3 ESCAPE '!'`, tenant, b.Namespace, likeLabel(b.Label))
	}
	for i := range found {
		if b.Covers(&found[i].Job) {
			jobs = append(jobs, found[i])
		}
	}
	return jobs, err
}

// likeLabel is the pattern of a job's JSON that has a label, or happens to have its words elsewhere.
func likeLabel(label string) string {
	key, value, _ := strings.Cut(label, "=")
	pair, _ := json.Marshal(map[string]string{key: value}) // as the job's own labels are written
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(strings.Trim(string(pair), "{}")) + "%"
}

// troubled returns the jobs with which something is wrong now: all, or the one. It reads what is
// wrong, not what there is.
func troubled(ctx context.Context, t tx, tenant crontopus.TenantID, only crontopus.JobName) (map[crontopus.JobName]crontopus.BadgeStatus, error) {
	args, one := []any{tenant}, ""
	if only != (crontopus.JobName{}) {
		args, one = append(args, only.Namespace, only.Name), " AND namespace = $2 AND name = $3"
	}
	type wrong struct {
		job  crontopus.JobName
		kind crontopus.AlertKind
	}
	own, err := collect(ctx, t, func(r row, w *wrong) error { return r.Scan(&w.job.Namespace, &w.job.Name, &w.kind) },
		"SELECT namespace, name, kind FROM incidents WHERE tenant_id = $1 AND resolved_at IS NULL AND name <> ''"+one, args...)
	if err != nil {
		return nil, err
	}
	silent, err := collect(ctx, t, scanMissing, `
		SELECT namespace, name, state FROM watches WHERE tenant_id = $1 AND kind = 'entry' AND agent_id <> '' AND agent_id IN (
			SELECT substr(watch_id, 7) FROM incidents WHERE tenant_id = $1 AND resolved_at IS NULL AND kind = 'agentOffline')`+one, args...) // watch_id: agent/ID
	bad := map[crontopus.JobName]crontopus.BadgeStatus{}
	for _, w := range own {
		late := w.kind == crontopus.AlertLateStart || w.kind == crontopus.AlertTooLong
		if !late {
			bad[w.job] = crontopus.BadgeDown
		} else if bad[w.job] == "" {
			bad[w.job] = crontopus.BadgeLate
		}
	}
	for _, m := range silent {
		if m.onHost {
			bad[m.job] = crontopus.BadgeDown
		}
	}
	return bad, err
}

// missing is an entry of a host that is offline.
type missing struct {
	job    crontopus.JobName
	onHost bool // runs of it are missed, and the host's incident tells of them
}

func scanMissing(r row, m *missing) error {
	var state crontopus.WatchState
	err := r.Scan(&m.job.Namespace, &m.job.Name, document(&state))
	m.onHost = state.Host != ""
	return err
}
