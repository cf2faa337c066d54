package store

import (
	"context"
	"time"

	"crontopus.dev/crontopus"
)

// Alerting returns what the tenant's repositories say of policies, channels and windows, by name.
func (s *Store) Alerting(ctx context.Context, tenant crontopus.TenantID) (a crontopus.Alerting, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		a, err = alerting(ctx, t, tenant)
		return err
	})
	return a, err
}

// alerting is Alerting within a transaction.
func alerting(ctx context.Context, t tx, tenant crontopus.TenantID) (a crontopus.Alerting, err error) {
	list, err := desiredAlerting(ctx, t, "WHERE tenant_id = $1", tenant)
	for _, d := range list {
		switch {
		case d.Policy != nil:
			a.Policies = append(a.Policies, *d.Policy)
		case d.Channel != nil:
			a.Channels = append(a.Channels, *d.Channel)
		default:
			a.Windows = append(a.Windows, *d.Window)
		}
	}
	return a, err
}

// DesiredAlerting is Alerting with whose each manifest is, and where it stands.
func (s *Store) DesiredAlerting(ctx context.Context, tenant crontopus.TenantID) (list []crontopus.DesiredAlerting, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		list, err = desiredAlerting(ctx, t, "WHERE tenant_id = $1", tenant)
		return err
	})
	return list, err
}

func desiredAlerting(ctx context.Context, t tx, where string, args ...any) ([]crontopus.DesiredAlerting, error) {
	return collect(ctx, t, func(r row, d *crontopus.DesiredAlerting) error {
		return r.Scan(document(&d.AlertingManifest), &d.SourceID, &d.Path, &d.Line, &d.Revision)
	}, "SELECT body, source_id, path, line, revision FROM desired_alerting "+where+" ORDER BY kind, namespace, name", args...)
}

// alertingID tells manifests of alerting apart within a tenant.
type alertingID struct {
	kind string
	name crontopus.JobName
}

func idOf(m *crontopus.AlertingManifest) alertingID { return alertingID{m.Kind(), m.Name()} }

// writeAlerting replaces what a source says of alerting. Only what differs is written, and then it is decided
// again who is told of what is open: by a new channel, or as a window is there no more.
func writeAlerting(ctx context.Context, t tx, src crontopus.Source, list []crontopus.DesiredAlerting, now time.Time) error {
	before, err := desiredAlerting(ctx, t, "WHERE tenant_id = $1 AND source_id = $2", src.Tenant, src.ID)
	if err != nil {
		return err
	}
	gone := make(map[alertingID]crontopus.DesiredAlerting, len(before))
	for _, d := range before {
		gone[idOf(&d.AlertingManifest)] = d
	}
	var put []crontopus.DesiredAlerting
	news := false
	for _, d := range list {
		id := idOf(&d.AlertingManifest)
		was, ok := gone[id]
		changed := !ok || was.Digest() != d.Digest()
		if changed || was.Path != d.Path || was.Line != d.Line || was.Revision != d.Revision {
			put = append(put, d)
		}
		news = news || changed
		delete(gone, id)
	}
	if news || len(gone) > 0 { // first of all: who decides has the incidents before it looks at a channel
		if err := routeOpen(ctx, t, src.Tenant, now); err != nil {
			return err
		}
	}
	for id := range gone {
		if _, err := t.Exec(ctx, "DELETE FROM desired_alerting WHERE tenant_id = $1 AND kind = $2 AND namespace = $3 AND name = $4",
			src.Tenant, id.kind, id.name.Namespace, id.name.Name); err != nil {
			return err
		}
	}
	return putAlerting(ctx, t, src, put)
}

// putAlerting writes manifests, unless another source owns the name of one.
func putAlerting(ctx context.Context, t tx, src crontopus.Source, list []crontopus.DesiredAlerting) error {
	type desired = crontopus.DesiredAlerting
	var v many
	withEach(&v, "tenant", "text", list, func(*desired) string { return string(src.Tenant) })
	withEach(&v, "source", "text", list, func(*desired) string { return src.ID })
	withEach(&v, "sort", "text", list, func(d *desired) string { return d.Kind() })
	withEach(&v, "space", "text", list, func(d *desired) string { return d.Metadata().Namespace })
	withEach(&v, "called", "text", list, func(d *desired) string { return d.Metadata().Name })
	taken, err := collectMany(ctx, t, func(r row, id *alertingID) error { return r.Scan(&id.kind, &id.name.Namespace, &id.name.Name) }, v, `
		SELECT a.kind, a.namespace, a.name FROM v CROSS JOIN desired_alerting a
		WHERE a.tenant_id = v.tenant AND a.kind = v.sort AND a.namespace = v.space AND a.name = v.called AND a.source_id <> v.source`)
	if err != nil {
		return err
	}
	if len(taken) > 0 {
		return crontopus.Errorf(crontopus.CodeConflict, "the %s %s belongs to another source", taken[0].kind, taken[0].name).
			WithHint("rename one of the two, or remove it from its first source")
	}
	withEach(&v, "path", "text", list, func(d *desired) string { return d.Path })
	withEach(&v, "line", "bigint", list, func(d *desired) int { return d.Line })
	withEach(&v, "revision", "text", list, func(d *desired) string { return d.Revision })
	withEach(&v, "body", "text", list, func(d *desired) string { return text(d.AlertingManifest) })
	_, err = execMany(ctx, t, v, `
		INSERT INTO desired_alerting (tenant_id, kind, namespace, name, source_id, path, line, revision, body)
		SELECT tenant, sort, space, called, source, path, line, revision, body FROM v WHERE true
		ON CONFLICT (tenant_id, kind, namespace, name) DO UPDATE SET path = excluded.path, line = excluded.line,
			revision = excluded.revision, body = excluded.body`)
	return err
}
