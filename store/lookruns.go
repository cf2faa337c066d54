package store

import (
	"context"
	"fmt"
	"time"

	"crontopus.dev/crontopus"
)

const neighbourRuns = 20 // of a job, the newest, among which those of this host and of others are found

// watchedRun is a run with its output, and the watch that asks for it.
type watchedRun struct {
	crontopus.Run
	key watchKey
	at  int64 // when it was first heard of, in microseconds
}

const watchedRunColumns = `r.id, r.namespace, r.name, r.state, r.scheduled_for, r.started_at, r.finished_at, r.exit_code,
	r.attempt, r.message, r.reason, r.revision, r.output, r.at, v.tenant, v.watch`

func scanWatchedRun(r row, run *watchedRun) error {
	err := r.Scan(&run.ID, &run.Job.Namespace, &run.Job.Name, &run.State, maybe(&run.ScheduledFor), maybe(&run.Started),
		maybe(&run.Finished), &run.ExitCode, &run.Attempt, &run.Message, &run.Reason, &run.Revision, blob(&run.Output), &run.at, &run.key.tenant, &run.key.id)
	if run.Started != nil && run.Finished != nil {
		run.Duration = crontopus.Duration(max(0, run.Finished.Sub(*run.Started)))
	}
	return err
}

// runs reads those that watches wait for: of instants, and by id.
func (f *facts) runs(ctx context.Context) error {
	type asked struct {
		l   *crontopus.Look
		due time.Time
		id  string
	}
	var instants, ids []asked
	for i := range f.looks {
		l := &f.looks[i]
		for _, list := range [][]time.Time{l.Watch.State.Due, l.Watch.State.Missed, l.Watch.State.OnHost} {
			for _, d := range list {
				if !d.After(f.now) {
					instants = append(instants, asked{l: l, due: d})
				}
			}
		}
		for _, id := range l.Watch.State.Running {
			ids = append(ids, asked{l: l, id: id})
		}
	}
	table := func(list []asked) (v many) {
		withEach(&v, "tenant", "text", list, func(a *asked) string { return string(a.l.Watch.Tenant) })
		withEach(&v, "watch", "text", list, func(a *asked) string { return a.l.Watch.ID })
		return v
	}
	v := table(instants)
	withEach(&v, "space", "text", instants, func(a *asked) string { return a.l.Watch.Job.Namespace })
	withEach(&v, "job", "text", instants, func(a *asked) string { return a.l.Watch.Job.Name })
	withEach(&v, "agent", "text", instants, func(a *asked) string { return a.l.Watch.AgentID })
	withEach(&v, "due", "bigint", instants, func(a *asked) int64 { return micros(a.due) })
	if err := f.collect(ctx, v, `r.tenant_id = v.tenant AND r.namespace = v.space AND r.name = v.job AND r.scheduled_for = v.due AND r.agent_id = v.agent`, false); err != nil {
		return err
	}
	v = table(ids)
	withEach(&v, "run", "text", ids, func(a *asked) string { return a.id })
	return f.collect(ctx, v, `r.tenant_id = v.tenant AND r.id = v.run`, false)
}

func (f *facts) collect(ctx context.Context, v many, on string, signals bool) error {
	from := "v CROSS JOIN runs r"
	if signals {
		from = "v CROSS JOIN signals s CROSS JOIN runs r"
	}
	all, err := collectMany(ctx, f.t, scanWatchedRun, v, "SELECT "+watchedRunColumns+" FROM "+from+" WHERE "+on)
	for i := range all {
		l := f.at[all[i].key]
		if l.Agent != nil {
			all[i].Agent = l.Agent.Name
		} else {
			notAhead(&all[i].Run, all[i].at, f.now)
		}
		if signals {
			l.Signals = append(l.Signals, all[i].Run)
		} else {
			l.Runs = append(l.Runs, all[i].Run)
		}
	}
	return err
}

func (f *facts) signals(ctx context.Context) error {
	v, _ := f.watched(func(l *crontopus.Look) bool { return l.Watch.Kind == crontopus.WatchEntry })
	return f.collect(ctx, v, `s.tenant_id = v.tenant AND s.watch_id = v.watch AND r.tenant_id = s.tenant_id AND r.id = s.run_id`, true)
}

// notAhead has a run's times that have not come yet be when it was first heard of: a clock that is ahead, by ten
// years perhaps, must put off neither the next ping that is expected nor that its run takes too long.
func notAhead(r *crontopus.Run, at int64, now time.Time) {
	heard := time.UnixMicro(at).UTC()
	for _, at := range []**time.Time{&r.Started, &r.Finished} {
		if *at != nil && (*at).After(now) {
			*at = &heard
		}
	}
}

// neighbours reads an entry's last run, and how the job fares on other hosts, where something
// looks wrong; and the newest ping of a job without an agent.
func (f *facts) neighbours(ctx context.Context) error {
	for i := range f.looks {
		l := &f.looks[i]
		if !f.suspicious(l) && (l.Watch.Kind != crontopus.WatchEntry || l.Watch.AgentID != "") {
			continue
		}
		runs, err := collect(ctx, f.t, scanListedRun, selectRuns+fmt.Sprintf(`
			WHERE r.tenant_id = $1 AND r.namespace = $2 AND r.name = $3 ORDER BY r.at DESC, r.id DESC LIMIT %d`, neighbourRuns),
			l.Watch.Tenant, l.Watch.Job.Namespace, l.Watch.Job.Name)
		if err != nil {
			return err
		}
		own := ""
		if l.Agent != nil {
			own = l.Agent.Name
		}
		told := map[string]bool{}
		for j := range runs {
			switch r := &runs[j].Run; {
			case r.Agent == own && l.Newest == nil:
				l.Newest = r
				if l.Watch.AgentID == "" {
					notAhead(r, runs[j].at, f.now)
				}
			case r.Agent != own && !told[r.Agent] && len(l.Elsewhere) < 3:
				told[r.Agent] = true
				l.Elsewhere = append(l.Elsewhere, *r)
			}
		}
	}
	return nil
}
