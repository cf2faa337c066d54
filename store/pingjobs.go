package store

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
)

// watchPingJobs gives each of the jobs that has no agent an address to check in at, which it keeps
// for good, and a watch.
func watchPingJobs(ctx context.Context, t tx, tenant crontopus.TenantID, jobs []crontopus.DesiredJob, now time.Time) error {
	type job = crontopus.DesiredJob
	jobs = slices.DeleteFunc(slices.Clone(jobs), func(j job) bool { return !j.Job.Spec.Target.Ping })
	var v many
	withEach(&v, "tenant", "text", jobs, func(*job) string { return string(tenant) })
	withEach(&v, "space", "text", jobs, func(j *job) string { return j.Job.Metadata.Namespace })
	withEach(&v, "job", "text", jobs, func(j *job) string { return j.Job.Metadata.Name })
	withEach(&v, "address", "text", jobs, func(*job) string { return uuid.NewString() })
	withEach(&v, "watch", "text", jobs, func(j *job) string { return crontopus.EntryWatchID(j.Job.Name(), "") })
	withEach(&v, "look", "bigint", jobs, func(*job) int64 { return micros(now) })
	if _, err := execMany(ctx, t, v, `
		INSERT INTO ping_urls (tenant_id, namespace, name, id, created_at) SELECT tenant, space, job, address, look FROM v WHERE true
		ON CONFLICT (tenant_id, namespace, name) DO NOTHING`); err != nil {
		return err
	}
	_, err := execMany(ctx, t, v, `
		INSERT INTO watches (tenant_id, id, kind, namespace, name, agent_id, source_id, look_at, alert, state)
		SELECT tenant, watch, 'entry', space, job, '', '', look, 0, '{}' FROM v WHERE true
		ON CONFLICT (tenant_id, id) DO UPDATE SET look_at = excluded.look_at`)
	return err
}

// wakePingJobsOf has the watches looked at of all jobs without an agent of a source that goes.
func wakePingJobsOf(ctx context.Context, t tx, tenant crontopus.TenantID, sourceID string, now time.Time) error {
	_, err := t.Exec(ctx, `
		UPDATE watches SET look_at = $1 WHERE tenant_id = $2 AND kind = 'entry' AND agent_id = ''
			AND (namespace, name) IN (SELECT namespace, name FROM desired_jobs WHERE tenant_id = $2 AND source_id = $3)`,
		micros(now), tenant, sourceID)
	return err
}
