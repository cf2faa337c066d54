package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"crontopus.dev/crontopus"
)

const selectDesired = `
	SELECT d.body, d.digest, d.source_id, d.path, d.line, d.revision, d.commit_info FROM desired_jobs d `

func scanDesired(r row, j *crontopus.DesiredJob) error {
	return r.Scan(document(&j.Job), &j.Digest, &j.SourceID, &j.Path, &j.Line, &j.Revision, document(&j.Commit))
}

// scanSealed reads a job that its source's seal vouches for. Digest is that of the body, whatever
// stands beside it. A body that is no JSON is an empty job, which no seal fits, rather than an
// error that would hide whose it is.
func scanSealed(r row, j *crontopus.DesiredJob) error {
	body, commit := "", ""
	err := r.Scan(&body, &j.Digest, &j.SourceID, &j.Path, &j.Line, &j.Revision, &commit)
	if err != nil {
		return err
	}
	if json.Unmarshal([]byte(body), &j.Job) != nil || json.Unmarshal([]byte(commit), &j.Commit) != nil {
		j.Job = crontopus.Job{}
	}
	if sum := sha256.Sum256([]byte(body)); hex.EncodeToString(sum[:]) != j.Digest {
		j.Digest = j.Job.Digest() // not what we wrote, byte for byte
	}
	return nil
}

// DesiredSet returns the desired state of all sources at one moment.
func (s *Store) DesiredSet(ctx context.Context, tenant crontopus.TenantID) (crontopus.DesiredSet, error) {
	return s.DesiredSince(ctx, tenant, nil)
}

// DesiredSince is DesiredSet for who knows the states of some sources at a sequence: of their
// jobs, only those come that were written since. What is gone since, the seal tells.
func (s *Store) DesiredSince(ctx context.Context, tenant crontopus.TenantID, known map[string]int64) (set crontopus.DesiredSet, err error) {
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
		for i := range set.States {
			state := &set.States[i]
			since, isKnown := known[state.SourceID]
			if err != nil || isKnown && since == state.Sequence {
				continue
			}
			state.Jobs, err = desiredJobs(ctx, t, tenant, state.SourceID, since)
		}
		return err
	})
	return set, err
}

// desiredJobs reads a source's jobs that were written after a sequence, all of them after 0.
func desiredJobs(ctx context.Context, t tx, tenant crontopus.TenantID, sourceID string, since int64) ([]crontopus.DesiredJob, error) {
	where := "WHERE d.tenant_id = $1 AND d.source_id = $2 "
	if since == 0 {
		return collect(ctx, t, scanSealed, selectDesired+where+"ORDER BY d.namespace, d.name", tenant, sourceID)
	}
	return collect(ctx, t, scanSealed, selectDesired+where+"AND d.sequence > $3 ORDER BY d.namespace, d.name", tenant, sourceID, since)
}

// writeDesired replaces a source's desired state, if its sequence is still the one that is
// stored (0 where none is). Only jobs that differ are written, unless what is stored is not
// to be trusted.
func writeDesired(ctx context.Context, t tx, src crontopus.Source, o crontopus.SyncOutcome, now time.Time) (err error) {
	if err := advanceState(ctx, t, src, *o.Desired); err != nil {
		return err
	}
	if err := advanceDesired(ctx, t, src.Tenant); err != nil {
		return err
	}
	delta := o.Delta
	switch {
	case o.Rewrite:
		delta = &crontopus.DesiredDelta{Put: o.Desired.Jobs}
		_, err = t.Exec(ctx, "DELETE FROM desired_jobs WHERE tenant_id = $1 AND source_id = $2", src.Tenant, src.ID)
	case delta == nil:
		delta, err = compareDesired(ctx, t, src, o.Desired.Jobs)
	}
	if err != nil {
		return err
	}
	if err := deleteDesired(ctx, t, src, delta.Gone); err != nil {
		return err
	}
	if err := putDesired(ctx, t, src, o.Desired.Sequence+1, delta.Put); err != nil {
		return err
	}
	if err := wakeEntries(ctx, t, src.Tenant, delta.Names(), now); err != nil {
		return err
	}
	if err := watchPingJobs(ctx, t, src.Tenant, delta.Put, now); err != nil {
		return err
	}
	return writeAlerting(ctx, t, src, o.Alerting, now)
}

// compareDesired finds how jobs differ from those that are stored. It does not look at what
// they say: of 10,000 that takes longer than all the rest.
func compareDesired(ctx context.Context, t tx, src crontopus.Source, jobs []crontopus.DesiredJob) (*crontopus.DesiredDelta, error) {
	before, err := collect(ctx, t, func(r row, j *crontopus.DesiredJob) error {
		commit := ""
		err := r.Scan(&j.Job.Metadata.Namespace, &j.Job.Metadata.Name, &j.Digest, &j.Path, &j.Line, &j.Revision, &commit)
		_ = json.Unmarshal([]byte(commit), &j.Commit) // nonsense differs from any commit, so it is written anew
		return err
	}, `SELECT namespace, name, digest, path, line, revision, commit_info FROM desired_jobs
		WHERE tenant_id = $1 AND source_id = $2`, src.Tenant, src.ID)
	if err != nil {
		return nil, err
	}
	old := make(map[crontopus.JobName]crontopus.DesiredJob, len(before))
	for _, j := range before {
		old[j.Job.Name()] = j
	}
	delta := &crontopus.DesiredDelta{}
	for _, j := range jobs {
		name := j.Job.Name()
		if was, ok := old[name]; !ok || !sameDesired(was, j) {
			delta.Put = append(delta.Put, j)
		}
		delete(old, name)
	}
	delta.Gone = slices.Collect(maps.Keys(old))
	return delta, nil
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

func deleteDesired(ctx context.Context, t tx, src crontopus.Source, names []crontopus.JobName) error {
	var v many
	withEach(&v, "tenant", "text", names, func(*crontopus.JobName) string { return string(src.Tenant) })
	withEach(&v, "source", "text", names, func(*crontopus.JobName) string { return src.ID })
	withEach(&v, "space", "text", names, func(n *crontopus.JobName) string { return n.Namespace })
	withEach(&v, "job", "text", names, func(n *crontopus.JobName) string { return n.Name })
	_, err := execMany(ctx, t, v, `
		DELETE FROM desired_jobs WHERE (tenant_id, namespace, name, source_id) IN (SELECT tenant, space, job, source FROM v)`)
	return err
}

// putDesired writes jobs as of a sequence, unless another source owns the name of one.
func putDesired(ctx context.Context, t tx, src crontopus.Source, sequence int64, jobs []crontopus.DesiredJob) error {
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
	withEach(&v, "sequence", "bigint", jobs, func(*job) int64 { return sequence })
	withEach(&v, "path", "text", jobs, func(j *job) string { return j.Path })
	withEach(&v, "line", "bigint", jobs, func(j *job) int { return j.Line })
	withEach(&v, "revision", "text", jobs, func(j *job) string { return j.Revision })
	withEach(&v, "info", "text", jobs, func(j *job) string { return text(j.Commit) })
	withEach(&v, "body", "text", jobs, func(j *job) string { return text(j.Job) })
	_, err = execMany(ctx, t, v, `
		INSERT INTO desired_jobs (tenant_id, namespace, name, source_id, sequence, digest, path, line, revision, commit_info, body)
		SELECT tenant, space, job, source, sequence, digest, path, line, revision, info, body FROM v WHERE true
		ON CONFLICT (tenant_id, namespace, name) DO UPDATE SET digest = excluded.digest, sequence = excluded.sequence, path = excluded.path,
			line = excluded.line, revision = excluded.revision, commit_info = excluded.commit_info, body = excluded.body`)
	return err
}

// DropSource ends a source that RemoveSource marked: its jobs and what it says of alerting leave
// the desired state, the agents are marked, and the name is free again.
func (s *Store) DropSource(ctx context.Context, tenant crontopus.TenantID, sourceID string, agents []string) error {
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		src, err := lockSource(ctx, t, sourceID, "WHERE tenant_id = $1 AND id = $2", tenant, sourceID)
		if err != nil {
			return err
		}
		if src.RemovedAt == nil {
			return crontopus.Errorf(crontopus.CodeConflict, "the source %q was not removed", src.Name)
		}
		if err := wakePingJobsOf(ctx, t, tenant, sourceID, s.now()); err != nil {
			return err
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
