package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

var syncCases = cases{
	"a sync is kept whole, with the status that it left": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		o := w.outcome(src)
		o.Desired = nil
		o.Sync.Problems = []crontopus.Problem{{File: "a.yaml", Line: 3, Column: 7, Path: "/spec", Code: "unknown_field", Message: "no", Hint: "did you mean"}}
		o.Sync.Plan = &crontopus.Plan{Source: src.ID, From: "a", To: "b", Removed: []string{"production/backup@db-01"}}
		o.Sync.Stages = []crontopus.SyncStage{{Name: "list", At: t0}}
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		got, err := s.Sync(t.Context(), here, o.Sync.ID)
		require.NoError(t, err)
		o.Sync.Source = "ops"
		require.Equal(t, o.Sync, got)
		require.Equal(t, o.Status, w.get("ops").Status)
	},
	"the newest come first": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		for i := range 5 {
			o := w.outcome(src)
			o.Desired, o.Sync.ID, o.Sync.Trigger, o.Sync.Started = nil, fmt.Sprint("s", i), crontopus.TriggerWebhook, t0.Add(time.Duration(i/2)*time.Second)
			require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		}
		var seen []string
		for page := (crontopus.Page{Limit: 2}); ; {
			list, next, err := s.Syncs(t.Context(), here, "ops", page)
			require.NoError(t, err)
			for _, sync := range list {
				seen = append(seen, sync.ID)
			}
			if page.After = next; next == "" {
				break
			}
		}
		require.Equal(t, []string{"s4", "s3", "s2", "s1", "s0"}, seen)
		_, err := s.Sync(t.Context(), here, "s9")
		requireCode(t, crontopus.CodeNotFound, err)
	},
	"a poll that found nothing new is not remembered": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		o := w.outcome(src)
		o.Desired = nil
		finish := func(id string, change func(*crontopus.SyncOutcome)) {
			o.Sync.ID, o.Sync.Started = id, o.Sync.Started.Add(time.Minute)
			change(&o)
			require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		}
		same := func(*crontopus.SyncOutcome) {}
		finish("first", same)
		finish("nothing new", func(o *crontopus.SyncOutcome) { o.Status.Failures = 7 })
		require.Equal(t, 7, w.get("ops").Status.Failures, "its status is")
		finish("fails", func(o *crontopus.SyncOutcome) { o.Sync.Reason = crontopus.ReasonFetchFailed })
		finish("fails the same way", same)
		finish("a new revision", func(o *crontopus.SyncOutcome) { o.Sync.Revision = "main@sha1:2" })
		finish("somebody asked", func(o *crontopus.SyncOutcome) { o.Sync.Trigger = crontopus.TriggerManual })
		list, _, err := s.Syncs(t.Context(), here, "ops", crontopus.Page{})
		require.NoError(t, err)
		var ids []string
		for _, sync := range list {
			ids = append(ids, sync.ID)
		}
		require.Equal(t, []string{"somebody asked", "a new revision", "fails", "first"}, ids)
	},
	"only so many are remembered": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		o := w.outcome(src)
		o.Desired, o.Sync.Trigger = nil, crontopus.TriggerWebhook
		for i := range 505 {
			o.Sync.ID, o.Sync.Started = fmt.Sprint("s", i), t0.Add(time.Duration(i)*time.Second)
			require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		}
		list, next, err := s.Syncs(t.Context(), here, "ops", crontopus.Page{Limit: 1000})
		require.NoError(t, err)
		require.Empty(t, next)
		require.Len(t, list, 500)
		require.Equal(t, t0.Add(504*time.Second), list[0].Started)
	},
}
