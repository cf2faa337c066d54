package store

import (
	"cmp"
	"context"
	"slices"
)

// insertRuns writes those of a runTable that are not there yet.
const insertRuns = `
	INSERT INTO runs (tenant_id, id, namespace, name, agent_id, at, state, scheduled_for, started_at,
		finished_at, exit_code, attempt, message, reason, revision, output)
	SELECT tenant, id, space, job, agent, place, state, due, began, ended, code, try, message, reason, revision, output
	FROM v WHERE true ON CONFLICT DO NOTHING`

// fewWrong entries are read whole, which costs less than to ask for each run.
const fewWrong = 100

// noteWrong notes of which runs something is wrong with their entries: mostly none.
func noteWrong(ctx context.Context, t tx, runs []*runKept) error {
	if len(runs) == 0 {
		return nil
	}
	wrong, err := collect(ctx, t, func(r row, k *watchKey) error { return r.Scan(&k.tenant, &k.id) },
		"SELECT tenant_id, id FROM watches WHERE alert = 1 ORDER BY id LIMIT $1", fewWrong+1) // by the index watches_wrong
	if err != nil || len(wrong) == 0 {
		return err
	}
	if len(wrong) > fewWrong {
		return noteManyWrong(ctx, t, runs)
	}
	for _, run := range runs {
		run.wrong = slices.Contains(wrong, watchOf(run))
	}
	return nil
}

func noteManyWrong(ctx context.Context, t tx, runs []*runKept) error {
	var v many
	withPlaces(&v, runs)
	withWatches(&v, runs)
	wrong, err := collectRuns(ctx, t, runs, v, `
		SELECT v.place FROM v CROSS JOIN watches w
		WHERE w.id = v.watch AND w.alert = 1 AND w.tenant_id || '' = v.tenant`) // by the same index
	for _, run := range wrong {
		run.wrong = true
	}
	return err
}

// withPlaces numbers runs, for collectRuns.
func withPlaces(v *many, runs []*runKept) {
	places := make([]int, len(runs))
	for i := range places {
		places[i] = i
	}
	with(v, "place", "bigint", places)
}

// collectRuns returns those of the runs whose places a query finds.
func collectRuns(ctx context.Context, t tx, runs []*runKept, v many, query string) ([]*runKept, error) {
	return collectMany(ctx, t, func(r row, run **runKept) error {
		var place int
		err := r.Scan(&place)
		if err == nil {
			*run = runs[place]
		}
		return err
	}, v, query)
}

// runTable holds whole runs, in the order of their ids, in which every server writes them.
func runTable(runs []*runKept) (v many) {
	slices.SortFunc(runs, func(a, b *runKept) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.tenant, b.tenant))
	})
	withEach(&v, "tenant", "text", runs, func(r **runKept) string { return string((*r).tenant) })
	withEach(&v, "id", "text", runs, func(r **runKept) string { return (*r).ID })
	withEach(&v, "space", "text", runs, func(r **runKept) string { return (*r).Job.Namespace })
	withEach(&v, "job", "text", runs, func(r **runKept) string { return (*r).Job.Name })
	withEach(&v, "agent", "text", runs, func(r **runKept) *string { return orNull((*r).agentID) })
	withEach(&v, "place", "bigint", runs, func(r **runKept) int64 { return (*r).at })
	withEach(&v, "state", "text", runs, func(r **runKept) string { return string((*r).State) })
	withEach(&v, "due", "bigint", runs, func(r **runKept) *int64 { return optional((*r).ScheduledFor) })
	withEach(&v, "began", "bigint", runs, func(r **runKept) *int64 { return optional((*r).Started) })
	withEach(&v, "ended", "bigint", runs, func(r **runKept) *int64 { return optional((*r).Finished) })
	withEach(&v, "code", "bigint", runs, func(r **runKept) *int { return (*r).ExitCode })
	withEach(&v, "try", "bigint", runs, func(r **runKept) int { return (*r).Attempt })
	withEach(&v, "message", "text", runs, func(r **runKept) string { return (*r).Message })
	withEach(&v, "reason", "text", runs, func(r **runKept) string { return (*r).Reason })
	withEach(&v, "revision", "text", runs, func(r **runKept) string { return (*r).Revision })
	withEach(&v, "output", "bytea", runs, func(r **runKept) []byte { return output((*r).Output) })
	return v
}

// orNull is how text that may be absent is stored.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// output is never NULL in the table.
func output(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
