package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"crontopus.dev/crontopus"
)

// selectRuns reads runs without their output, which lists do not show and which may be
// large.
const (
	runColumns = `r.id, r.namespace, r.name, COALESCE(a.name, ''), r.state, r.scheduled_for, r.started_at,
		r.finished_at, r.exit_code, r.attempt, r.message, r.reason, r.revision, r.at`
	fromRuns   = " FROM runs r LEFT JOIN agents a ON a.tenant_id = r.tenant_id AND a.id = r.agent_id "
	selectRuns = "SELECT " + runColumns + fromRuns
)

// listedRun is a run and its place in lists.
type listedRun struct {
	crontopus.Run
	at int64
}

func scanRun(r row, run *listedRun, more ...any) error {
	err := r.Scan(append([]any{&run.ID, &run.Job.Namespace, &run.Job.Name, &run.Agent, &run.State, maybe(&run.ScheduledFor),
		maybe(&run.Started), maybe(&run.Finished), &run.ExitCode, &run.Attempt, &run.Message, &run.Reason, &run.Revision, &run.at}, more...)...)
	if run.Started != nil && run.Finished != nil {
		run.Duration = crontopus.Duration(max(0, run.Finished.Sub(*run.Started)))
	}
	return err
}

func scanListedRun(r row, run *listedRun) error { return scanRun(r, run) }

// Runs lists runs without output, the newest first.
func (s *Store) Runs(ctx context.Context, tenant crontopus.TenantID, f crontopus.RunFilter, p crontopus.Page) (list []crontopus.Run, next string, err error) {
	from, err := parseCursor(p, afterAll)
	if err != nil {
		return nil, "", err
	}
	var found []listedRun
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		where, args := runConditions(tenant, f)
		where.add("(r.at, r.id) < (%s, %s)", &args, from.At, from.Text)
		query := selectRuns + where.String() + fmt.Sprintf(" ORDER BY r.at DESC, r.id DESC LIMIT $%d", len(args)+1)
		found, err = collect(ctx, t, scanListedRun, query, append(args, limit(p))...)
		return err
	})
	found, next = cut(found, p, func(r *listedRun) cursor { return cursor{At: r.at, Text: r.ID} })
	list = make([]crontopus.Run, len(found))
	for i := range found {
		list[i] = found[i].Run
	}
	return list, next, err
}

func runConditions(tenant crontopus.TenantID, f crontopus.RunFilter) (w conditions, args []any) {
	w.add("r.tenant_id = %s", &args, tenant)
	if f.Job != nil {
		w.add("r.namespace = %s AND r.name = %s", &args, f.Job.Namespace, f.Job.Name)
	}
	if f.Agent != "" {
		w.add("r.agent_id IN (SELECT id FROM agents WHERE tenant_id = r.tenant_id AND name = %s)", &args, f.Agent)
	}
	if f.Namespace != "" {
		w.add("r.namespace = %s", &args, f.Namespace)
	}
	if f.State != "" {
		w.add("r.state = %s", &args, f.State)
	}
	if f.State == crontopus.RunFailed || f.State == crontopus.RunTimedOut {
		w.add("r.state IN ('failed', 'timedOut')", &args) // as the index runs_bad says it: few are read
	}
	if !f.Since.IsZero() {
		w.add("r.at >= %s", &args, micros(f.Since))
	}
	if !f.Until.IsZero() {
		w.add("r.at < %s", &args, micros(f.Until))
	}
	return w, args
}

// conditions is a WHERE clause in the making.
type conditions []string

// add appends a condition in which each %s stands for one of the values.
func (c *conditions) add(format string, args *[]any, values ...any) {
	names := make([]any, len(values))
	for i := range values {
		names[i] = fmt.Sprintf("$%d", len(*args)+1+i)
	}
	*args = append(*args, values...)
	*c = append(*c, fmt.Sprintf(format, names...))
}

func (c conditions) String() string { return "WHERE " + strings.Join(c, " AND ") }

// Run returns one run with its output.
func (s *Store) Run(ctx context.Context, tenant crontopus.TenantID, id string) (crontopus.Run, error) {
	var run listedRun
	err := s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		return scanRun(t.QueryRow(ctx, "SELECT "+runColumns+", r.output"+fromRuns+`
			WHERE r.tenant_id = $1 AND r.id = $2`, tenant, id), &run, blob(&run.Output))
	})
	if errors.Is(err, errNoRow) {
		err = crontopus.Errorf(crontopus.CodeNotFound, "there is no run %q", id)
	}
	return run.Run, err
}

// LastRuns returns the newest run of each job that has one, without output.
func (s *Store) LastRuns(ctx context.Context, tenant crontopus.TenantID, jobs []crontopus.JobName) (map[crontopus.JobName]crontopus.Run, error) {
	last := make(map[crontopus.JobName]crontopus.Run, len(jobs))
	err := s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		for _, job := range jobs {
			var run listedRun
			err := scanRun(t.QueryRow(ctx, selectRuns+`
				WHERE r.tenant_id = $1 AND r.namespace = $2 AND r.name = $3
				ORDER BY r.at DESC, r.id DESC LIMIT 1`, tenant, job.Namespace, job.Name), &run)
			if errors.Is(err, errNoRow) {
				continue
			}
			if err != nil {
				return err
			}
			last[job] = run.Run
		}
		return nil
	})
	return last, err
}
