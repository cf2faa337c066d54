package store

import (
	"context"
	"errors"
	"time"

	"crontopus.dev/crontopus"
)

// dropAtOnce is how many runs one transaction deletes, so that check-ins wait for none for long.
const dropAtOnce = 500

// SystemPruneRuns deletes the runs of all tenants that are from before a time, and of each job those
// beyond its newest perJob; a zero value is no limit. It returns how many. Several servers may do it
// at once. What incidents say of their runs was copied, and stays.
func (s *Store) SystemPruneRuns(ctx context.Context, before time.Time, perJob int) (n int64, err error) {
	var tenants []crontopus.TenantID
	err = s.engine.read(ctx, scopeSetup, func(t tx) error {
		tenants, err = collect(ctx, t, scanOne[crontopus.TenantID], "SELECT id FROM tenants ORDER BY id")
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, tenant := range tenants {
		dropped, err := s.pruneOld(ctx, tenant, before)
		n += dropped
		if err == nil {
			dropped, err = s.pruneJobs(ctx, tenant, perJob)
			n += dropped
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (s *Store) pruneOld(ctx context.Context, tenant crontopus.TenantID, before time.Time) (int64, error) {
	if before.IsZero() {
		return 0, nil
	}
	return s.dropRuns(ctx, tenant, `
		DELETE FROM runs WHERE tenant_id = $1 AND id IN (
			SELECT id FROM runs WHERE tenant_id = $1 AND at < $2 ORDER BY at, id LIMIT $3)`, tenant, micros(before), dropAtOnce)
}

// pruneJobs goes through the tenant's jobs, removed ones too, page by page.
func (s *Store) pruneJobs(ctx context.Context, tenant crontopus.TenantID, perJob int) (n int64, err error) {
	if perJob <= 0 {
		return 0, nil
	}
	for last := (crontopus.JobName{}); ; {
		var jobs []crontopus.JobName
		err := s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
			jobs, err = collect(ctx, t, func(r row, j *crontopus.JobName) error { return r.Scan(&j.Namespace, &j.Name) }, `
				SELECT namespace, name FROM job_names WHERE tenant_id = $1 AND (namespace, name) > ($2, $3)
				ORDER BY namespace, name LIMIT 500`, tenant, last.Namespace, last.Name)
			return err
		})
		if err != nil || len(jobs) == 0 {
			return n, err
		}
		for _, job := range jobs {
			dropped, err := s.pruneJob(ctx, tenant, job, perJob)
			n += dropped
			if err != nil {
				return n, err
			}
		}
		last = jobs[len(jobs)-1]
	}
}

func (s *Store) pruneJob(ctx context.Context, tenant crontopus.TenantID, job crontopus.JobName, perJob int) (int64, error) {
	var at int64
	var id string
	err := s.engine.read(ctx, tenantScope(tenant), func(t tx) error { // the newest that is one too many
		return t.QueryRow(ctx, `
			SELECT at, id FROM runs WHERE tenant_id = $1 AND namespace = $2 AND name = $3
			ORDER BY at DESC, id DESC LIMIT 1 OFFSET $4`, tenant, job.Namespace, job.Name, perJob).Scan(&at, &id)
	})
	if errors.Is(err, errNoRow) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return s.dropRuns(ctx, tenant, `
		DELETE FROM runs WHERE tenant_id = $1 AND id IN (
			SELECT id FROM runs WHERE tenant_id = $1 AND namespace = $2 AND name = $3 AND (at, id) <= ($4, $5)
			ORDER BY at, id LIMIT $6)`, tenant, job.Namespace, job.Name, at, id, dropAtOnce)
}

// dropRuns repeats a deletion of at most dropAtOnce runs, each in a transaction of its own, until
// none is left.
func (s *Store) dropRuns(ctx context.Context, tenant crontopus.TenantID, query string, args ...any) (all int64, err error) {
	for {
		var n int64
		err := s.engine.write(ctx, tenantScope(tenant), func(t tx) (err error) {
			n, err = t.Exec(ctx, query, args...)
			return err
		})
		all += n
		if err != nil || n < dropAtOnce {
			return all, err
		}
	}
}
