package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"crontopus.dev/crontopus"
)

// fold takes the check-ins of many senders into runs. It begins as if there were none yet: most
// are a run's first word. What turns out to be about runs that exist is folded again from
// them: they are read in a few statements, the folding happens in memory, and what changed is
// written in two.
type fold struct {
	now   time.Time
	keep  time.Duration // how long runs will be kept
	items []item
	heart *byHeart
	may   map[grant]bool            // what was in a bundle of the agent, or with no agent, what the tenant ever had
	byID  map[rowKey]*runKept       // nil: there is none yet
	byDue map[dueKey]*runKept       // the same
	saved map[rowKey]*crontopus.Run // the runs as the database has them
	told  []*runKept                // that were written, for who follows
	news  []*runKept                // those of them that the detector must hear
}

// item is one check-in on its way.
type item struct {
	crontopus.CheckIn
	tenant  crontopus.TenantID
	agentID string
	proof   *proof // of a ping
	result  *error
	run     *runKept // that it was folded into; nil if it was refused
}

// dueKey is what a schedule starts one run for.
type dueKey struct {
	grant
	at int64
}

// runKept is a run as check-ins are folded into it.
type runKept struct {
	crontopus.Run
	tenant  crontopus.TenantID
	agentID string
	at      int64 // its place in lists
	wrong   bool  // something is wrong with its entry, as far as the database knows
}

func (r *runKept) key() rowKey { return rowKey{r.tenant, r.ID} }

func (i *item) key() rowKey { return rowKey{i.tenant, i.RunID} }

func (i *item) grant() grant { return grant{i.tenant, i.agentID, i.Job} }

// due is the instant's key. Only an agent has a schedule.
func (i *item) due() (dueKey, bool) {
	if i.agentID == "" || i.ScheduledFor == nil {
		return dueKey{}, false
	}
	return dueKey{i.grant(), micros(*i.ScheduledFor)}, true
}

// newFold takes what can be stored; the rest has its answer.
func newFold(now time.Time, keep time.Duration, submissions []*submission) *fold {
	f := emptyFold(now, keep)
	for _, s := range submissions {
		s.results = make([]error, len(s.list))
		for i, c := range s.list {
			c, err := tidy(c)
			if err != nil {
				s.results[i] = err
				continue
			}
			f.items = append(f.items, item{CheckIn: c, tenant: s.tenant, agentID: s.agentID, proof: s.proof, result: &s.results[i]})
		}
	}
	return f
}

func emptyFold(now time.Time, keep time.Duration) *fold {
	return &fold{now: now, keep: keep, may: map[grant]bool{}, byID: map[rowKey]*runKept{}, byDue: map[dueKey]*runKept{}, saved: map[rowKey]*crontopus.Run{}}
}

// writeFresh writes the runs that do not exist, and returns a fold of the check-ins that are
// about those which do.
func (f *fold) writeFresh(ctx context.Context, t tx) (*fold, error) {
	f.apply()
	fresh, err := f.insert(ctx, t, slices.Collect(maps.Values(f.byID)))
	if err != nil {
		return nil, err
	}
	written := make(map[*runKept]bool, len(fresh))
	for _, run := range fresh {
		written[run] = true
	}
	rest := emptyFold(f.now, f.keep)
	rest.heart, rest.may = f.heart, f.may
	for _, i := range f.items {
		if written[i.run] || !f.may[i.grant()] {
			continue
		}
		i.run, *i.result = nil, nil
		rest.items = append(rest.items, i)
	}
	return rest, nil
}

// read reads and locks what the check-ins are about.
func (f *fold) read(ctx context.Context, t tx) error {
	for i := range f.items {
		f.byID[f.items[i].key()] = nil
	}
	var v many
	keys := slices.SortedFunc(maps.Keys(f.byID), func(a, b rowKey) int { return cmp.Compare(a.id, b.id) })
	withEach(&v, "tenant", "text", keys, func(k *rowKey) string { return string(k.tenant) })
	withEach(&v, "run", "text", keys, func(k *rowKey) string { return k.id })
	if err := f.readRuns(ctx, t, v, "r.tenant_id = v.tenant AND r.id = v.run"); err != nil {
		return err
	}
	for i := range f.items {
		run := f.byID[f.items[i].key()]
		if due, ok := f.items[i].due(); ok && (run == nil || run.ScheduledFor == nil) {
			if _, known := f.byDue[due]; !known {
				f.byDue[due] = nil
			}
		}
	}
	return f.readDue(ctx, t)
}

// readDue reads the runs of the instants that check-ins name, where those are not known yet.
func (f *fold) readDue(ctx context.Context, t tx) error {
	var keys []dueKey
	for k, run := range f.byDue {
		if run == nil {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b dueKey) int { return cmp.Compare(a.at, b.at) })
	var v many
	withEach(&v, "tenant", "text", keys, func(k *dueKey) string { return string(k.tenant) })
	withEach(&v, "agent", "text", keys, func(k *dueKey) string { return k.agentID })
	withEach(&v, "space", "text", keys, func(k *dueKey) string { return k.job.Namespace })
	withEach(&v, "job", "text", keys, func(k *dueKey) string { return k.job.Name })
	withEach(&v, "due", "bigint", keys, func(k *dueKey) int64 { return k.at })
	return f.readRuns(ctx, t, v, `r.tenant_id = v.tenant AND r.namespace = v.space AND r.name = v.job AND r.agent_id = v.agent
		AND r.scheduled_for = v.due`)
}

// readRuns reads the runs that the condition joins with values. CROSS JOIN tells SQLite to
// begin with the values; to PostgreSQL it is a join like any other.
func (f *fold) readRuns(ctx context.Context, t tx, v many, on string) error {
	found, err := collectMany(ctx, t, scanKept, v, `
		SELECT r.tenant_id, COALESCE(r.agent_id, ''), r.id, r.namespace, r.name, r.state, r.scheduled_for, r.started_at,
			r.finished_at, r.exit_code, r.attempt, r.message, r.reason, r.revision, r.at, r.output
		FROM v CROSS JOIN runs r WHERE `+on+t.ForUpdate("r"))
	for i := range found {
		run := &found[i]
		if f.saved[run.key()] != nil {
			continue // found by its id before
		}
		as := run.Run
		f.saved[run.key()] = &as
		f.know(run)
	}
	return err
}

func scanKept(r row, k *runKept) error {
	return r.Scan(&k.tenant, &k.agentID, &k.ID, &k.Job.Namespace, &k.Job.Name, &k.State, maybe(&k.ScheduledFor),
		maybe(&k.Started), maybe(&k.Finished), &k.ExitCode, &k.Attempt, &k.Message, &k.Reason, &k.Revision, &k.at, blob(&k.Output))
}

// know remembers a run under what it may be found by.
func (f *fold) know(run *runKept) {
	f.byID[run.key()] = run
	if run.agentID != "" && run.ScheduledFor != nil {
		f.byDue[dueKey{grant{run.tenant, run.agentID, run.Job}, micros(*run.ScheduledFor)}] = run
	}
}

// apply folds the check-ins into the runs, in their order.
func (f *fold) apply() {
	for i := range f.items {
		f.items[i].run, *f.items[i].result = f.one(&f.items[i])
	}
}

func (f *fold) one(i *item) (*runKept, error) {
	g := i.grant()
	if !f.may[g] {
		g.agentID = ""
		if i.agentID == "" || !f.may[g] {
			return nil, noJob(i.Job)
		}
		return nil, crontopus.Errorf(crontopus.CodeForbidden, "the job %s was in no bundle of this agent", i.Job)
	}
	due, scheduled := i.due()
	run := f.byID[i.key()]
	if run == nil && scheduled { // there is one for a job, an agent and an instant
		run = f.byDue[due]
	}
	switch {
	case run == nil:
		run = &runKept{Run: crontopus.NewRun(i.CheckIn, ""), tenant: i.tenant, agentID: i.agentID, at: micros(place(i.CheckIn, f.now, f.keep))}
		f.know(run)
		return run, nil
	case run.Job != i.Job || run.agentID != i.agentID:
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "the run id %s belongs to another run", i.RunID)
	case run.ScheduledFor == nil && scheduled && f.byDue[due] != nil:
		i.ScheduledFor = nil // another run has it
	}
	c := i.CheckIn
	if i.proof != nil && c.Event.Final() && !run.Ended() {
		c.Output = further(run.Output, c.Output) // after what pings logged on the way
	}
	run.Apply(c)
	f.know(run)
	return run, nil
}

// write writes the runs that are new, and those that changed. That another server was first
// with one of them shows in what is written, and the fold begins anew.
func (f *fold) write(ctx context.Context, t tx) error {
	var fresh, changed []*runKept
	for key, run := range f.byID {
		switch was := f.saved[key]; {
		case run == nil:
		case was == nil:
			fresh = append(fresh, run)
		case !sameRun(*was, run.Run):
			changed = append(changed, run)
		}
	}
	written, err := f.insert(ctx, t, fresh)
	if err != nil {
		return err
	}
	if len(written) != len(fresh) {
		return unavailable(errRaced)
	}
	n, err := execMany(ctx, t, runTable(changed), `
		UPDATE runs SET state = v.state, scheduled_for = v.due, started_at = v.began, finished_at = v.ended,
			exit_code = v.code, attempt = v.try, message = v.message, reason = v.reason, revision = v.revision, output = v.output
		FROM v WHERE runs.tenant_id = v.tenant AND runs.id = v.id`)
	if crontopus.ErrorCode(err) == crontopus.CodeConflict || (err == nil && int(n) != len(changed)) {
		err = unavailable(errRaced) // the instant is another run's since it was looked for, or a run has gone
	}
	if err != nil {
		return err
	}
	f.tell(changed)
	news := slices.DeleteFunc(changed, func(run *runKept) bool { return !isNews(f.saved[run.key()], &run.Run) })
	f.news = append(f.news, news...)
	return noteWrong(ctx, t, news)
}

// insert writes the runs that are not there yet, and returns them.
func (f *fold) insert(ctx context.Context, t tx, runs []*runKept) ([]*runKept, error) {
	written, err := t.InsertRuns(ctx, runs)
	f.tell(written)
	f.news = append(f.news, written...)
	return written, err
}

// tell takes runs that were written.
func (f *fold) tell(runs []*runKept) {
	f.told = append(f.told, runs...)
	f.heart.began(runs)
}

// sameRun reports whether nothing that is stored differs. Each check-in that brings an output
// brings a state, an attempt or an exit code that was not there, so it need not be compared.
func sameRun(a, b crontopus.Run) bool {
	return a.State == b.State && a.Attempt == b.Attempt && (a.ExitCode == nil) == (b.ExitCode == nil) && a.Revision == b.Revision &&
		sameTime(a.ScheduledFor, b.ScheduledFor) && sameTime(a.Started, b.Started) && sameTime(a.Finished, b.Finished)
}

// isNews reports whether a run that changed says more of how it went. The detector counts runs: one that it was
// told of, and whose start came after its end, would be two to it.
func isNews(was, is *crontopus.Run) bool {
	return !was.Ended() || was.State != is.State || was.Attempt != is.Attempt || !sameTime(was.ScheduledFor, is.ScheduledFor)
}

func sameTime(a, b *time.Time) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Equal(*b))
}
