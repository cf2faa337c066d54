package store

import (
	"context"
	"errors"

	"crontopus.dev/crontopus"
)

const selectDesired = `
	SELECT d.body, d.digest, d.source_id, d.path, d.line, d.revision, d.commit_info FROM desired_jobs d `

func scanDesired(r row, j *crontopus.DesiredJob) error {
	return r.Scan(document(&j.Job), &j.Digest, &j.SourceID, &j.Path, &j.Line, &j.Revision, document(&j.Commit))
}

// DesiredSet returns the desired state of all sources at one moment.
func (s *Store) DesiredSet(ctx context.Context, tenant crontopus.TenantID) (set crontopus.DesiredSet, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		err := t.QueryRow(ctx, "SELECT desired_sequence FROM tenants WHERE id = $1", tenant).Scan(&set.Sequence)
		if errors.Is(err, errNoRow) {
			return noTenant(tenant)
		}
		if err != nil {
			return err
		}
		set.States, err = collect(ctx, t, func(r row, d *crontopus.DesiredState) error {
			return r.Scan(&d.SourceID, &d.Sequence, &d.Revision)
		}, "SELECT source_id, sequence, revision FROM desired_states WHERE tenant_id = $1 ORDER BY source_id", tenant)
		if err != nil {
			return err
		}
		for i := range set.States {
			set.States[i].Jobs, err = desiredJobs(ctx, t, tenant, set.States[i].SourceID)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return set, err
}

func desiredJobs(ctx context.Context, t tx, tenant crontopus.TenantID, sourceID string) ([]crontopus.DesiredJob, error) {
	return collect(ctx, t, scanDesired, selectDesired+`
		WHERE d.tenant_id = $1 AND d.source_id = $2 ORDER BY d.namespace, d.name`, tenant, sourceID)
}

// writeDesired replaces a source's desired state, if d.Sequence is still the one that is
// stored (0 where none is). Only jobs that differ are written.
func writeDesired(ctx context.Context, t tx, src crontopus.Source, d crontopus.DesiredState) error {
	if err := advanceState(ctx, t, src, d); err != nil {
		return err
	}
	if err := advanceDesired(ctx, t, src.Tenant); err != nil {
		return err
	}
	before, err := desiredJobs(ctx, t, src.Tenant, src.ID)
	if err != nil {
		return err
	}
	old := make(map[crontopus.JobName]crontopus.DesiredJob, len(before))
	for _, j := range before {
		old[j.Job.Name()] = j
	}
	keep := make(map[crontopus.JobName]bool, len(d.Jobs))
	for _, j := range d.Jobs {
		keep[j.Job.Name()] = true
	}
	for name := range old { // first, so that a job may move in what was one transaction of Git
		if !keep[name] {
			if err := deleteDesired(ctx, t, src.Tenant, name); err != nil {
				return err
			}
		}
	}
	for _, j := range d.Jobs {
		if was, ok := old[j.Job.Name()]; ok && sameDesired(was, j) {
			continue
		}
		if err := putDesired(ctx, t, src, j); err != nil {
			return err
		}
	}
	return nil
}

// advanceState is the compare-and-swap on a source's sequence.
func advanceState(ctx context.Context, t tx, src crontopus.Source, d crontopus.DesiredState) error {
	var has int64
	err := t.QueryRow(ctx, "SELECT sequence FROM desired_states WHERE tenant_id = $1 AND source_id = $2",
		src.Tenant, src.ID).Scan(&has)
	if err != nil && !errors.Is(err, errNoRow) {
		return err
	}
	if has != d.Sequence {
		return crontopus.Errorf(crontopus.CodeConflict,
			"the desired state of the source %q changed meanwhile (%d was read, %d is stored)", src.Name, d.Sequence, has).
			WithHint("sync again")
	}
	_, err = t.Exec(ctx, `
		INSERT INTO desired_states (tenant_id, source_id, sequence, revision) VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant_id, source_id) DO UPDATE SET sequence = excluded.sequence, revision = excluded.revision`,
		src.Tenant, src.ID, has+1, d.Revision)
	return err
}

// advanceDesired tells publishers that what they compiled from is no longer the newest.
func advanceDesired(ctx context.Context, t tx, tenant crontopus.TenantID) error {
	_, err := t.Exec(ctx, "UPDATE tenants SET desired_sequence = desired_sequence + 1 WHERE id = $1", tenant)
	return err
}

// sameDesired compares all but what the digest stands for.
func sameDesired(a, b crontopus.DesiredJob) bool {
	return a.Digest == b.Digest && a.Path == b.Path && a.Line == b.Line && a.Revision == b.Revision &&
		a.Commit.Hash == b.Commit.Hash
}

func deleteDesired(ctx context.Context, t tx, tenant crontopus.TenantID, name crontopus.JobName) error {
	_, err := t.Exec(ctx, "DELETE FROM desired_jobs WHERE tenant_id = $1 AND namespace = $2 AND name = $3",
		tenant, name.Namespace, name.Name)
	return err
}

// putDesired writes one job, unless another source owns its name.
func putDesired(ctx context.Context, t tx, src crontopus.Source, j crontopus.DesiredJob) error {
	name := j.Job.Name()
	_, err := t.Exec(ctx, `
		INSERT INTO job_names (tenant_id, namespace, name) VALUES ($1, $2, $3)
		ON CONFLICT (tenant_id, namespace, name) DO NOTHING`, src.Tenant, name.Namespace, name.Name)
	if err != nil {
		return err
	}
	n, err := t.Exec(ctx, `
		INSERT INTO desired_jobs (tenant_id, namespace, name, source_id, digest, path, line, revision, commit_info, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (tenant_id, namespace, name) DO UPDATE SET digest = excluded.digest, path = excluded.path,
			line = excluded.line, revision = excluded.revision, commit_info = excluded.commit_info, body = excluded.body
		WHERE desired_jobs.source_id = excluded.source_id`,
		src.Tenant, name.Namespace, name.Name, src.ID, j.Digest, j.Path, j.Line, j.Revision, text(j.Commit), text(j.Job))
	if err == nil && n == 0 {
		err = crontopus.Errorf(crontopus.CodeConflict, "the job %s belongs to another source", name).
			WithHint("rename one of the two, or remove it from its first source")
	}
	return err
}

// DropSource ends a source that RemoveSource marked: its jobs leave the desired state, the
// agents are marked, and the name is free again.
func (s *Store) DropSource(ctx context.Context, tenant crontopus.TenantID, sourceID string, agents []string) error {
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		src, err := lockSource(ctx, t, sourceID, "WHERE tenant_id = $1 AND id = $2", tenant, sourceID)
		if err != nil {
			return err
		}
		if src.RemovedAt == nil {
			return crontopus.Errorf(crontopus.CodeConflict, "the source %q was not removed", src.Name)
		}
		if _, err := t.Exec(ctx, "DELETE FROM sources WHERE tenant_id = $1 AND id = $2", tenant, sourceID); err != nil {
			return err
		}
		if err := advanceDesired(ctx, t, tenant); err != nil {
			return err
		}
		return mark(ctx, t, tenant, agents...)
	})
}
