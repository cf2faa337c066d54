package store

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"crontopus.dev/crontopus"
)

const selectDesired = `
	SELECT d.body, d.digest, d.source_id, d.path, d.line, d.revision, d.commit_info FROM desired_jobs d `

func scanDesired(r row, j *crontopus.DesiredJob) error {
	return r.Scan(document(&j.Job), &j.Digest, &j.SourceID, &j.Path, &j.Line, &j.Revision, document(&j.Commit))
}

// scanSealed reads a job that its source's seal vouches for: a body that is no JSON is an
// empty job, which no seal fits, rather than an error that would hide whose it is.
func scanSealed(r row, j *crontopus.DesiredJob) error {
	body, commit := "", ""
	err := r.Scan(&body, &j.Digest, &j.SourceID, &j.Path, &j.Line, &j.Revision, &commit)
	if err == nil && (json.Unmarshal([]byte(body), &j.Job) != nil || json.Unmarshal([]byte(commit), &j.Commit) != nil) {
		j.Job = crontopus.Job{}
	}
	return err
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
			return r.Scan(&d.SourceID, &d.Sequence, &d.Revision, &d.Seal)
		}, "SELECT source_id, sequence, revision, seal FROM desired_states WHERE tenant_id = $1 ORDER BY source_id", tenant)
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
	return collect(ctx, t, scanSealed, selectDesired+`
		WHERE d.tenant_id = $1 AND d.source_id = $2 ORDER BY d.namespace, d.name`, tenant, sourceID)
}

// writeDesired replaces a source's desired state, if d.Sequence is still the one that is
// stored (0 where none is). Only jobs that differ are written, unless what is stored is not
// to be trusted.
func writeDesired(ctx context.Context, t tx, src crontopus.Source, d crontopus.DesiredState, rewrite bool) error {
	if err := advanceState(ctx, t, src, d); err != nil {
		return err
	}
	if err := advanceDesired(ctx, t, src.Tenant); err != nil {
		return err
	}
	if rewrite {
		if _, err := t.Exec(ctx, "DELETE FROM desired_jobs WHERE tenant_id = $1 AND source_id = $2", src.Tenant, src.ID); err != nil {
			return err
		}
	}
	before, err := collect(ctx, t, func(r row, j *crontopus.DesiredJob) error {
		commit := ""
		err := r.Scan(&j.Job.Metadata.Namespace, &j.Job.Metadata.Name, &j.Digest, &j.Path, &j.Line, &j.Revision, &commit)
		_ = json.Unmarshal([]byte(commit), &j.Commit) // nonsense differs from any commit, so it is written anew
		return err
	}, `SELECT namespace, name, digest, path, line, revision, commit_info FROM desired_jobs
		WHERE tenant_id = $1 AND source_id = $2`, src.Tenant, src.ID) // not what they say: of 10,000 that takes longer than all the rest
	if err != nil {
		return err
	}
	old := make(map[crontopus.JobName]crontopus.DesiredJob, len(before))
	for _, j := range before {
		old[j.Job.Name()] = j
	}
	var changed []crontopus.DesiredJob
	for _, j := range d.Jobs {
		name := j.Job.Name()
		if was, ok := old[name]; !ok || !sameDesired(was, j) {
			changed = append(changed, j)
		}
		delete(old, name)
	}
	if err := deleteDesired(ctx, t, src.Tenant, slices.Collect(maps.Keys(old))); err != nil {
		return err
	}
	return putDesired(ctx, t, src, changed)
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
		INSERT INTO desired_states (tenant_id, source_id, sequence, revision, seal) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (tenant_id, source_id) DO UPDATE SET sequence = excluded.sequence, revision = excluded.revision,
			seal = excluded.seal`,
		src.Tenant, src.ID, has+1, d.Revision, append([]byte{}, d.Seal...))
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

func deleteDesired(ctx context.Context, t tx, tenant crontopus.TenantID, names []crontopus.JobName) error {
	var v many
	withEach(&v, "tenant", "text", names, func(*crontopus.JobName) string { return string(tenant) })
	withEach(&v, "space", "text", names, func(n *crontopus.JobName) string { return n.Namespace })
	withEach(&v, "job", "text", names, func(n *crontopus.JobName) string { return n.Name })
	_, err := execMany(ctx, t, v, "DELETE FROM desired_jobs WHERE (tenant_id, namespace, name) IN (SELECT tenant, space, job FROM v)")
	return err
}

// putDesired writes jobs, unless another source owns the name of one.
func putDesired(ctx context.Context, t tx, src crontopus.Source, jobs []crontopus.DesiredJob) error {
	type job = crontopus.DesiredJob
	var v many
	withEach(&v, "tenant", "text", jobs, func(*job) string { return string(src.Tenant) })
	withEach(&v, "source", "text", jobs, func(*job) string { return src.ID })
	withEach(&v, "space", "text", jobs, func(j *job) string { return j.Job.Metadata.Namespace })
	withEach(&v, "job", "text", jobs, func(j *job) string { return j.Job.Metadata.Name })
	taken, err := collectMany(ctx, t, func(r row, n *crontopus.JobName) error { return r.Scan(&n.Namespace, &n.Name) }, v, `
		SELECT d.namespace, d.name FROM v CROSS JOIN desired_jobs d
		WHERE d.tenant_id = v.tenant AND d.namespace = v.space AND d.name = v.job AND d.source_id <> v.source`)
	if err != nil {
		return err
	}
	if len(taken) > 0 {
		return crontopus.Errorf(crontopus.CodeConflict, "the job %s belongs to another source", taken[0]).
			WithHint("rename one of the two, or remove it from its first source")
	}
	if _, err := execMany(ctx, t, v, `
		INSERT INTO job_names (tenant_id, namespace, name) SELECT tenant, space, job FROM v WHERE true
		ON CONFLICT (tenant_id, namespace, name) DO NOTHING`); err != nil {
		return err
	}
	withEach(&v, "digest", "text", jobs, func(j *job) string { return j.Digest })
	withEach(&v, "path", "text", jobs, func(j *job) string { return j.Path })
	withEach(&v, "line", "bigint", jobs, func(j *job) int { return j.Line })
	withEach(&v, "revision", "text", jobs, func(j *job) string { return j.Revision })
	withEach(&v, "info", "text", jobs, func(j *job) string { return text(j.Commit) })
	withEach(&v, "body", "text", jobs, func(j *job) string { return text(j.Job) })
	_, err = execMany(ctx, t, v, `
		INSERT INTO desired_jobs (tenant_id, namespace, name, source_id, digest, path, line, revision, commit_info, body)
		SELECT tenant, space, job, source, digest, path, line, revision, info, body FROM v WHERE true
		ON CONFLICT (tenant_id, namespace, name) DO UPDATE SET digest = excluded.digest, path = excluded.path,
			line = excluded.line, revision = excluded.revision, commit_info = excluded.commit_info, body = excluded.body`)
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
