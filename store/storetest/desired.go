package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

// desired returns the names of the tenant's jobs.
func (w world) desired() (names []string) {
	list, _, err := w.s.Jobs(w.t.Context(), w.tenant, crontopus.Page{})
	require.NoError(w.t, err)
	for _, j := range list {
		names = append(names, j.Job.Metadata.Name)
	}
	return names
}

var desiredCases = cases{
	"a sync replaces its source's jobs and no others": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		ops, web := w.source("ops"), w.source("web")
		w.sync(ops, "backup", "cleanup")
		w.sync(web, "render")
		w.sync(ops, "cleanup", "report")
		require.Equal(t, []string{"cleanup", "render", "report"}, w.desired())

		set, err := s.DesiredSet(t.Context(), here)
		require.NoError(t, err)
		require.EqualValues(t, 3, set.Sequence)
		require.Len(t, set.States, 2)
		for _, state := range set.States {
			want := crontopus.DesiredState{SourceID: web.ID, Sequence: 1, Revision: "main@sha1:1", Seal: []byte("sealed"),
				Jobs: []crontopus.DesiredJob{job(web, "render")}}
			if state.SourceID == ops.ID {
				want = crontopus.DesiredState{SourceID: ops.ID, Sequence: 2, Revision: "main@sha1:1", Seal: []byte("sealed"),
					Jobs: []crontopus.DesiredJob{job(ops, "cleanup"), job(ops, "report")}}
			}
			require.Equal(t, want, state)
		}
	},
	"who knows a state reads only what was written since": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		ops, web := w.source("ops"), w.source("web")
		since := func(known map[string]int64) (names []string) {
			set, err := s.DesiredSince(t.Context(), here, known)
			require.NoError(t, err)
			for j := range set.Jobs() {
				names = append(names, j.Job.Metadata.Name)
			}
			slices.Sort(names)
			return names
		}
		w.sync(ops, "backup", "cleanup", "report")
		w.sync(web, "render")
		o := w.outcome(ops, "backup", "cleanup", "report")
		o.Desired.Jobs[1].Line = 7
		require.NoError(t, s.FinishSync(t.Context(), here, ops.ID, o))
		w.sync(ops, "backup", "cleanup") // and nothing else is written
		require.Equal(t, []string{"backup", "cleanup", "render"}, since(nil))
		require.Equal(t, []string{"backup", "cleanup", "render"}, since(map[string]int64{ops.ID: 0}))
		require.Equal(t, []string{"cleanup", "render"}, since(map[string]int64{ops.ID: 1}))
		require.Equal(t, []string{"cleanup"}, since(map[string]int64{ops.ID: 2, web.ID: 1}), "written back as it was")
		require.Empty(t, since(map[string]int64{ops.ID: 3, web.ID: 1, "gone": 9}))
		o = w.outcome(ops, "backup", "cleanup")
		o.Rewrite = true
		require.NoError(t, s.FinishSync(t.Context(), here, ops.ID, o))
		require.Equal(t, []string{"backup", "cleanup"}, since(map[string]int64{ops.ID: 3, web.ID: 1}))
	},
	"a sync that says what differs writes that and nothing else": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		ops, web := w.source("ops"), w.source("web")
		w.sync(ops, "backup", "cleanup")
		w.sync(web, "render")
		delta := func(put []crontopus.DesiredJob, gone ...crontopus.JobName) error {
			o := w.outcome(ops, "not", "looked", "at")
			o.Delta = &crontopus.DesiredDelta{Put: put, Gone: gone}
			return s.FinishSync(t.Context(), here, ops.ID, o)
		}
		require.NoError(t, delta([]crontopus.DesiredJob{job(ops, "report")}, named("cleanup"), named("never-there")))
		require.Equal(t, []string{"backup", "render", "report"}, w.desired())
		require.NoError(t, delta(nil, named("render")), "another source's")
		require.Equal(t, []string{"backup", "render", "report"}, w.desired())
		requireCode(t, crontopus.CodeConflict, delta([]crontopus.DesiredJob{job(ops, "render")}))
		require.NoError(t, delta(nil))
	},
	"a state's seal comes back, and is replaced with it": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		for _, seal := range []string{"first", "second"} {
			o := w.outcome(src, "backup")
			o.Desired.Seal = []byte(seal)
			require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
			set, err := s.DesiredSet(t.Context(), here)
			require.NoError(t, err)
			require.Equal(t, seal, string(set.States[0].Seal))
		}
	},
	"a rewrite does not ask what is stored": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src, web := w.source("ops"), w.source("web")
		w.sync(src, "backup", "cleanup")
		w.sync(web, "render")
		o := w.outcome(src, "backup")
		o.Desired.Jobs[0].Job.Spec.Run.Shell = "what the digest does not know of"
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		got, err := s.Job(t.Context(), here, named("backup"))
		require.NoError(t, err)
		require.Empty(t, got.Job.Spec.Run.Shell, "by its digest it is the same")
		o = w.outcome(src, "backup")
		o.Desired.Jobs[0].Job.Spec.Run.Shell, o.Rewrite = "what the digest does not know of", true
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		got, err = s.Job(t.Context(), here, named("backup"))
		require.NoError(t, err)
		require.NotEmpty(t, got.Job.Spec.Run.Shell)
		require.Equal(t, []string{"backup", "render"}, w.desired())
	},
	"a source that is stalled without a sync stays due when it was": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		w.sync(src, "backup")
		before := w.get("ops")
		require.NoError(t, s.StallSource(t.Context(), here, src.ID, crontopus.ReasonSealBroken, "look", t0.Add(time.Second)))
		after := w.get("ops")
		require.Equal(t, []crontopus.Condition{
			{Type: crontopus.ConditionReady, Reason: crontopus.ReasonSealBroken, Message: "look", Since: t0.Add(time.Second)},
			{Type: crontopus.ConditionStalled, Status: true, Reason: crontopus.ReasonSealBroken, Message: "look", Since: t0.Add(time.Second)},
		}, after.Status.Conditions)
		require.Equal(t, before.Status.NextAttemptAt, after.Status.NextAttemptAt)
		requireCode(t, crontopus.CodeNotFound, s.StallSource(t.Context(), here, "nobody", "x", "y", t0))
	},
	"a broken seal stays until a sync replaces what it was on": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		w.sync(src, "backup")
		found := t0.Add(time.Second)
		require.NoError(t, s.StallSource(t.Context(), here, src.ID, crontopus.ReasonSealBroken, "look", found))
		o := w.outcome(src, "backup")
		requireCode(t, crontopus.CodeConflict, s.FinishSync(t.Context(), here, src.ID, o)) // it began before that was found

		for _, reason := range []string{crontopus.ReasonFetchFailed, crontopus.ReasonRemovalBlocked} {
			failed := o
			failed.Desired, failed.Status.Conditions = nil, []crontopus.Condition{
				{Type: crontopus.ConditionReady, Reason: reason, Message: "why", Since: found.Add(time.Minute)},
				{Type: crontopus.ConditionStalled, Reason: reason, Since: found.Add(time.Minute)},
			}
			require.NoError(t, s.FinishSync(t.Context(), here, src.ID, failed))
			require.Equal(t, []crontopus.Condition{
				{Type: crontopus.ConditionReady, Reason: crontopus.ReasonSealBroken, Message: "look; the last sync came to " + reason + ": why", Since: found},
				{Type: crontopus.ConditionStalled, Status: true, Reason: crontopus.ReasonSealBroken, Message: "look", Since: found},
			}, w.get("ops").Status.Conditions)
		}

		o.Rewrite = true
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		require.Equal(t, o.Status.Conditions, w.get("ops").Status.Conditions)
	},
	"a job that changed is written, with the commit that changed it": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		w.sync(src, "backup")
		o := w.outcome(src, "backup")
		changed := &o.Desired.Jobs[0]
		changed.Job.Spec.Schedule = crontopus.Schedules{"0 4 * * *"}
		changed.Digest, changed.Revision, changed.Line = changed.Job.Digest(), "main@sha1:2", 12
		changed.Commit = crontopus.Commit{Hash: "2", Author: "Grace", Subject: "later", At: t0}
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		got, err := s.Job(t.Context(), here, named("backup"))
		require.NoError(t, err)
		require.Equal(t, *changed, got)
	},
	"a revision without jobs empties the source": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		w.sync(src, "backup")
		w.sync(src)
		require.Empty(t, w.desired())
	},
	"a sync that read an old state changes nothing at all": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		late := w.outcome(src, "late")
		w.sync(src, "backup")
		before := w.get("ops")
		requireCode(t, crontopus.CodeConflict, s.FinishSync(t.Context(), here, src.ID, late))
		require.Equal(t, []string{"backup"}, w.desired())
		require.Equal(t, before, w.get("ops"))
		_, err := s.Sync(t.Context(), here, late.Sync.ID)
		requireCode(t, crontopus.CodeNotFound, err)
	},
	"sixteen syncs from one state and one is written": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		errs := make([]error, 16)
		var all sync.WaitGroup
		read := w.outcome(src, "backup")
		for i := range errs {
			o := read
			o.Sync.ID = fmt.Sprint("s", i)
			all.Go(func() { errs[i] = s.FinishSync(t.Context(), here, src.ID, o) })
		}
		all.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			requireCode(t, crontopus.CodeConflict, err)
		}
		require.Equal(t, 1, won)
		require.EqualValues(t, 1, w.sequence(src))
	},
	"a job belongs to the source that first named it": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		ops, web := w.source("ops"), w.source("web")
		w.sync(ops, "backup")
		err := s.FinishSync(t.Context(), here, web.ID, w.outcome(web, "another", "backup"))
		requireCode(t, crontopus.CodeConflict, err)
		require.ErrorContains(t, err, "production/backup")
		require.Equal(t, []string{"backup"}, w.desired(), "nothing of the refused revision is there")
		w.sync(ops)
		w.sync(web, "backup")
	},
	"a sync marks the agents that it names and those that changed since it read them": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		old, kept := w.agent("old"), w.agent("kept")
		_, seq, err := s.AgentsAt(t.Context(), here)
		require.NoError(t, err)
		fresh := w.agent("fresh")
		w.settle()
		o := w.outcome(src, "backup")
		o.AgentsSeq, o.Mark = seq, []string{old.ID, "nobody"}
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		require.ElementsMatch(t, []string{old.ID, fresh.ID}, w.marked())
		require.NotContains(t, w.marked(), kept.ID)
	},
	"a sync that changed nothing marks nobody": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		w.agent("db-01")
		w.settle()
		w.hold(src, "abc")
		require.Empty(t, w.marked())
		set, err := s.DesiredSet(t.Context(), here)
		require.NoError(t, err)
		require.Zero(t, set.Sequence)
		require.Empty(t, set.States)
	},
}
