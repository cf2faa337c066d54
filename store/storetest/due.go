package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

// due returns the names of the sources that are due.
func (w world) due(at time.Time) (names []string) {
	list, err := w.s.SystemDueSources(w.t.Context(), at)
	require.NoError(w.t, err)
	for _, src := range list {
		names = append(names, src.Name)
	}
	return names
}

// finishAs ends a sync that found nothing new, as its owner.
func (w world) finishAs(src crontopus.Source, owner string) {
	o := w.outcome(src)
	o.Owner, o.Desired = owner, nil
	require.NoError(w.t, w.s.FinishSync(w.t.Context(), w.tenant, src.ID, o))
}

var dueCases = cases{
	"a new source is due at once, then when its sync said": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		require.Equal(t, []string{"ops"}, w.due(t0))
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "", t0))
		require.Nil(t, w.get("ops").RequestedAt)
		require.Empty(t, w.due(t0))
		w.sync(src, "backup")
		require.Empty(t, w.due(t0.Add(59*time.Second)))
		require.Equal(t, []string{"ops"}, w.due(t0.Add(time.Minute)))
	},
	"a sync in progress shows": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "", t0))
		require.Equal(t, []crontopus.Condition{{Type: crontopus.ConditionReconciling, Status: true,
			Reason: crontopus.ReasonProgressing, Message: "syncing", Since: t0}}, w.get("ops").Status.Conditions)
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "", t0.Add(time.Hour)))
		require.Equal(t, t0, w.get("ops").Status.Conditions[0].Since, "since it first was so")
	},
	"however many webhooks during a sync, they are one sync more": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "", t0))
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 25 {
					if s.SystemRequestSync(t.Context(), src.ID, crontopus.TriggerWebhook, t0) != nil {
						t.Error("a webhook was lost")
					}
				}
			})
		}
		all.Wait()
		w.sync(src, "backup")
		require.Equal(t, []string{"ops"}, w.due(t0), "the sync that ended may have read before the push")
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "", t0))
		w.sync(src, "backup")
		require.Empty(t, w.due(t0))
	},
	"a sync that never ended is due again": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "", t0))
		require.Equal(t, []string{"ops"}, w.due(t0.Add(time.Hour)))
	},
	"a source that waits for a person is due when one asks": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "", t0))
		w.hold(src, "abc")
		require.Empty(t, w.due(t0.AddDate(1, 0, 0)))
		require.NoError(t, s.RequestSync(t.Context(), here, actor, "ops", t0))
		require.Equal(t, []string{"ops"}, w.due(t0))
		require.Equal(t, crontopus.TriggerManual, w.get("ops").RequestedBy)
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "", t0))
		require.NoError(t, s.SystemRequestSync(t.Context(), src.ID, crontopus.TriggerWebhook, t0))
		require.Equal(t, crontopus.TriggerWebhook, w.get("ops").RequestedBy)
	},
	"a suspended source rests until it is resumed": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		require.NoError(t, s.SuspendSource(t.Context(), here, actor, "ops", true))
		require.NoError(t, s.SystemRequestSync(t.Context(), src.ID, crontopus.TriggerWebhook, t0))
		requireCode(t, crontopus.CodeConflict, s.RequestSync(t.Context(), here, actor, "ops", t0))
		w.sync(src, "backup") // one that had begun before
		require.Empty(t, w.due(t0.AddDate(1, 0, 0)))
		status := w.get("ops").Status
		require.Nil(t, status.NextAttemptAt)
		for _, c := range status.Conditions {
			require.Equal(t, crontopus.ReasonSuspended, c.Reason, c.Type)
			require.False(t, c.Status, c.Type)
		}
		require.NoError(t, s.SuspendSource(t.Context(), here, actor, "ops", false))
		require.Equal(t, []string{"ops"}, w.due(t0))
	},
	"a removed source is due until it is dropped, suspended or not": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		require.NoError(t, s.SuspendSource(t.Context(), here, actor, "ops", true))
		require.NoError(t, s.RemoveSource(t.Context(), here, actor, "ops", t0))
		require.Equal(t, []string{"ops"}, w.due(t0))
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "", t0))
		require.Empty(t, w.due(t0))
		require.Equal(t, []string{"ops"}, w.due(t0.Add(time.Minute)), "where dropping it did not come to an end")
	},
	"who waits longest comes first, and whoever asks again and again last": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		noisy := w.source("noisy")
		for _, name := range []string{"a", "b", "c"} {
			w.source(name)
		}
		for i, name := range []string{"c", "noisy", "a", "b"} { // asked for in this order
			require.NoError(t, s.SystemBeginSync(t.Context(), w.get(name).ID, "", t0))
			w.sync(w.get(name))
			require.NoError(t, s.SystemRequestSync(t.Context(), w.get(name).ID, crontopus.TriggerWebhook, t0.Add(time.Duration(i)*time.Second)))
		}
		require.Equal(t, []string{"c", "noisy", "a", "b"}, w.due(t0.Add(10*time.Second)))
		require.NoError(t, s.SystemRequestSync(t.Context(), noisy.ID, crontopus.TriggerWebhook, t0.Add(5*time.Second)))
		require.Equal(t, []string{"c", "noisy", "a", "b"}, w.due(t0.Add(10*time.Second)), "its first request counts")
		require.NoError(t, s.SystemBeginSync(t.Context(), noisy.ID, "", t0.Add(6*time.Second)))
		require.NoError(t, s.SystemRequestSync(t.Context(), noisy.ID, crontopus.TriggerWebhook, t0.Add(6*time.Second)))
		w.sync(noisy)
		require.Equal(t, []string{"c", "a", "b", "noisy"}, w.due(t0.Add(10*time.Second)), "behind all that wait")
	},
	"what a clock wrote that was ahead is due": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src, other := w.source("ops"), w.source("asked-for")
		year := t0.AddDate(1, 0, 0)
		for _, src := range []crontopus.Source{src, other} {
			require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "a", year))
			o := w.outcome(src, "of-"+src.Name)
			next := year.Add(time.Minute)
			o.Owner, o.Status.NextAttemptAt = "a", &next
			require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		}
		require.Len(t, w.due(t0), 2, "and not in a year")
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "a", t0))
		w.finishAs(src, "a")
		require.Equal(t, []string{"asked-for"}, w.due(t0.Add(59*time.Second)))
		require.NoError(t, s.SystemRequestSync(t.Context(), other.ID, crontopus.TriggerWebhook, year))
		require.NoError(t, s.SystemRequestSync(t.Context(), src.ID, crontopus.TriggerWebhook, t0))
		require.Equal(t, []string{"asked-for", "ops"}, w.due(t0.Add(59*time.Second)), "nobody waits behind those that come later")
	},
	"sources of all tenants are due": func(t *testing.T, s *store.Store) {
		newWorld(t, s, there).source("theirs")
		w := newWorld(t, s, here)
		w.source("ours")
		require.ElementsMatch(t, []string{"ours", "theirs"}, w.due(t0))
	},
}
